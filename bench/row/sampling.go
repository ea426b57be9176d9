package row

import "time"

// A Sampling takes the samples of one operation. A sample during which threads of this process waited for a processor that other
// processes had is set aside.
type Sampling struct {
	meter            Meter
	began, start     time.Time
	lost             time.Duration
	clean, disturbed []float64
}

// Sampling starts the samples of an operation that times itself, piece by piece; [Meter.Run] does for one that can be called.
func (m Meter) Sampling() *Sampling { return &Sampling{meter: m, began: time.Now()} }

// Start starts the clock of a sample.
func (s *Sampling) Start() { s.lost, s.start = lostTime(), time.Now() }

// mostLost is the share of a sample that its threads may wait without it being set aside.
const mostLost = .01

// Stop ends a sample of so many calls.
func (s *Sampling) Stop(calls int) {
	elapsed := time.Since(s.start)
	seconds := elapsed.Seconds() / float64(calls)
	if (lostTime() - s.lost).Seconds() <= mostLost*elapsed.Seconds() {
		s.clean = append(s.clean, seconds)
	} else {
		s.disturbed = append(s.disturbed, seconds)
	}
}

// few is the number of samples below which their deviation says nothing.
const few = 3

// agree tells whether the samples lie close together.
func (s *Sampling) agree() bool {
	return len(s.clean) >= few && MAD(s.clean) <= s.meter.Bound*Median(s.clean)
}

// Done tells whether there are enough samples: of at least Least, the median absolute deviation is at most Bound times the median; or
// Most were taken; or Budget is over and at least three were.
func (s *Sampling) Done() bool {
	taken := len(s.clean) + len(s.disturbed)
	return len(s.clean) >= s.meter.Least && s.agree() || taken >= max(s.meter.Most, few) ||
		taken >= few && time.Since(s.began) >= s.meter.Budget
}

// Samples returns the samples that count: the undisturbed, unless fewer than three are; then all, as unstable.
func (s *Sampling) Samples() Samples {
	if len(s.clean) < few {
		return Samples{Seconds: append(s.clean, s.disturbed...), Unstable: true, Disturbed: len(s.disturbed)}
	}
	return Samples{Seconds: s.clean, Unstable: !s.agree(), Disturbed: len(s.disturbed)}
}
