package sim_test

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
)

// probes returns a device with the kernels of testdata.
func probes(t testing.TB, o sim.Options) *device.Device {
	t.Helper()
	o.Sources = "testdata"
	s := sim.New(t, o)
	d, err := device.Simulated(s.Driver(), s.Image())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

type fataler interface {
	Helper()
	Fatal(...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put[T device.Number](t fataler, d *device.Device, x []T) device.Pointer {
	t.Helper()
	p, err := d.Alloc(max(8*len(x), 1))
	must(t, err)
	must(t, device.Upload(d, p, x))
	return p
}

func get[T device.Number](t fataler, d *device.Device, p device.Pointer, n int) []T {
	t.Helper()
	x := make([]T, n)
	must(t, device.Download(d, x, p))
	return x
}

func launch(t fataler, d *device.Device, name string, grid, block device.Dim, shared int, args ...device.Arg) {
	t.Helper()
	f, err := d.Function(name)
	must(t, err)
	must(t, d.Launch(f, grid, block, shared, args...))
}

func size(d device.Dim) int { return d.X * d.Y * d.Z }

// shape draws a grid and a block of at most limit threads; a multiple of 32 of them where whole warps are asked for.
func shape(t *rapid.T, limit int, warps bool) (grid, block device.Dim) {
	grid = device.Dim{X: rapid.IntRange(1, 4).Draw(t, "gx"), Y: rapid.IntRange(1, 3).Draw(t, "gy"), Z: rapid.IntRange(1, 3).Draw(t, "gz")}
	for {
		block = device.Dim{X: rapid.IntRange(1, 40).Draw(t, "bx"), Y: rapid.IntRange(1, 9).Draw(t, "by"), Z: rapid.IntRange(1, 5).Draw(t, "bz")}
		if warps {
			block.X = (block.X + 31) / 32 * 32
		}
		if size(block) <= limit {
			return grid, block
		}
	}
}

// devices returns devices that run threads in the usual order, in others, and blocks on several processors.
func devices(t testing.TB) []*device.Device {
	return []*device.Device{probes(t, sim.Options{}), probes(t, sim.Options{Order: 1}), probes(t, sim.Options{Order: 99, Workers: 3})}
}

func TestBarriers(t *testing.T) {
	all := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(all).Draw(t, "device")
		grid, block := shape(t, 1024, false)
		n, rounds := size(block), rapid.IntRange(0, 5).Draw(t, "rounds")
		x := rapid.SliceOfN(rapid.Int32(), size(grid)*n, size(grid)*n).Draw(t, "x")
		p := put(t, d, x)
		defer d.Free(p)
		launch(t, d, "probe_reverse", grid, block, 4*n, device.Ptr(p), device.I32(rounds))
		for b := range size(grid) {
			if rounds%2 == 1 {
				slices.Reverse(x[b*n : (b+1)*n])
			}
		}
		if got := get[int32](t, d, p, len(x)); !slices.Equal(got, x) {
			t.Fatalf("%v, want %v", got, x)
		}
	})
}

// source returns the lane that a shuffle reads, by the definition of the instruction in the PTX manual.
func source(mode string, own, lane, width int) int {
	group := own / width * width
	switch mode {
	case "idx":
		return group + lane%width
	case "up":
		if own-lane >= group {
			return own - lane
		}
	case "down":
		if own+lane < group+width {
			return own + lane
		}
	case "xor":
		if own^lane < group+width {
			return own ^ lane
		}
	}
	return own
}

func TestShuffles(t *testing.T) {
	all := devices(t)
	modes := []string{"idx", "up", "down", "xor", "xor", "idx", "down", "up"}
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(all).Draw(t, "device")
		grid, block := shape(t, 1024, true)
		n := size(grid) * size(block)
		mode, lane := rapid.IntRange(0, len(modes)-1).Draw(t, "mode"), rapid.IntRange(0, 31).Draw(t, "lane")
		width := 1 << rapid.IntRange(0, 5).Draw(t, "log width")
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(i * 3)
		}
		in, out := put(t, d, x), put(t, d, x)
		defer d.Free(in)
		defer d.Free(out)
		launch(t, d, "probe_shuffle", grid, block, 0, device.Ptr(out), device.Ptr(in), device.I32(mode), device.U32(uint32(lane)), device.I32(width))
		for i, v := range get[float64](t, d, out, n) {
			if want := x[i/32*32+source(modes[mode], i%32, lane, width)]; v != want {
				t.Fatalf("mode %d, lane %d, width %d: thread %d has %g, want %g", mode, lane, width, i, v, want)
			}
		}
	})
}

func TestVotes(t *testing.T) {
	all := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(all).Draw(t, "device")
		grid, block := shape(t, 1024, false)
		n := size(grid) * size(block)
		mask := rapid.Uint32().Draw(t, "mask")
		x := rapid.SliceOfN(rapid.Int32Range(0, 1), n, n).Draw(t, "x")
		in, out := put(t, d, x), put(t, d, make([]uint32, 3*n))
		defer d.Free(in)
		defer d.Free(out)
		launch(t, d, "probe_vote", grid, block, 0, device.Ptr(out), device.Ptr(in), device.U32(mask))
		got := get[uint32](t, d, out, 3*n)
		for i := range n {
			b, lane := i/size(block)*size(block), i%size(block)
			var want [3]uint32
			if mask>>(lane%32)&1 != 0 {
				want[2] = 1
				for l := range 32 {
					if other := lane/32*32 + l; mask>>l&1 != 0 && other < size(block) {
						bit := uint32(x[b+other])
						want[0] |= bit << l
						want[1] |= bit
						want[2] &= bit
					}
				}
			}
			if [3]uint32(got[3*i:3*i+3]) != want {
				t.Fatalf("thread %d: %v, want %v", i, got[3*i:3*i+3], want)
			}
		}
	})
}

func TestSums(t *testing.T) {
	all := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(all).Draw(t, "device")
		grid, block := shape(t, 1024, true)
		n := size(block)
		x := make([]float32, size(grid)*n)
		want := make([]float32, size(grid))
		for i := range x {
			x[i] = float32(rapid.IntRange(-50, 50).Draw(t, "x")) // sums of whole numbers have no rounding
			want[i/n] += x[i]
		}
		in, out := put(t, d, x), put(t, d, want)
		defer d.Free(in)
		defer d.Free(out)
		launch(t, d, "probe_sum", grid, block, 0, device.Ptr(out), device.Ptr(in))
		if got := get[float32](t, d, out, len(want)); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestAtomicsAndIndices(t *testing.T) {
	for _, d := range devices(t) {
		grid, block := device.Dim{X: 5, Y: 3, Z: 2}, device.Dim{X: 7, Y: 3, Z: 2}
		n := size(grid) * size(block)
		count, sum, wide, most := put(t, d, []int32{0}), put(t, d, []float32{0}), put(t, d, []float64{0}), put(t, d, []int32{0})
		launch(t, d, "probe_count", grid, block, 0, device.Ptr(count), device.Ptr(sum), device.Ptr(wide), device.Ptr(most))
		if c, s, w, m := get[int32](t, d, count, 1)[0], get[float32](t, d, sum, 1)[0], get[float64](t, d, wide, 1)[0], get[int32](t, d, most, 1)[0]; int(c) != n ||
			s != float32(n) || w != float64(n)/2 || int(m) != size(grid)+size(block)-2 {
			t.Errorf("%d %g %g %d from %d threads", c, s, w, m, n)
		}
		out := put(t, d, make([]uint32, 6*n))
		launch(t, d, "probe_indices", grid, block, 0, device.Ptr(out))
		got := get[uint32](t, d, out, 6*n)
		for i := range n {
			th, b := i%size(block), i/size(block)
			want := [6]uint32{uint32(th % 7), uint32(th / 7 % 3), uint32(th / 21), uint32(b % 5), uint32(b / 5 % 3), uint32(b / 15)}
			if [6]uint32(got[6*i:6*i+6]) != want {
				t.Fatalf("thread %d: %v, want %v", i, got[6*i:6*i+6], want)
			}
		}
	}
}

func TestUnwrittenMemoryIsNaN(t *testing.T) {
	d := probes(t, sim.Options{})
	out, err := d.Alloc(4 * 128)
	must(t, err)
	for i, v := range get[float32](t, d, out, 128) {
		if !math.IsNaN(float64(v)) {
			t.Fatalf("new memory has %g at %d", v, i)
		}
	}
	for blocks := 1; blocks <= 2; blocks++ {
		must(t, d.Fill(out, 0, 4*128))
		launch(t, d, "probe_unwritten", device.Dim{X: blocks}, device.Dim{X: 64}, 4*64, device.Ptr(out), device.I32(blocks))
		for i, v := range get[float32](t, d, out, 128) {
			if !math.IsNaN(float64(v)) {
				t.Fatalf("shared memory has %g at %d", v, i)
			}
		}
	}
}

// A missing barrier shows as other results in another order of threads.
func TestRacesShow(t *testing.T) {
	var results [][]int32
	for _, order := range []uint64{0, 1} {
		d := probes(t, sim.Options{Order: order})
		out := put(t, d, make([]int32, 64))
		launch(t, d, "probe_race", device.Dim{}, device.Dim{X: 64}, 0, device.Ptr(out))
		results = append(results, get[int32](t, d, out, 64))
	}
	if slices.Equal(results[0], results[1]) {
		t.Error("the race has the same results in both orders of threads")
	}
}

func TestFaultsAreReported(t *testing.T) {
	for mode, want := range [][]string{
		{"thread (1,0,0) of block (0,0,0)", "probe_fault", "access outside"},
		{"wrote at byte 236 of an allocation of 236 bytes"},
		{"wrote at byte -4 of an allocation of 236 bytes"},
		{"thread (8,0,0)", "probe.cu", "index 8 outside of", "float[8]"},
		{"probe.cu", "is no multiple of 16"},
		{"divergent __syncthreads", "thread (0,0,0) has returned"},
		{"divergent", "__syncthreads", "__syncwarp", "probe.cu"},
		{"__shfl_xor_sync reads lane"},
		{"divergent __shfl_sync", "has returned"},
		{"leaves out lane"},
		{"division by zero"},
		{"access outside"},
		{"trap"},
		{"access outside"},
	} {
		if runtime.GOARCH == "arm64" && want[0] == "division by zero" {
			continue // gives zero there, as on a device
		}
		for _, order := range []uint64{0, 5} {
			if order != 0 && strings.HasPrefix(want[0], "thread") {
				continue // another thread is the first
			}
			d := probes(t, sim.Options{Order: order})
			x, err := d.Alloc(4*64 - 4*5)
			must(t, err)
			launch(t, d, "probe_fault", device.Dim{X: 2}, device.Dim{X: 16}, 4*59, device.Ptr(x), device.I32(59), device.I32(mode), device.I32(0))
			err = d.Sync()
			if !errors.Is(err, device.ErrFault) {
				t.Errorf("mode %d: %v", mode, err)
				continue
			}
			for _, part := range want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("mode %d: %v, want %q in it", mode, err, part)
				}
			}
			if _, err := d.Alloc(1); !errors.Is(err, device.ErrFault) {
				t.Errorf("mode %d: the device is usable after it: %v", mode, err)
			}
		}
	}
}

// The handler of the shim leaves faults of Go's to Go.
func TestFaultsOfGoAreGos(t *testing.T) {
	d := probes(t, sim.Options{})
	launch(t, d, "probe_indices", device.Dim{}, device.Dim{}, 0, device.Ptr(put(t, d, make([]uint32, 6))))
	must(t, d.Sync())
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(error).Error(), "nil pointer") {
			t.Errorf("recovered %v", r)
		}
	}()
	var p *int
	*p = 1
}
