//go:build unix

package train

import (
	"syscall"
	"time"
)

// cpuTime returns the processor time of this process, of its own and of the system on its behalf, over all threads.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
