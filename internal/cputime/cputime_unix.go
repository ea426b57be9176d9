//go:build unix

// Package cputime reads the processor time of this process.
package cputime

import (
	"syscall"
	"time"
)

// Used returns the processor time of this process, of its own and of the system on its behalf, over all threads; 0 where the system does
// not say.
func Used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
