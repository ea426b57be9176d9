//go:build !unix

package train

import "time"

// cpuTime returns the processor time of this process, 0 where the system is not asked for it.
func cpuTime() time.Duration { return 0 }
