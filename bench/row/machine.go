package row

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Machine is the sheet of where and with what rows were measured. A field is empty where it could not be read.
type Machine struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"` // logical, as the operating system shows them
	GOMAXPROCS int     `json:"gomaxprocs"`
	Tier       string  `json:"tier"` // of the kernels
	Tiers      string  `json:"tiers"`
	L1D        int     `json:"l1d_bytes,omitempty"`
	L2         int     `json:"l2_bytes,omitempty"`
	L3         int     `json:"l3_bytes,omitempty"`
	Governor   string  `json:"governor,omitempty"`
	Load       float64 `json:"load,omitempty"` // processes that wanted to run in the minute before
	OS         string  `json:"os"`
	Go         string  `json:"go"`
	Commit     string  `json:"commit,omitempty"`
	Date       string  `json:"date"`
	Device     string  `json:"device,omitempty"` // beside the processor, such as a GPU
}

// ThisMachine reads the sheet of the machine.
func ThisMachine() Machine {
	m := Machine{
		CPU: cpuName(), Cores: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0), Tier: kernels.Active().String(),
		L1D: max(0, cpuid.CPU.Cache.L1D), L2: max(0, cpuid.CPU.Cache.L2), L3: max(0, cpuid.CPU.Cache.L3),
		Governor: firstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
		OS:       runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(), Commit: commit(),
		Date: time.Now().UTC().Format(time.RFC3339),
	}
	var tiers []string
	for _, t := range kernels.Tiers() {
		tiers = append(tiers, t.String())
	}
	m.Tiers = strings.Join(tiers, " ")
	fmt.Sscan(firstLine("/proc/loadavg"), &m.Load) // stays 0 where it cannot be read
	return m
}

// cpuName is the brand, which clouds abbreviate, with the family and model, which tell the core.
func cpuName() string {
	name := strings.TrimSpace(cpuid.CPU.BrandName)
	if name == "" {
		return runtime.GOARCH
	}
	if f := cpuid.CPU.Family; f > 0 {
		name += fmt.Sprintf(", family %d model %d", f, cpuid.CPU.Model)
	}
	return name
}

func firstLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSpace(line)
}

// commit is the revision that the program was built from, with a + where files differed.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var revision, modified string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + modified
}

// Lines returns the sheet as one line a subject.
func (m *Machine) Lines() []string {
	cpu := fmt.Sprintf("%s; %d cores, GOMAXPROCS %d", m.CPU, m.Cores, m.GOMAXPROCS)
	if m.L1D > 0 {
		cpu += fmt.Sprintf("; caches %s L1d, %s L2, %s L3", size(m.L1D), size(m.L2), size(m.L3))
	}
	os := fmt.Sprintf("%s, %s", m.OS, m.Go)
	if m.Commit != "" {
		os += ", commit " + m.Commit
	}
	state := "governor " + m.Governor
	if m.Governor == "" {
		state = "governor not readable"
	}
	if m.Load > 0 {
		state += fmt.Sprintf("; load %.1f when it began", m.Load)
	}
	lines := []string{cpu, fmt.Sprintf("tier %s (of %s); %s", m.Tier, m.Tiers, os), m.Date + "; " + state}
	if m.Device != "" {
		lines = append([]string{m.Device}, lines...)
	}
	return lines
}

// size prints a number of bytes in powers of 1024.
func size(bytes int) string {
	switch {
	case bytes <= 0:
		return "no"
	case bytes%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", bytes>>20)
	default:
		return fmt.Sprintf("%d KiB", bytes>>10)
	}
}
