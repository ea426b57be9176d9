//go:build unix && !linux

package row

import "time"

// lostTime estimates for how long threads of this process have waited for a processor that others had.
func lostTime() time.Duration { return switchTime() }
