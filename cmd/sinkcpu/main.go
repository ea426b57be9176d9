// Command sinkcpu computes entropic optimal transport, and trains generative models with it, on ordinary processors.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
	"github.com/sinkcpu/sinkcpu/train"
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// run executes one command line and returns its exit status. The first interrupt ends ctx, the second the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	help := checkHelp(root)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		err = help()
	}
	code := exitCode(err)
	var said *saidError
	if err != nil && !errors.As(err, &said) {
		printError(stderr, cmd, sayInterrupted(ctx, err), code)
	}
	return code
}

// checkHelp returns what tells, after root was executed, whether it was asked for help on a command that there is not, or could not write it: cobra has no
// error for either.
func checkHelp(root *cobra.Command) func() error {
	var failed error
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if cmd.HasAvailableSubCommands() && cmd.Flags().NArg() > 0 {
			failed = unknownCommand(cmd, cmd.Flags().Arg(0))
			return
		}
		var text bytes.Buffer
		to := cmd.OutOrStdout()
		cmd.SetOut(&text)
		help(cmd, args)
		cmd.SetOut(to)
		_, failed = to.Write(text.Bytes())
	})
	return func() error { return failed }
}

// sayInterrupted names the error of a computation that has nothing to say but that its context ended.
func sayInterrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && (err.Error() == ctx.Err().Error() || err.Error() == context.Cause(ctx).Error()) {
		return train.ErrInterrupted
	}
	return err
}

// The exit status of the command; help texts list them.
const (
	exitDone         = 0
	exitFailed       = 1
	exitUsage        = 2
	exitNotConverged = 3
	exitInterrupted  = 130
)

// exitCode is the only place where errors become a status.
func exitCode(err error) int {
	var usage *usageError
	var config *train.ConfigError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, train.ErrInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.As(err, &usage), errors.As(err, &config):
		return exitUsage
	case errors.Is(err, sinkhorn.ErrNotConverged):
		return exitNotConverged
	}
	return exitFailed
}

// A usageError is a command line that cannot be: unknown flags, bad values.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// printError writes the error in one line, as JSON where the command was asked for JSON.
func printError(w io.Writer, cmd *cobra.Command, err error, code int) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if f := cmd.Flags().Lookup("json"); f != nil && f.Changed && f.Value.String() == "true" {
		_ = json.NewEncoder(w).Encode(struct {
			Error string `json:"error"`
			Code  int    `json:"exit_code"`
		}{text, code})
		return
	}
	fmt.Fprintf(w, "sinkcpu: %s\n", text)
}

const exitStatus = `
Exit status:
  0 done   1 bad data, missing file, foreign checkpoint, non-finite training   2 bad flags or values
  3 not converged   130 interrupted, after the checkpoint`

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "sinkcpu",
		Short: "Entropic optimal transport, and generative models trained with it, on ordinary processors",
		Long: `sinkcpu computes entropic optimal transport, and trains generative models with it, on ordinary processors.

Without any flag, "sinkcpu train" learns to draw digits from a built-in generator of data.
` + exitStatus,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE:    func(cmd *cobra.Command, args []string) error { return cmd.Help() },
		Version: version(),
		PersistentPreRun: func(cmd *cobra.Command, _ []string) {
			if p := kernels.EnvISAProblem(); p != "" && cmd.Name() != "info" {
				fmt.Fprintf(cmd.ErrOrStderr(), "sinkcpu: warning: %s\n", p)
			}
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(usage)
	root.SetHelpCommand(&cobra.Command{
		Use:   "help [command]",
		Short: "Show the help of a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return unknownCommand(about, rest[0])
			}
			return about.Help()
		},
	})
	root.AddCommand(
		newTrainCommand(), newSampleCommand(), newEvalCommand(), newExportCommand(),
		newEncodeCommand(), newReconstructCommand(), newInterpolateCommand(), newReportCommand(), newStudyCommand(),
		newOTCommand(), newDataCommand(), newBenchCommand(), newInfoCommand(),
	)
	return root
}

// noArgs refuses arguments that are not flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%s takes flags only, and %q is none; %s --help lists them", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// printJSON writes the one object of --json.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
