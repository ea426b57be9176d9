package row

import (
	"bytes"
	"os"
	"strconv"
	"time"
)

// lostTime returns for how long threads of this process have waited for a processor that others had, summed over the threads.
//
// Linux counts it in the second number of each thread's schedstat, when the wait ends. Where it does not, involuntary switches stand
// for it.
func lostTime() time.Duration {
	const tasks = "/proc/self/task"
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return switchTime()
	}
	var sum time.Duration
	for _, t := range threads {
		b, err := os.ReadFile(tasks + "/" + t.Name() + "/schedstat")
		if err != nil {
			continue // it ended
		}
		f := bytes.Fields(b)
		if len(f) < 2 {
			return switchTime()
		}
		ns, err := strconv.ParseInt(string(f[1]), 10, 64)
		if err != nil {
			return switchTime()
		}
		sum += time.Duration(ns)
	}
	if sum == 0 {
		return switchTime() // a process without a wait of a nanosecond is on a kernel that does not count
	}
	return sum
}
