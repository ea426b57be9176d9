package program

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// Tiers returns the names of the tiers that this processor and build have.
func Tiers() (names []string) {
	for _, t := range kernels.Tiers() {
		names = append(names, t.String())
	}
	return names
}

// CheckTiers returns an error that names the flag where one of the tiers is none of [Tiers].
func CheckTiers(flag string, tiers []string) error {
	for _, t := range tiers {
		if !slices.Contains(Tiers(), t) {
			return fmt.Errorf("%s %s: this processor and build have %s", flag, t, strings.Join(Tiers(), ", "))
		}
	}
	return nil
}

// Split returns the parts of a list with commas, none of an empty one.
func Split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// InTier runs this program with other arguments on another tier: the library chooses its kernels once, at start-up. When ctx ends the other process is
// told so as by an interrupt.
func InTier(ctx context.Context, tier string, args []string, stdout, stderr io.Writer) error {
	if os.Getenv(kernels.EnvISA) == tier {
		return fmt.Errorf("tier %s could not be chosen", tier)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, self, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGINT) }
	c.Env = append(os.Environ(), kernels.EnvISA+"="+tier)
	c.Stdout, c.Stderr = stdout, stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("tier %s: %w", tier, err)
	}
	return nil
}
