//go:build linux && (amd64 || arm64) && !nocuda

package sim

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// Sim is a simulated device.
type Sim struct {
	Options
	library *library

	mutex  sync.Mutex
	memory memory
	pinned map[unsafe.Pointer]*allocation
	events map[driver.Event]time.Time
	shared map[driver.Function]int32 // dynamic shared memory that was asked for
	last   uint64                    // handle that was given out
	fault  driver.Result             // of all calls from a failed launch on
	report string
	held   int // contexts, modules, streams and events
}

// New returns a simulated device. The test is skipped where clang is not installed, and fails if SINKCPU_TEST_REQUIRE names clang.
func New(t testing.TB, o Options) *Sim {
	t.Helper()
	o = o.withDefaults()
	file, err := "", error(nil)
	if o.PTX != nil {
		file, err = translated(o.PTX)
	} else {
		file, err = compile(o.Sources)
	}
	if errors.Is(err, errNoCompiler) && !strings.Contains(os.Getenv("SINKCPU_TEST_REQUIRE"), "clang") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := open(file, min(o.Workers, maxWorkers))
	if err != nil {
		t.Fatal(err)
	}
	return newSim(t, o, l)
}

// Bare returns a simulated device without kernels, which needs no compiler.
func Bare(t testing.TB, o Options) *Sim { return newSim(t, o.withDefaults(), &library{}) }

func newSim(t testing.TB, o Options, l *library) *Sim {
	s := &Sim{
		Options: o, library: l, memory: memory{size: o.Memory}, pinned: map[unsafe.Pointer]*allocation{},
		events: map[driver.Event]time.Time{}, shared: map[driver.Function]int32{},
	}
	t.Cleanup(s.releaseAll)
	return s
}

// releaseAll gives back what was not, as the end of a process does.
func (s *Sim) releaseAll() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, a := range s.memory.live {
		a.release()
	}
	for _, a := range s.pinned {
		a.release()
	}
	s.memory, s.pinned = memory{}, map[unsafe.Pointer]*allocation{}
}

// Image returns the module of the kernels where they are translated from PTX, else a list of them in its syntax.
func (s *Sim) Image() []byte {
	if s.PTX != nil {
		return s.PTX
	}
	var b strings.Builder
	types := map[rune]string{'u': "u32", 'l': "u64", 'f': "f32", 'd': "f64"}
	for _, k := range s.library.kernels {
		var list []string
		for i, kind := range k.kinds {
			list = append(list, fmt.Sprintf(".param .%s %s_param_%d", types[kind], k.name, i))
		}
		fmt.Fprintf(&b, ".visible .entry %s(%s)\n.maxntid %d, 1, 1\n{}\n", k.name, strings.Join(list, ", "), k.threads)
	}
	return []byte(b.String())
}

// Held returns how many contexts, modules, streams and events have not been given back.
func (s *Sim) Held() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.held
}

// Allocated returns how many bytes of the device's memory, and how many of pinned memory, are in use.
func (s *Sim) Allocated() (device, pinned uint64) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, a := range s.pinned {
		pinned += uint64(len(a.bytes))
	}
	return s.memory.used, pinned
}

// call runs a call of the driver: one at a time, none after a fault.
func (s *Sim) call(name string, f func() driver.Result) driver.Result {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.fault != driver.Success {
		return s.fault
	}
	if s.Fail != nil {
		if r := s.Fail(name); r != driver.Success {
			return r
		}
	}
	return f()
}

// fail makes all calls fail from here on.
func (s *Sim) fail(r driver.Result, report string) { s.fault, s.report = r, report }

// detail is what is known of a failure.
func (s *Sim) detail() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.report
}

// handle returns a number that was not given out before.
func (s *Sim) handle() uint64 {
	s.last++
	return s.last
}
