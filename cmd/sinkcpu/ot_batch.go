package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// batchBlock is how many pairs of files are in memory at once.
const batchBlock = 64

// An otPair is a line of the output of --batch.
type otPair struct {
	X string `json:"x"`
	Y string `json:"y"`
	*otReport
	Error string `json:"error,omitempty"`

	err error
}

// checkBatch holds --batch against flags that are about one pair.
func (o *otOptions) checkBatch(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("--batch takes the place of the points, but %q is given too", args[0])
	}
	for _, name := range []string{"cost-matrix", "cost-xx", "cost-yy", "weights-x", "weights-y", "init"} {
		if cmd.Flags().Changed(name) {
			return usagef("--%s is about one pair of files and does not go with --batch", name)
		}
	}
	for _, out := range o.outputs() {
		if out.path != "" {
			return usagef("--%s is about one pair of files and does not go with --batch", out.flag)
		}
	}
	return nil
}

// runBatch solves every pair of files and prints an object a line, in the order of the list. A pair that cannot be solved has an error in
// place of its answer and does not keep others from theirs.
func (o *otOptions) runBatch(ctx context.Context, stdin io.Reader, stdout io.Writer, pool *parallel.Pool) error {
	pairs, err := readBatch(stdin, o.batch)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(stdout)
	failed, unconverged := 0, 0
	for len(pairs) > 0 {
		block := pairs[:min(batchBlock, len(pairs))]
		pairs = pairs[len(block):]
		pool.For(len(block), func(k int) { block[k].solve(ctx, o, pool) })
		for k := range block {
			switch p := &block[k]; {
			case p.otReport == nil:
				failed++
				p.Error = strings.ReplaceAll(p.err.Error(), "\n", "; ")
			case p.err != nil:
				unconverged++
			}
			if err := enc.Encode(&block[k]); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%s: %d pairs have an error in place of an answer", o.batch, failed)
	case unconverged > 0:
		return fmt.Errorf("%w: %d pairs of %s", sinkhorn.ErrNotConverged, unconverged, o.batch)
	}
	return nil
}

// solve sets the report of a pair, or its error.
func (p *otPair) solve(ctx context.Context, o *otOptions, pool *parallel.Pool) {
	in, err := o.read(strings.NewReader(""), []string{p.X, p.Y})
	if err != nil {
		p.err = err
		return
	}
	eps, err := o.temperature(pool, in)
	if err != nil {
		p.err = err
		return
	}
	answer, report, err := o.answer(ctx, in, eps, pool, nil)
	p.err = err
	if answer != nil {
		p.otReport = report
	}
}

// readBatch reads a list of pairs of files.
func readBatch(stdin io.Reader, path string) ([]otPair, error) {
	r := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, fmt.Errorf("%s: is a folder, a file is needed", path)
		}
		r = f
	}
	lines := csv.NewReader(r)
	lines.FieldsPerRecord = -1
	var pairs []otPair
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		line, _ := lines.FieldPos(0)
		if len(fields) != 2 || strings.TrimSpace(fields[0]) == "" || strings.TrimSpace(fields[1]) == "" {
			return nil, fmt.Errorf("%s: line %d has %d fields; want the two files of a pair, X,Y", path, line, len(fields))
		}
		p := otPair{X: strings.TrimSpace(fields[0]), Y: strings.TrimSpace(fields[1])}
		if p.X == "-" || p.Y == "-" {
			return nil, fmt.Errorf("%s: line %d names the standard input; name files", path, line)
		}
		pairs = append(pairs, p)
	}
	if len(pairs) == 0 {
		return nil, fmt.Errorf("%s: no pair of files; want a line X,Y for each", path)
	}
	return pairs, nil
}
