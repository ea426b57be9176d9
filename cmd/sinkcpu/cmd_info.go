package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// info is what the program is and runs on.
type info struct {
	Version string   `json:"version"`
	Go      string   `json:"go"`
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	CPU     string   `json:"cpu"`
	Threads int      `json:"threads"` // by default
	Tier    string   `json:"tier"`
	Tiers   []string `json:"tiers"` // that the processor and this build can run
	Problem string   `json:"problem,omitempty"`
}

func newInfoCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Show the version, the processor and the kernels in use",
		Long: `Show the version, the processor and the kernels in use.

The environment variable ` + kernels.EnvISA + ` caps the tier of kernels: generic, avx2, avx512 or neon.
` + exitStatus,
		Example: `  sinkcpu info
  ` + kernels.EnvISA + `=avx2 sinkcpu info --json`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			i := collectInfo()
			if asJSON {
				return printJSON(cmd.OutOrStdout(), i)
			}
			_, err := fmt.Fprint(cmd.OutOrStdout(), i.text())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func collectInfo() info {
	i := info{
		Version: version(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: cpuid.CPU.BrandName,
		Threads: runtime.GOMAXPROCS(0), Tier: kernels.Active().String(), Problem: kernels.EnvISAProblem(),
	}
	for _, t := range kernels.Tiers() {
		i.Tiers = append(i.Tiers, t.String())
	}
	return i
}

func (i info) text() string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-9s%s\n", name, value) }
	line("sinkcpu", i.Version)
	line("go", i.Go+" "+i.OS+"/"+i.Arch)
	if i.CPU != "" {
		line("cpu", i.CPU)
	}
	line("threads", fmt.Sprint(i.Threads))
	line("kernels", fmt.Sprintf("%s (can run %s)", i.Tier, strings.Join(i.Tiers, ", ")))
	if i.Problem != "" {
		line("warning", i.Problem)
	}
	return b.String()
}

// version returns the module's version, or the commit that it was built from.
func version() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := b.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	var commit, changed string
	for _, s := range b.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	if commit == "" {
		return "devel"
	}
	return commit[:min(12, len(commit))] + changed
}
