package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/report/page"
)

type reportOptions struct {
	out  string
	http string
}

func newReportCommand() *cobra.Command {
	o := &reportOptions{}
	cmd := &cobra.Command{
		Use:   "report RUN...",
		Short: "Show runs beside each other, as a file or as a live page",
		Long: `Write one self-contained HTML file with the curves, samples, numbers and settings of runs, side by side; or, with --http, serve them
as a page that follows runs in progress and asks their models for pictures of latent points. The runs are only read.

--http PORT serves this machine alone; --http 0.0.0.0:PORT serves whoever can reach it, without a password.
` + exitStatus,
		Example: `  sinkcpu report runs/glyphs-1 runs/glyphs-2 --out report.html
  sinkcpu report runs/glyphs-1 --http 8080`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("report needs the folder of a run, such as runs/glyphs-1")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.report(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.out, "out", "report.html", "file to write")
	f.StringVar(&o.http, "http", "", "serve a live page at PORT or HOST:PORT instead, until interrupted")
	return cmd
}

func (o *reportOptions) report(cmd *cobra.Command, runs []string) error {
	if o.http != "" {
		l, err := listen(o.http)
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "live page: %s\n", address(l))
		return servePage(cmd.Context(), l, runs...)
	}
	if err := checkOutput("out", o.out); err != nil {
		return err
	}
	var text bytes.Buffer
	if err := page.Write(&text, runs...); err != nil {
		return err
	}
	if err := atomicfile.Write(o.out, func(w io.Writer) error { _, err := text.WriteTo(w); return err }); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "the report is in %s\n", o.out)
	return nil
}
