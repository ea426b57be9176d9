package kernels

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

// longestCall is the rule for calls into assembly: it cannot be preempted, and the garbage collector waits for it to stop the world.
const longestCall = 100 * time.Microsecond

// TestCallsAreCut asks each kernel for work that takes milliseconds in one piece, from a goroutine, and has the garbage collector stop the
// world beside it again and again. A stop waits for the call in hand, and for the whole work where the loop around the calls is a Go
// loop that calls nothing but assembly: the scheduler stops a goroutine where it enters a Go function. The bound is generous, as
// other programs lengthen stops.
func TestCallsAreCut(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("needs two processors: one to run the kernel, one to stop it")
	}
	tab := tables32[len(tables32)-1]
	if tab.tier == Generic {
		t.Skip("no assembly in this build")
	}
	for _, c := range longCalls(tab) {
		t.Run(c.name, func(t *testing.T) {
			stop := startLoop(c.run)
			defer stop()
			before := readPauses()
			for range 8 {
				runtime.GC()
			}
			if _, median := readPauses()[1].since(before[1]); !(median <= 10*longestCall.Seconds()) {
				t.Errorf("the median stop of the world takes %.0f us while %s runs, want about %v: its calls are too long, or Go's loop around them cannot be stopped either", 1e6*median, c.name, longestCall)
			}
		})
	}
}

// startLoop runs f again and again in a goroutine until stop is called.
func startLoop(f func()) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-quit:
				return
			default:
				f()
			}
		}
	}()
	return func() { close(quit); <-done }
}

type longCall struct {
	name string
	run  func()
}

// longCalls are kernels with arguments of 2^22 elements and products that take some 10 ms.
func longCalls(k *impl[float32]) []longCall {
	const n, rows, cols = 1 << 22, 1 << 8, 1 << 14
	x, y, g, s := make([]float32, n), make([]float32, n), make([]float32, cols), make([]float32, rows)
	const m = 512
	c := make([]float32, m*m)
	return []longCall{
		{"exp", func() { k.exp(y, x) }},
		{"softplus", func() { k.softplus(y, x) }},
		{"logSumExp", func() { k.logSumExp(x) }},
		{"dot", func() { k.dot(x, y) }},
		{"adam", func() { k.adam(x, y, x, y, step[float32]()) }},
		{"sweepRows", func() { k.sweepRows(y, cols, s, x, cols, 1, g, s) }},
		{"sweepCols", func() { k.sweepCols(g, x, cols, s) }},
		{"sweepScale", func() { k.sweepScale(s, s, x, cols, g, g, s) }},
		{"sweepAdjoint", func() { k.sweepAdjoint(g, y, cols, x, cols, g, g, s, s) }},
		{"squared", func() { k.squared(y, cols, x, 64, x, cols, rows, cols, 64) }},
		{"normalizeColumns", func() { k.normalizeColumns(y, cols, x, cols, rows, g, g, g) }},
		{"addWeightedRows", func() { k.addWeightedRows(g, x, cols, 1, s) }},
		{"ger", func() { k.ger(x, cols, 0, s, g) }},
		{"gemm", func() { gemm(&k.gemm, nil, false, false, m, m, m, 1, x, m, y, m, 0, c, m) }},
		{"gemm, deep", func() { gemm(&k.gemm, nil, true, false, 16, 32, n/32, 1, x, 16, y, 32, 0, c, 32) }},
		{"gemm, one column", func() { gemm(&k.gemm, nil, false, false, 4, 1, n/4, 1, x, n/4, y, 1, 0, c, 1) }},
	}
}

// BenchmarkStopTheWorld runs kernels in a loop beside runtime.GC() and reports the longest and the median stop of the world that the runtime
// counted, with its time to stop all goroutines apart: it is what a call that cannot be preempted lengthens. "none" is the loop without
// a kernel.
func BenchmarkStopTheWorld(b *testing.B) {
	calls := append([]longCall{{"none", func() {}}}, longCalls(active32)...)
	for _, c := range calls {
		b.Run("isa="+Active().String()+"/kernel="+c.name, func(b *testing.B) {
			stop := startLoop(c.run)
			defer stop()
			before := readPauses()
			for b.Loop() {
				runtime.GC()
			}
			after := readPauses()
			for i, unit := range []string{"pause", "stopping"} {
				longest, median := after[i].since(before[i])
				b.ReportMetric(1e6*longest, unit+"-max-us")
				b.ReportMetric(1e6*median, unit+"-median-us")
			}
		})
	}
}

// pauses is a histogram of the runtime, in seconds.
type pauses metrics.Float64Histogram

func readPauses() [2]pauses {
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}, {Name: "/sched/pauses/stopping/gc:seconds"}}
	metrics.Read(s)
	var p [2]pauses
	for i := range p {
		p[i] = pauses(*s[i].Value.Float64Histogram())
		p[i].Counts = append([]uint64(nil), p[i].Counts...)
	}
	return p
}

// since returns the upper bounds of the buckets of the longest and of the median of the values that were added since an earlier histogram.
func (p pauses) since(earlier pauses) (longest, median float64) {
	var total, seen uint64
	for i, n := range p.Counts {
		total += n - earlier.Counts[i]
	}
	for i, n := range p.Counts {
		n -= earlier.Counts[i]
		if n == 0 {
			continue
		}
		bound := p.Buckets[i+1]
		if seen*2 < total && (seen+n)*2 >= total {
			median = bound
		}
		seen, longest = seen+n, bound
	}
	return longest, median
}
