package device

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/cuda/ptx"
)

// simulated returns a device of this process with the kernels of gen/cuda, and with the allocator of a real one.
func simulated(t testing.TB, o sim.Options) (*Device, *sim.Sim) {
	t.Helper()
	s := sim.New(t, o)
	d, err := open(s.Driver(), s.Image(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, s
}

// bare returns a device of this process without kernels.
func bare(t testing.TB, o sim.Options) (*Device, *sim.Sim) {
	t.Helper()
	s := sim.Bare(t, o)
	d, err := open(s.Driver(), s.Image(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, s
}

func alloc(t testing.TB, d *Device, bytes int) Pointer {
	t.Helper()
	p, err := d.Alloc(bytes)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// exercise uses all of a device: copies, fills, a kernel, events.
func exercise(t testing.TB, d *Device) {
	t.Helper()
	const n = 100003
	rnd := rand.New(rand.NewPCG(1, 2))
	x, y, want := make([]float32, n), make([]float32, n), make([]float32, n)
	for i := range x {
		x[i], y[i] = rnd.Float32(), rnd.Float32()
		want[i] = float32(math.FMA(.5, float64(x[i]), float64(y[i])))
	}
	dx, dy, dz := alloc(t, d, 4*n), alloc(t, d, 4*n), alloc(t, d, 4*n)
	defer d.Free(dx)
	defer d.Free(dy)
	defer d.Free(dz)
	must(t, Upload(d, dx, x))
	must(t, Upload(d, dy, y))
	f, err := d.Function("vector_axpy")
	must(t, err)
	begin, err := d.Record()
	must(t, err)
	defer begin.Close()
	must(t, d.Launch(f, Dim{X: 30}, Dim{X: 256}, 0, Ptr(dy), Ptr(dx), F32(.5), I64(n)))
	end, err := d.Record()
	must(t, err)
	defer end.Close()
	must(t, d.CopyWithin(dz, dy, 4*n))
	if took, err := end.Since(begin); err != nil || !(took > 0) {
		t.Errorf("the kernel took %v: %v", took, err)
	}
	got := make([]float32, n)
	must(t, Download(d, got, dz))
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%d: %g, want %g", i, got[i], want[i])
		}
	}
	must(t, d.Fill(dz, 0xab, 4*n))
	must(t, d.Fill32(dz+4, math.Float32bits(2.5), 10))
	must(t, Download(d, got, dz))
	if other := math.Float32frombits(0xabababab); got[0] != other || got[1] != 2.5 || got[10] != 2.5 || got[11] != other || got[n-1] != other {
		t.Errorf("filled with %g %g %g %g", got[0], got[1], got[10], got[11])
	}
	must(t, d.Sync())
}

func TestDevice(t *testing.T) {
	d, s := simulated(t, sim.Options{})
	exercise(t, d)
	must(t, d.Close())
	if memory, pinned := s.Allocated(); memory != 0 || pinned != 0 || s.Held() != 0 {
		t.Errorf("after Close %d bytes, %d pinned bytes and %d handles are kept", memory, pinned, s.Held())
	}
	if _, err := d.Alloc(8); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	must(t, d.Close())
	d.Free(4711) // ignored
}

// Copies of every size around those of the staging buffers arrive, and the host's memory may be changed as soon as they return.
func TestCopies(t *testing.T) {
	d, _ := bare(t, sim.Options{})
	for _, n := range []int{0, 1, 5, stagingBytes - 1, stagingBytes, stagingBytes + 1, 2 * stagingBytes, 3*stagingBytes + 17} {
		src, dst := make([]byte, n), make([]byte, n)
		for i := range src {
			src[i] = byte(i*7 + i>>13)
		}
		want := slices.Clone(src)
		p := alloc(t, d, n)
		must(t, d.CopyIn(p, src))
		clear(src)
		must(t, d.CopyOut(dst, p))
		if !slices.Equal(dst, want) {
			t.Errorf("%d bytes do not arrive", n)
		}
		d.Free(p)
	}
	if err := d.CopyWithin(0, 0, -1); err == nil {
		t.Error("a negative size is taken")
	}
	must(t, d.Err())
}

// A copy past the end of an allocation is a fault, which stays.
func TestFaultsStay(t *testing.T) {
	d, _ := bare(t, sim.Options{})
	p := alloc(t, d, 1<<20)
	err := d.CopyIn(p+1<<20-8, make([]byte, 16))
	var f *Fault
	if !errors.Is(err, ErrFault) || !errors.As(err, &f) || f.Call != "cuMemcpyHtoDAsync" {
		t.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"Sync": d.Sync, "Err": d.Err, "Fill": func() error { return d.Fill(p, 0, 8) }, "CopyOut": func() error { return d.CopyOut(make([]byte, 8), p) },
		"Alloc": func() error { _, err := d.Alloc(8); return err }, "Close": d.Close,
	} {
		if again := call(); again != err {
			t.Errorf("%s after it: %v", name, again)
		}
	}
}

// The error of a call that does not wait is the next one's.
func TestLateFaults(t *testing.T) {
	d, _ := bare(t, sim.Options{})
	must(t, d.Fill(12345, 0, 8)) // no memory is there
	if err := d.Sync(); !errors.Is(err, ErrFault) || !strings.Contains(err.Error(), "cuMemsetD8Async") {
		t.Error(err)
	}
}

func TestClasses(t *testing.T) {
	var a allocator
	for n := uint64(1); n < 1<<40; n += 1 + n/97 {
		c := a.class(n)
		if c < n || c%512 != 0 || c-n >= 512 && float64(c-n) > float64(n)/8 || a.class(c) != c {
			t.Fatalf("%d bytes are taken for %d; for those, %d", c, n, a.class(c))
		}
	}
}

func TestMemoryIsKept(t *testing.T) {
	calls := 0
	d, s := bare(t, sim.Options{Memory: 64 << 20, Fail: func(call string) driver.Result {
		if call == "MemAlloc" {
			calls++
		}
		return driver.Success
	}})
	p := alloc(t, d, 1000)
	d.Free(p)
	if q := alloc(t, d, 900); q != p || calls != 1 {
		t.Errorf("freed memory is not taken again: %x, %x, %d calls", p, q, calls)
	}
	if i := d.Info(); i.Used != 1024 || i.Cached != 0 || i.Free != 64<<20-1024 || i.Memory != 64<<20 {
		t.Errorf("%+v", i)
	}
	d.Free(p)
	if i := d.Info(); i.Used != 0 || i.Cached != 1024 {
		t.Errorf("%+v", i)
	}
	// What is kept is bounded by half of the memory.
	var list []Pointer
	for range 5 {
		list = append(list, alloc(t, d, 10<<20))
	}
	for _, p := range list {
		d.Free(p)
	}
	must(t, d.Sync())
	if used, _ := s.Allocated(); used > 32<<20 || used < 30<<20 {
		t.Errorf("%d bytes are kept", used)
	}
	// It makes place for others before memory is said to be full.
	q := alloc(t, d, 60<<20)
	if _, err := d.Alloc(10 << 20); !errors.Is(err, ErrMemory) || errors.Is(err, ErrFault) {
		t.Errorf("full memory: %v", err)
	}
	must(t, d.Err())
	d.Free(q)
	if _, err := d.Alloc(-1); err == nil {
		t.Error("a negative size is taken")
	}
	alloc(t, d, 0)
	defer func() {
		if recover() == nil {
			t.Error("a second Free is taken")
		}
	}()
	d.Free(list[0])
}

func TestWrongLaunches(t *testing.T) {
	d, _ := simulated(t, sim.Options{})
	other, _ := simulated(t, sim.Options{})
	f, err := d.Function("vector_axpy")
	must(t, err)
	if again, _ := d.Function("vector_axpy"); again != f || f.Name() != "vector_axpy" {
		t.Error("the function is another the second time")
	}
	if _, err := d.Function("vector_nothing"); err == nil || !strings.Contains(err.Error(), "vector_nothing") {
		t.Error(err)
	}
	p := Ptr(alloc(t, d, 4))
	good := []Arg{p, p, F32(1), I64(1)}
	for name, err := range map[string]error{
		"too few":     d.Launch(f, Dim{}, Dim{}, 0, p, p),
		"is a float":  d.Launch(f, Dim{}, Dim{}, 0, p, p, I32(1), I64(1)),
		"was given":   d.Launch(f, Dim{}, Dim{}, 0, p, p, F32(1), I32(1)),
		"at most":     d.Launch(f, Dim{}, Dim{X: 1025}, 0, good...),
		"of 32x33x1":  d.Launch(f, Dim{}, Dim{X: 32, Y: 33}, 0, good...),
		"grid":        d.Launch(f, Dim{Y: 65536}, Dim{}, 0, good...),
		"-1":          d.Launch(f, Dim{X: -1}, Dim{}, 0, good...),
		"shared":      d.Launch(f, Dim{}, Dim{}, 1<<20, good...),
		"of another ": other.Launch(f, Dim{}, Dim{}, 0, good...),
	} {
		if name == "too few" {
			name = "4 parameters"
		}
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q in it", err, name)
		}
	}
	must(t, d.Sync())
	for _, shared := range []int{0, 48 << 10, 100 << 10, 227 << 10, 100} { // above 48 KiB it is asked for
		must(t, d.Launch(f, Dim{}, Dim{}, shared, good...))
	}
	must(t, d.Sync())
}

func TestLaunchDoesNotAllocate(t *testing.T) {
	d, _ := simulated(t, sim.Options{})
	f, err := d.Function("vector_axpy")
	must(t, err)
	x, y := alloc(t, d, 4), alloc(t, d, 4)
	must(t, Upload(d, x, []float32{0}))
	must(t, Upload(d, y, []float32{0}))
	host := make([]float32, 1)
	step := func() {
		if d.Launch(f, Dim{}, Dim{}, 0, Ptr(y), Ptr(x), F32(1), I64(1)) != nil {
			t.Fatal(d.Err())
		}
	}
	step()
	must(t, d.Sync())
	drv := *d.drv // the simulation allocates in its launches
	drv.LaunchKernel = func(f driver.Function, grid, block driver.Dim, shared uint32, s driver.Stream, p []unsafe.Pointer) driver.Result {
		return driver.Success
	}
	d.drv = &drv
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("a launch allocates %g times", n)
	}
	copies := func() {
		p, err := d.Alloc(4)
		if err != nil || Upload(d, p, host) != nil || Download(d, host, p) != nil {
			t.Fatal(err)
		}
		d.Free(p)
	}
	copies()
	if n := testing.AllocsPerRun(100, copies); n > 1 { // sync.Pool may lose one
		t.Errorf("copies and memory that was kept allocate %g times", n)
	}
}

// Many goroutines may use a device at once.
func TestGoroutines(t *testing.T) {
	d, _ := simulated(t, sim.Options{Workers: 2})
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			f, err := d.Function("vector_axpy")
			if err != nil {
				t.Error(err)
				return
			}
			for k := range 30 {
				n := 1 + (g*31+k*17)%200
				x := make([]float32, n)
				for i := range x {
					x[i] = float32(g + i)
				}
				dx, err1 := d.Alloc(4 * n)
				dy, err2 := d.Alloc(4 * n)
				if err := errors.Join(err1, err2, Upload(d, dx, x), d.Fill(dy, 0, 4*n)); err != nil {
					t.Error(err)
					return
				}
				for range 3 {
					if err := d.Launch(f, Dim{X: 2}, Dim{X: 32}, 0, Ptr(dy), Ptr(dx), F32(2), I64(n)); err != nil {
						t.Error(err)
					}
				}
				if err := Download(d, x, dy); err != nil {
					t.Error(err)
				}
				for i, v := range x {
					if v != 6*float32(g+i) {
						t.Errorf("%d of goroutine %d: %g", i, g, v)
						return
					}
				}
				d.Free(dx)
				d.Free(dy)
				d.Info()
			}
		})
	}
	wait.Wait()
	must(t, d.Sync())
}

// Calls that are under way when a device is closed end, each with its result or ErrClosed.
func TestCloseWhileInUse(t *testing.T) {
	d, s := bare(t, sim.Options{})
	p := alloc(t, d, 1000)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				if err := d.Fill(p, 1, 1000); err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	must(t, d.Sync())
	must(t, d.Close())
	wait.Wait()
	if s.Held() != 0 {
		t.Errorf("%d handles are kept", s.Held())
	}
}

// The committed PTX has the kernels that the sources have, with the same parameters; if not, run go generate ./cuda/ptx.
func TestPTXIsOfTheSources(t *testing.T) {
	_, s := simulated(t, sim.Options{})
	want, err := signatures(s.Image())
	must(t, err)
	for _, target := range ptx.Targets() {
		got, err := signatures(target.Image())
		must(t, err)
		for name, w := range want {
			if _, ok := got[name]; !ok && target.Major < 8 {
				continue // it uses what such a device does not have
			}
			if got[name] != w {
				t.Errorf("%s: %s has parameters and threads %v, %v in gen/cuda", target, name, got[name], w)
			}
		}
		for name := range got {
			if _, ok := want[name]; !ok {
				t.Errorf("%s: %s is not in gen/cuda", target, name)
			}
		}
	}
}

func TestSignatures(t *testing.T) {
	s, err := signatures([]byte(`.version 6.3
.visible .entry two(
	.param .u64 .ptr .global .align 4 two_param_0,
	.param .f32 two_param_1,
	.param .u32 two_param_2,
	.param .f64 two_param_3
)
.maxntid 16, 8, 1
.minnctapersm 2
{ ret; }
.visible .entry none()
{ ret; }`))
	if err != nil || len(s) != 2 || s["two"] != (signature{"lfud", 128}) || s["none"] != (signature{"", 1024}) {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := signatures([]byte(".entry odd(.param .align 4 .b8 odd_param_0[12])\n{}")); err == nil || !strings.Contains(err.Error(), "odd") {
		t.Errorf("a structure: %v", err)
	}
}
