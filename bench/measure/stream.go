package measure

import (
	"context"
	"fmt"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// A stream is an array that is read by so many threads.
type stream struct {
	bytes, threads int
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// streamSizes are the arrays to read: those of the first levels of cache, and all costs that are swept.
func (s *Session) streamSizes() []int {
	sizes := []int{32 * kib, 256 * kib, 1 * mib, 4 * mib, 16 * mib, 64 * mib, 256 * mib, 512 * mib}
	if s.Quick {
		return []int{32 * kib, 1 * mib, 4 * mib, 64 * mib}
	}
	return sizes
}

// streams measures the reads of arrays that were read before: what is left of them in a cache is read from there.
func (s *Session) streams(ctx context.Context, l *Limits) error {
	for _, threads := range s.Threads {
		for _, bytes := range s.streamSizes() {
			if bytes/threads < 4*wayBlock {
				continue
			}
			if err := s.read(ctx, l, stream{bytes, threads}); err != nil {
				return err
			}
		}
	}
	return nil
}

// read measures one stream in the fastest of the ways to read it, and emits that.
func (s *Session) read(ctx context.Context, l *Limits, st stream) error {
	x := s.ones(st.bytes / 4)
	var best row.Row
	for _, w := range l.ways() {
		j := job{always: true, name: "read", params: on(w.tier, st.threads, "bytes", size(st.bytes), "streams", itoa(w.streams)), unit: "GB/s", on: st.threads}
		j.check = func() error { return differs("the sum of ones", w.sum(x), float64(len(x)), 0) }
		repeats := max(1, 2*mib/st.bytes) // a task lasts long beside waking a worker
		part := len(x) / st.threads / wayBlock * wayBlock
		j.amount = float64(4*part*st.threads*repeats) / 1e9
		j.run = func() {
			s.pools[st.threads].For(st.threads, func(k int) { w.read(repeats, x[k*part:(k+1)*part]) })
		}
		r, err := s.time(ctx, j)
		if err != nil {
			return err
		}
		if best.Name == "" || r.Error != "" || (best.Error == "" && r.Value > best.Value) {
			best = r
		}
	}
	l.stream[st] = best.Max * 1e9
	s.emit(best, job{})
	return nil
}

// A way is a way to read an array.
type way struct {
	tier    kernels.Tier
	streams int
	call    func(passes int, x, out []float32)
}

// ways returns the ways of the widest tier. Without probes an array is read by the library's sum.
func (l *Limits) ways() []way {
	if len(l.probes) == 0 {
		return []way{{kernels.Active(), 1, func(passes int, x, out []float32) {
			for range passes {
				out[0] = kernels.Sum(x)
			}
		}}}
	}
	p := l.probes[len(l.probes)-1]
	return []way{{p.tier, 1, p.read}, {p.tier, 4, p.read4}}
}

// wayBlock is what the number of elements to read is a multiple of.
const wayBlock = 512

// callBytes is the most that a call of a probe reads at once: assembly cannot be preempted.
const callBytes = mib

// read reads x so many times over.
func (w way) read(repeats int, x []float32) (sum float64) {
	var out [16]float32
	if 4*len(x) <= callBytes {
		w.call(repeats, x, out[:])
		return total(out[:])
	}
	for range repeats {
		for i := 0; i < len(x); i += callBytes / 4 {
			w.call(1, x[i:min(i+callBytes/4, len(x))], out[:])
			sum += total(out[:])
		}
	}
	return sum
}

func (w way) sum(x []float32) float64 { return w.read(1, x) }

func total(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v)
	}
	return s
}

// ones returns n ones, that begin with a line of cache.
func (s *Session) ones(n int) []float32 {
	x := s.memory(n + 16)
	x = x[aligned(x):][:n]
	for i := range x {
		x[i] = 1
	}
	return x
}

// aligned returns the first of 16 elements that begins a line of cache.
func aligned(x []float32) int {
	return int(-uintptr(unsafe.Pointer(unsafe.SliceData(x))) % 64 / 4)
}

// size prints a number of bytes in powers of 1024.
func size(bytes int) string {
	if bytes >= mib {
		return fmt.Sprintf("%dMi", bytes/mib)
	}
	return fmt.Sprintf("%dKi", bytes/kib)
}
