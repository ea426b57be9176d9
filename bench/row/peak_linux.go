package row

import (
	"fmt"
	"os"
	"strings"
)

// Peak returns the most memory that the process has had resident since it began, or since [ResetPeak], in bytes; 0 where the system does not tell.
func Peak() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var kib int64
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	fmt.Sscan(rest, &kib) // stays 0 where it is absent
	return 1024 * kib
}

// ResetPeak makes [Peak] begin anew from what is resident now, and reports whether the system can.
func ResetPeak() bool { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil }
