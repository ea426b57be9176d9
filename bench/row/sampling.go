package row

import "time"

// A Sampling takes the samples of one operation and watches for how long threads of this process wait for processors that other
// processes have. With one thread, samples that lost time are set aside. With more none can be: where a thread did not get its processor
// the others do its work, and its wait ends in a later sample; so that samples which lost time on the whole are unstable, all of them.
type Sampling struct {
	meter            Meter
	began, start     time.Time
	lostAtAll        time.Duration // before the first sample
	lost             time.Duration // before this one
	clean, disturbed []float64
}

// Sampling starts the samples of an operation that times itself, piece by piece; [Meter.Run] does for one that can be called.
func (m Meter) Sampling() *Sampling {
	return &Sampling{meter: m, began: time.Now(), lostAtAll: lostTime()}
}

// Start starts the clock of a sample.
func (s *Sampling) Start() { s.lost, s.start = lostTime(), time.Now() }

// mostLost is the share of the time that threads may wait without consequence.
const mostLost = .01

// Stop ends a sample of so many calls.
func (s *Sampling) Stop(calls int) {
	elapsed := time.Since(s.start)
	seconds := elapsed.Seconds() / float64(calls)
	if little := mostLost * elapsed.Seconds(); s.meter.Threads > 1 || (lostTime()-s.lost).Seconds() <= little {
		s.clean = append(s.clean, seconds)
	} else {
		s.disturbed = append(s.disturbed, seconds)
	}
}

// few is the number of samples below which their deviation says nothing.
const few = 3

// agree tells whether the samples lie close together, and with several threads whether they had their processors.
func (s *Sampling) agree() bool {
	return len(s.clean) >= few && MAD(s.clean) <= s.meter.Bound*Median(s.clean) && (s.meter.Threads <= 1 || s.shareLost() <= mostLost)
}

// shareLost is the time that threads have waited since the first sample, as a share of the time that passed.
func (s *Sampling) shareLost() float64 {
	return (lostTime() - s.lostAtAll).Seconds() / time.Since(s.began).Seconds()
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
	r := Samples{Seconds: s.clean, Unstable: !s.agree(), Disturbed: len(s.disturbed)}
	if len(s.clean) < few {
		r.Seconds, r.Unstable = append(s.clean, s.disturbed...), true
	}
	if s.meter.Threads > 1 {
		r.Lost = s.shareLost()
	}
	return r
}
