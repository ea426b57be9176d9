package row

import (
	"context"
	"time"
)

// A Meter times an operation until its samples agree.
type Meter struct {
	WarmUp  time.Duration // time for which the operation runs before the clock counts; once at least
	Sample  time.Duration // least duration of a sample, of as many calls as that takes
	Least   int           // samples at least
	Most    int           // samples at most
	Bound   float64       // relative median absolute deviation at which the samples agree
	Budget  time.Duration // time after which they are called unstable when they do not
	Threads int           // that the operation may use; more than one change what is done about other processes, see Sampling
	Advance func()        // where not nil, runs before each sample, not timed; such as to empty a cache
}

// Default is the meter of a full run: it asks for samples that agree to half a percent.
func Default() Meter {
	return Meter{WarmUp: 30 * time.Millisecond, Sample: 2 * time.Millisecond, Least: 11, Most: 101, Bound: .005, Budget: time.Second}
}

// Quick is the meter of a quick run: the same question with less time to answer it.
func Quick() Meter {
	m := Default()
	m.WarmUp, m.Sample, m.Least, m.Most, m.Budget = 5*time.Millisecond, time.Millisecond, 5, 31, 150*time.Millisecond
	return m
}

// Run warms f up and times groups of calls of it; a sample is the mean duration of a call in a group. See [Sampling] for when it ends.
func (m Meter) Run(ctx context.Context, f func()) (Samples, error) {
	calls := m.warm(f)
	for s := m.Sampling(); ; {
		if err := ctx.Err(); err != nil {
			return Samples{}, err
		}
		if m.Advance != nil {
			m.Advance()
		}
		s.Start()
		for range calls {
			f()
		}
		s.Stop(calls)
		if s.Done() {
			return s.Samples(), nil
		}
	}
}

// warm runs f for the time to warm up, and returns how many calls make a sample.
func (m Meter) warm(f func()) int {
	n := 0
	start := time.Now()
	fastest := time.Duration(1 << 62)
	for n == 0 || time.Since(start) < m.WarmUp {
		t := time.Now()
		f()
		fastest = min(fastest, time.Since(t))
		n++
	}
	return int(m.Sample/max(fastest, 1)) + 1
}
