//go:build unix

package row

import "syscall"

// preemptions counts how often the operating system took a processor from a thread of this process that wanted to go on.
func preemptions() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return int64(u.Nivcsw)
}
