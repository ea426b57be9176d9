package row

import (
	"fmt"
	"runtime"
)

// A Memory is what an operation allocates in all, which is no less than what it holds at once, beside the most that is stated for it.
type Memory struct {
	Bytes int64 `json:"bytes"`
	Bound int64 `json:"bound"`
}

// Allocated returns the bytes that the process has allocated so far, those that were freed since included.
func Allocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}

// SetMemory states what a row allocates and the most that it may. More than that is an error of the row.
func (r *Row) SetMemory(bytes, bound int64) {
	r.Memory = &Memory{bytes, bound}
	if bytes > bound && r.Error == "" {
		r.Error = fmt.Sprintf("it allocates %s, above its stated bound of %s", Bytes(bytes), Bytes(bound))
	}
}

func (m *Memory) String() string {
	if m.Bound == 0 {
		return "allocates nothing"
	}
	return Bytes(m.Bytes) + " of at most " + Bytes(m.Bound)
}

// Bytes prints a number of bytes, in MB from 100,000.
func Bytes(n int64) string {
	if n < 100_000 {
		return fmt.Sprintf("%d bytes", n)
	}
	return Number(1e-6*float64(n)) + " MB"
}
