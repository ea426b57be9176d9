package measure

import (
	"context"
	"sync/atomic"

	"github.com/sinkcpu/sinkcpu/bench/row"
)

// barriers measures a loop of one empty task for each thread: waking the workers and waiting for them. It is paid once an iteration.
func (s *Session) barriers(ctx context.Context) error {
	for _, threads := range s.Threads[1:] {
		var ran atomic.Int64
		loop := func() { s.pools[threads].For(threads, func(int) { ran.Add(1) }) }
		check := func() error {
			ran.Store(0)
			loop()
			return differs("the number of tasks that ran", float64(ran.Load()), float64(threads), 0)
		}
		if _, err := s.measure(ctx, job{name: "barrier", params: row.P("threads", itoa(threads)), unit: "us", check: check, run: loop}); err != nil {
			return err
		}
	}
	return nil
}
