package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sinkcpu/sinkcpu/internal/terminal"
)

// helpColumns is the width of help texts: that of the terminal, up to what is comfortable to read.
func helpColumns() int {
	const most = 120
	if f := terminal.Of(os.Stdout); f != nil {
		return min(max(terminal.Columns(f), 40), most)
	}
	return most
}

// flagGroup is the annotation of flags that are listed apart, under its text.
const flagGroup = "group"

// group lists flags apart from the others in a help text.
func group[V any](f *pflag.FlagSet, title string, names map[string]V) {
	for name := range names {
		_ = f.SetAnnotation(name, flagGroup, []string{title}) // it fails for flags that are not there
	}
}

// usage writes what stands below the description of a command: how to call it, examples, its commands, its flags.
func usage(cmd *cobra.Command) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s [command]\n", cmd.CommandPath())
	}
	if cmd.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				fmt.Fprintf(&b, "  %-*s %s\n", c.NamePadding(), c.Name(), c.Short)
			}
		}
	}
	var titles []string
	sets := map[string]*pflag.FlagSet{}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		title := "Flags"
		if t := f.Annotations[flagGroup]; len(t) > 0 {
			title = t[0]
		}
		if sets[title] == nil {
			titles, sets[title] = append(titles, title), pflag.NewFlagSet("", pflag.ContinueOnError)
		}
		sets[title].AddFlag(f)
	})
	for _, title := range titles {
		fmt.Fprintf(&b, "\n%s:\n%s", title, sets[title].FlagUsagesWrapped(helpColumns()))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n%s [command] --help says more about a command.\n", cmd.CommandPath())
	}
	_, err := io.WriteString(cmd.OutOrStderr(), b.String())
	return err
}
