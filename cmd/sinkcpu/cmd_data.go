package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/data/fetch"
	"github.com/sinkcpu/sinkcpu/internal/terminal"
	"github.com/sinkcpu/sinkcpu/train"
)

func newDataCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "List the built-in data, download public data sets",
		Long: `List the data that is built in, and download public data sets.
` + exitStatus,
		Example: `  sinkcpu data list
  sinkcpu data fetch mnist --to data/mnist`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return unknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDataListCommand(), newDataFetchCommand())
	return cmd
}

func newDataListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the data that --data takes",
		Long: `List the data that --data takes.
` + exitStatus,
		Example: `  sinkcpu data list`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, b := range data.Names() {
				fmt.Fprintf(cmd.OutOrStdout(), "%-14s %s\n", b.Name, b.Description)
			}
			_, err := io.WriteString(cmd.OutOrStdout(), `mnist:DIR      the four files of MNIST, or of a set in its format
cifar10:DIR    data_batch*.bin and test_batch*.bin of CIFAR-10, plain or .gz
images:DIR     PNG and JPEG files, resized to 32 x 32, or to N x N by images:DIR,size=N
points:FILE    rows of a .npy or CSV file
`)
			return err
		},
	}
}

func newDataFetchCommand() *cobra.Command {
	var to, mirror string
	cmd := &cobra.Command{
		Use:   "fetch mnist|cifar10",
		Short: "Download a public data set",
		Long: `Download a public data set, go on where a download was interrupted, and verify its SHA-256.
` + exitStatus,
		Example: `  sinkcpu data fetch mnist
  sinkcpu data fetch cifar10 --to data/cifar10 --mirror https://example.org/files/`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("fetch takes the name of one data set: mnist or cifar10")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := fetch.Find(args[0])
			if err != nil {
				return usagef("%v", err)
			}
			if to == "" {
				to = filepath.Join("data", set.Name)
			}
			if mirror != "" {
				set.Mirror = mirror
			}
			if err := fetchSet(cmd, set, to); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is in %s: train with --data %s:%s\n", set.Name, to, set.Name, to)
			return err
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "folder for the files (default data/NAME)")
	cmd.Flags().StringVar(&mirror, "mirror", "", "address of a folder that holds the same files")
	return cmd
}

// fetchSet downloads a set, with its progress on a terminal.
func fetchSet(cmd *cobra.Command, set fetch.Set, to string) error {
	w := cmd.ErrOrStderr()
	g := fetch.Getter{}
	if f := terminal.Of(w); f != nil {
		last := -1
		g.Progress = func(file string, have, all int64) {
			if percent := int(100 * have / max(all, 1)); percent != last {
				last = percent
				terminal.Redraw(f, fmt.Sprintf("%s %3d %%", file, percent))
			}
		}
		defer fmt.Fprint(w, "\r\x1b[K")
	}
	err := g.Get(cmd.Context(), set, to)
	switch {
	case errors.Is(err, fetch.ErrNoNetwork):
		return fmt.Errorf("%w; files fetched elsewhere can be put into %s", err, to)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%w; the same command goes on from what is in %s", train.ErrInterrupted, to)
	}
	return err
}
