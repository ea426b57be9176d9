//go:build unix

package row

import (
	"syscall"
	"time"
)

// switchTime counts a slice of a millisecond for each time that the operating system took a processor from a thread of this process that
// wanted to go on.
func switchTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Nivcsw) * time.Millisecond
}
