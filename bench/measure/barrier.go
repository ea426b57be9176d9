package measure

import (
	"context"
	"sync/atomic"

	"github.com/sinkcpu/sinkcpu/bench/row"
)

// barriers measures what a loop over the workers costs beside its tasks, which is paid once an iteration: of one empty task for each
// worker, which their caller may do alone, and of tasks that wait until every worker has one.
func (s *Session) barriers(ctx context.Context) error {
	for _, threads := range s.Threads[1:] {
		for _, tasks := range []string{"empty", "meeting"} {
			b := &barrier{threads: int64(threads), meet: tasks == "meeting"}
			loop := func() { b.ran.Store(0); s.pools[threads].For(threads, b.task) }
			check := func() error {
				loop()
				return differs("the number of tasks that ran", float64(b.ran.Load()), float64(threads), 0)
			}
			_, err := s.measure(ctx, job{always: true, name: "barrier", params: row.P("tasks", tasks, "threads", itoa(threads)), unit: "us", check: check, run: loop, on: threads})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

type barrier struct {
	ran     atomic.Int64
	threads int64
	meet    bool
}

func (b *barrier) task(int) {
	b.ran.Add(1)
	for b.meet && b.ran.Load() < b.threads {
	}
}
