package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/devices"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// info is what the program is and runs on.
type info struct {
	Version string   `json:"version"`
	Commit  string   `json:"commit,omitempty"`
	Go      string   `json:"go"`
	OS      string   `json:"os"`
	Arch    string   `json:"arch"`
	CPU     string   `json:"cpu"`
	Threads int      `json:"threads"` // by default
	Tier    string   `json:"tier"`
	Tiers   []string `json:"tiers"` // that the processor and this build can run
	Problem string   `json:"problem,omitempty"`

	Devices  []deviceInfo `json:"devices"`
	NoDevice string       `json:"no_device,omitempty"` // why there is none
}

// deviceInfo is a device that --device may name.
type deviceInfo struct {
	Which  string `json:"which"`
	Model  string `json:"model"`
	Memory int64  `json:"memory"` // bytes
	Detail string `json:"detail,omitempty"`
}

func newInfoCommand() *cobra.Command {
	var asJSON bool
	var model string
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Show the version, the processor, the kernels in use and the devices, or the layers of a model",
		Long: `Show the version, the processor, the kernels in use and the devices that --device may name, or why there is none. With --model,
show the layers of a built-in network instead, with their shapes, parameters and floating-point operations for one row.

The environment variable ` + kernels.EnvISA + ` caps the tier of kernels: generic, avx2, avx512 or neon.
` + exitStatus,
		Example: `  sinkcpu info
  ` + kernels.EnvISA + `=avx2 sinkcpu info --json
  sinkcpu info --model dcgan-generator-28`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if model != "" {
				return writeModel(cmd.OutOrStdout(), model, asJSON)
			}
			i := collectInfo()
			if asJSON {
				return printJSON(cmd.OutOrStdout(), i)
			}
			_, err := fmt.Fprint(cmd.OutOrStdout(), i.text())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	cmd.Flags().StringVar(&model, "model", "", "show the layers of a built-in network: "+strings.Join(modelNames(), ", "))
	return cmd
}

func modelNames() []string {
	var names []string
	for _, m := range nn.Models() {
		names = append(names, m.Name)
	}
	return names
}

// writeModel prints a line for each layer of a built-in network.
func writeModel(w io.Writer, name string, asJSON bool) error {
	at := slices.Index(modelNames(), name)
	if at < 0 {
		return usagef("--model %s is unknown; known are %s", name, strings.Join(modelNames(), ", "))
	}
	m := nn.Models()[at]
	net, err := nn.NewModel(nn.NewCPU[float32](nil), name, 1)
	if err != nil {
		return err
	}
	layers, err := nn.Describe(net, m.Input)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(w, struct {
			Name   string         `json:"name"`
			Doc    string         `json:"doc"`
			Input  []int          `json:"input"`
			Output []int          `json:"output"`
			Layers []nn.LayerInfo `json:"layers"`
		}{m.Name, m.Doc, m.Input, m.Output, layers})
	}
	if _, err := fmt.Fprintf(w, "%s: %s\ninput %v, output %v\n\n", m.Name, m.Doc, m.Input, m.Output); err != nil {
		return err
	}
	return nn.WriteDescription(w, layers)
}

func collectInfo() info {
	i := info{
		Version: version(), Commit: commit(), Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: cpuid.CPU.BrandName,
		Threads: runtime.GOMAXPROCS(0), Tier: kernels.Active().String(), Problem: kernels.EnvISAProblem(),
	}
	for _, t := range kernels.Tiers() {
		i.Tiers = append(i.Tiers, t.String())
	}
	i.Devices, i.NoDevice = listDevices(devices.Drivers())
	return i
}

// listDevices returns the devices of drivers, and where there is none, why.
func listDevices(drivers []devices.Driver) (all []deviceInfo, none string) {
	all = []deviceInfo{}
	var reasons []string
	for _, d := range drivers {
		list, err := d.List()
		if err != nil {
			reasons = append(reasons, err.Error())
		}
		for _, l := range list {
			all = append(all, deviceInfo{l.Which, l.Model, l.Memory, l.Detail})
		}
	}
	switch {
	case len(all) > 0:
		return all, ""
	case len(reasons) == 0:
		return all, "this program was built without support for devices"
	}
	return all, strings.Join(reasons, "; ")
}

func (i info) text() string {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "%-9s%s\n", name, value) }
	line("sinkcpu", i.Version)
	if i.Commit != "" {
		line("commit", i.Commit)
	}
	line("go", i.Go+" "+i.OS+"/"+i.Arch)
	if i.CPU != "" {
		line("cpu", i.CPU)
	}
	line("threads", fmt.Sprint(i.Threads))
	line("kernels", fmt.Sprintf("%s (can run %s)", i.Tier, strings.Join(i.Tiers, ", ")))
	if i.Problem != "" {
		line("warning", i.Problem)
	}
	for _, d := range i.Devices {
		line("device", fmt.Sprintf("%s: %s, %.1f GiB, %s", d.Which, d.Model, float64(d.Memory)/(1<<30), d.Detail))
	}
	if i.NoDevice != "" {
		line("device", "none: "+i.NoDevice)
	}
	return b.String()
}

// release and releaseCommit are of a binary that .ci/release built, set by its linker; else they are empty.
var release, releaseCommit string

// version returns the release, the module's version, or the commit that it was built from.
func version() string {
	if release != "" {
		return release
	}
	if b, ok := debug.ReadBuildInfo(); ok && b.Main.Version != "" && b.Main.Version != "(devel)" {
		return b.Main.Version
	}
	if c := commit(); c != "" {
		return c[:min(12, len(c))]
	}
	return "devel"
}

// commit returns what the program was built from, with the words "with changes" where files differed; empty where that is not known.
func commit() string {
	if releaseCommit != "" {
		return releaseCommit
	}
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
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
		return ""
	}
	return commit + changed
}
