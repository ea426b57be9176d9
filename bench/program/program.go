// Package program is the frame of the programs that measure: flags to an exit status, interrupts, rows that were measured before, another tier
// in another process, progress, and where a table and its rows go, those of a run that ends early too.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// ExitStatus is what Main returns, as a line of a usage text.
const ExitStatus = "Exit status: 0 done, 1 a row has no value or a file could not be read or written, 2 bad flags, 130 interrupted or told to end; what was measured until then is kept.\n"

// A Program is a command line of flags only.
type Program struct {
	Name  string // in messages
	Usage string // what it does, before the list of flags
	Flags func(f *flag.FlagSet)
	Check func() error // of the flags; may be nil
	Run   func(ctx context.Context, stdout, stderr io.Writer) error
}

// Main runs the program to its exit status: 0 done, 1 where Run fails, 2 for flags that cannot be, 130 after an interrupt or SIGTERM, the signal of
// timeout(1). The first ends the context of Run, the second the process.
func (p Program) Main(args []string, stdout, stderr io.Writer) int {
	switch err := p.parse(args, stderr); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v; --help lists the flags\n", p.Name, err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	err := p.Run(ctx, stdout, stderr)
	switch {
	case ctx.Err() != nil:
		return 130
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v\n", p.Name, err)
		return 1
	}
	return 0
}

func (p Program) parse(args []string, stderr io.Writer) error {
	f := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	f.SetOutput(io.Discard) // Main says what is wrong, once
	p.Flags(f)
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stderr, p.Usage)
		f.SetOutput(stderr)
		f.PrintDefaults()
		return err
	case err != nil:
		return err
	case f.NArg() > 0:
		return fmt.Errorf("unknown argument %q", f.Arg(0))
	case p.Check != nil:
		return p.Check()
	}
	return nil
}
