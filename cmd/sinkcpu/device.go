package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/devices"
)

// The values of --device that name no device.
const (
	deviceAuto = "auto"
	deviceCPU  = "cpu"
)

// deviceEntries is the number of pairs n m from which --device auto asks for a device: 8192 x 8192. Some hundred iterations of that take seconds
// on a processor, and a device takes up to a second to be opened and to compile its kernels. Tests lower it.
var deviceEntries = 1 << 26

// addDeviceFlag adds --device.
func addDeviceFlag(cmd *cobra.Command, device *string, value, auto string) {
	cmd.Flags().StringVar(device, "device", value, "where to compute: cpu, cuda or cuda:N for a device that sinkcpu info lists, or auto for one "+auto)
}

// checkDevice refuses a value of --device that can be none.
func checkDevice(value string) error {
	if value == deviceAuto || value == deviceCPU {
		return nil
	}
	kinds := []string{"cuda"} // known to a program without its driver too, which says so
	for _, d := range devices.Drivers() {
		if !slices.Contains(kinds, d.Name) {
			kinds = append(kinds, d.Name)
		}
	}
	kind, ordinal, given := strings.Cut(value, ":")
	if _, err := strconv.ParseUint(ordinal, 10, 16); !slices.Contains(kinds, kind) || given && err != nil {
		return usagef("--device %s: want auto, cpu, %s, or one of several as %s:N", cmp.Or(value, `""`), strings.Join(kinds, ", "), kinds[0])
	}
	return nil
}

// namesDevice reports whether a value of --device names one.
func namesDevice(value string) bool { return value != deviceAuto && value != deviceCPU }

// openDevice returns the device that is named, or for auto the first that there is where the work is large, nil for the processor. That one which is
// there cannot be had is an error where it is named, and a line on w for auto.
func openDevice(value string, large bool, w io.Writer) (devices.Device, error) {
	if namesDevice(value) {
		d, err := devices.Open(value)
		if err != nil {
			return nil, fmt.Errorf("--device %s: %w; --device cpu computes without it", value, reason{err})
		}
		return d, nil
	}
	if value == deviceCPU || !large {
		return nil, nil
	}
	for _, driver := range devices.Drivers() {
		list, err := driver.List()
		if err != nil || len(list) == 0 {
			continue
		}
		d, err := driver.Open(list[0].Which)
		if err == nil {
			return d, nil
		}
		fmt.Fprintf(w, "sinkcpu: note: %s is not used, and the processor is: %s\n", list[0].Which, plainError(err))
	}
	return nil, nil
}

// A reason is why a device cannot be had, without the name of the package, which is that of the device.
type reason struct{ error }

func (r reason) Error() string { return strings.TrimPrefix(r.error.Error(), "cuda: ") }
func (r reason) Unwrap() error { return r.error }

// plainError returns an error in one line.
func plainError(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
