package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/internal/elapsed"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/terminal"
	"github.com/sinkcpu/sinkcpu/study"
	"github.com/sinkcpu/sinkcpu/train"
)

type studyOptions struct {
	out     string
	seed    uint64
	threads int
	json    bool
}

func newStudyCommand() *cobra.Command {
	o := &studyOptions{}
	var list strings.Builder
	var names []string
	for _, s := range study.All(1) {
		fmt.Fprintf(&list, "  %-20s %s\n", s.Name(), s.Summary())
		names = append(names, s.Name())
	}
	cmd := &cobra.Command{
		Use:   "study NAME",
		Short: "Measure what temperature, batch and iterations do to a Sinkhorn loss",
		Long: `Compute a study over its grid, a line of NAME.csv a point, and draw NAME.png from it. The same command goes on where a study was
interrupted or killed, and only draws where it is complete; NAME.json has the settings, the command line and the findings.

Studies:
` + list.String() + exitStatus,
		Example: `  sinkcpu study interpolation
  sinkcpu study sample-complexity --out results --seed 2`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("study takes the name of one study: %s", strings.Join(names, ", "))
			}
			return nil
		},
		ValidArgs: names,
		RunE:      func(cmd *cobra.Command, args []string) error { return o.study(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "studies", "folder for the results")
	f.Uint64Var(&o.seed, "seed", 1, "seed of all random numbers")
	f.IntVar(&o.threads, "threads", 0, "workers; 0 for one a processor; the result does not depend on it")
	f.BoolVar(&o.json, "json", false, "print what NAME.json holds")
	return cmd
}

func (o *studyOptions) study(cmd *cobra.Command, name string) error {
	s, err := study.Find(name, o.seed)
	if err != nil {
		return usagef("%s", strings.TrimPrefix(err.Error(), "study: "))
	}
	if o.threads < 0 {
		return usagef("--threads %d: want 0 or more", o.threads)
	}
	pool := parallel.New(o.threads)
	defer pool.Close()
	progress := newStudyProgress(cmd.ErrOrStderr(), s.Name())
	command := fmt.Sprintf("sinkcpu study %s --seed %d", name, o.seed)
	record, err := study.Run(cmd.Context(), s, study.Options{Dir: o.out, Command: command, Runner: pool, Progress: progress.show})
	progress.end()
	if err != nil {
		if errors.Is(err, cmd.Context().Err()) {
			return fmt.Errorf("%w; the same command goes on after the points in %s", train.ErrInterrupted, filepath.Join(o.out, name+".csv"))
		}
		return err
	}
	if o.json {
		return printJSON(cmd.OutOrStdout(), record)
	}
	for _, line := range record.Findings {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), line); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d points, %s of processor time: %s and .csv\n", record.Points, elapsed.Text(record.CPUSeconds), filepath.Join(o.out, name+".png"))
	return err
}

// A studyProgress redraws a line on a terminal, and writes one every ten seconds elsewhere.
type studyProgress struct {
	w        io.Writer
	name     string
	terminal *os.File // nil where w is none
	begin    time.Time
	next     time.Time
	drawn    bool
}

func newStudyProgress(w io.Writer, name string) *studyProgress {
	p := &studyProgress{w: w, terminal: terminal.Of(w), name: name, begin: time.Now()}
	if p.terminal == nil {
		p.next = p.begin.Add(lineEvery)
	}
	return p
}

func (p *studyProgress) show(done0, done, total int, next string) {
	now := time.Now()
	if done == done0 && done0 > 0 {
		p.end()
		fmt.Fprintf(p.w, "%s: %d of %d points are there\n", p.name, done0, total)
	}
	if now.Before(p.next) || next == "" {
		return
	}
	left := ""
	if done > done0 {
		left = ", about " + elapsed.Text(now.Sub(p.begin).Seconds()/float64(done-done0)*float64(total-done)) + " left"
	}
	text := fmt.Sprintf("%s: %d of %d points, now %s%s", p.name, done, total, next, left)
	if p.terminal != nil {
		p.next, p.drawn = now.Add(redrawEvery), true
		terminal.Redraw(p.terminal, text)
		return
	}
	p.next = now.Add(lineEvery)
	fmt.Fprintln(p.w, text)
}

// end takes the line away.
func (p *studyProgress) end() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}
