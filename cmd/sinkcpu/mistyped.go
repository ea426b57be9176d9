package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// unknownCommand refuses a name that is none of cmd's commands, and suggests those that are like it.
func unknownCommand(cmd *cobra.Command, name string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return usagef("unknown command %q%s; %s --help lists the commands", name, meant(name, names, ""), cmd.CommandPath())
}

// flagError says what is wrong with a flag in the words of a user, and what was probably meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var syntax *strconv.NumError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		err = fmt.Errorf("unknown flag --%s%s", unknown.GetSpecifiedName(), meant(unknown.GetSpecifiedName(), names, "--"))
	case errors.As(err, &invalid) && errors.As(err, &syntax):
		err = fmt.Errorf("--%s %s: want %s", invalid.GetFlag().Name, invalid.GetValue(), wantedBy(invalid.GetFlag(), syntax))
	case errors.As(err, &invalid) && invalid.Unwrap() != nil:
		err = fmt.Errorf("--%s %s: %w", invalid.GetFlag().Name, invalid.GetValue(), invalid.Unwrap())
	}
	return usagef("%v; %s --help lists the flags", err, cmd.CommandPath())
}

// wantedBy describes the values of a flag of numbers.
func wantedBy(f *pflag.Flag, err *strconv.NumError) string {
	kind := map[string]string{
		"int": "a whole number", "uint64": "a whole number, 0 or more", "float64": "a number", "bool": "true or false",
		"intSlice": "whole numbers, separated by commas", "float64Slice": "numbers, separated by commas",
	}[f.Value.Type()]
	if kind == "" {
		kind = f.Value.Type()
	}
	if errors.Is(err, strconv.ErrRange) {
		return kind + " that is not as large"
	}
	return kind
}

// meant asks for the names that differ from one by a slip or two, fewer in a short name.
func meant(name string, names []string, prefix string) string {
	near := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slips(name, n) > min(2, len(name)/3) })
	if len(near) == 0 {
		return ""
	}
	slices.SortStableFunc(near, func(a, b string) int { return slips(name, a) - slips(name, b) })
	return ", did you mean " + prefix + strings.Join(near[:min(3, len(near))], " or "+prefix) + "?"
}

// slips counts the letters to add, to drop, to change or to swap with their neighbour that make b of a.
func slips(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
