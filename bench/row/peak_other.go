//go:build !linux

package row

// Peak returns the most memory that the process has had resident since it began, or since [ResetPeak], in bytes; 0 where the system does not tell.
func Peak() int64 { return 0 }

// ResetPeak makes [Peak] begin anew from what is resident now, and reports whether the system can.
func ResetPeak() bool { return false }
