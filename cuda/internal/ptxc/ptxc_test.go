package ptxc_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda/device"
	"github.com/sinkcpu/sinkcpu/cuda/internal/ptxc"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
	"github.com/sinkcpu/sinkcpu/cuda/ptx"
)

const head = ".version 7.0\n.target sm_80\n.address_size 64\n"

// kernel is an entry with parameters out and in, addresses of numbers of 64 bits, of which %rd10 and %rd11 are those of the thread.
func kernel(name, body string) string {
	return `.visible .entry ` + name + `(.param .u64 out, .param .u64 in) .maxntid 64, 1, 1 {
.reg .pred %p<10>; .reg .b16 %rs<10>; .reg .b32 %r<40>; .reg .f32 %f<20>; .reg .b64 %rd<40>; .reg .f64 %fd<10>;
ld.param.u64 %rd10, [out]; ld.param.u64 %rd11, [in];
cvta.to.global.u64 %rd10, %rd10; cvta.to.global.u64 %rd11, %rd11;
mov.u32 %r10, %tid.x; mul.wide.u32 %rd12, %r10, 8; add.s64 %rd10, %rd10, %rd12; add.s64 %rd11, %rd11, %rd12;
` + body + "\nret;\n}\n"
}

// run returns what a kernel of a block of threads makes of numbers, or the device's fault.
func run(t *testing.T, module, name string, threads, dynamic int, in []uint64) ([]uint64, error) {
	t.Helper()
	s := sim.New(t, sim.Options{PTX: []byte(module)})
	d, err := device.Simulated(s.Driver(), s.Image())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	from, err := d.Alloc(8 * len(in))
	if err != nil {
		t.Fatal(err)
	}
	to, err := d.Alloc(8 * threads)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Function(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := device.Upload(d, from, in); err != nil {
		t.Fatal(err)
	}
	if err := d.Launch(f, device.Dim{}, device.Dim{X: threads}, dynamic, device.Ptr(to), device.Ptr(from)); err != nil {
		return nil, err
	}
	out := make([]uint64, threads)
	return out, device.Download(d, out, to)
}

func f32(x float64) uint64 { return uint64(math.Float32bits(float32(x))) }
func f64(x float64) uint64 { return math.Float64bits(x) }

var (
	nan32, nan64 = uint64(0x7fc00000), math.Float64bits(math.NaN())
	inf32        = uint64(0x7f800000)
)

// signed32 are the bits of a negative number of 32 bits.
func signed32(x int32) uint64 { return uint64(uint32(x)) }

// An example is an instruction whose operands %r1 to %r3, and with them %f, %rd and %fd, are numbers; the result is in the register named 9 of its type.
var examples = []struct {
	code, result string
	in           [3]uint64
	want         uint64
}{
	{"add.s32 %r9, %r1, %r2;", "r", [3]uint64{0xffffffff, 2}, 1},
	{"add.s32 %r9, %r1, -5;", "r", [3]uint64{3}, signed32(-2)},
	{"add.s64 %rd9, %rd1, -256;", "rd", [3]uint64{255}, math.MaxUint64},
	{"sub.s32 %r9, %r1, %r2;", "r", [3]uint64{1, 2}, 0xffffffff},
	{"cvt.u16.u32 %rs1, %r1; cvt.u16.u32 %rs2, %r2; sub.s16 %rs3, %rs1, %rs2; cvt.u32.u16 %r9, %rs3;", "r", [3]uint64{0x10001, 2}, 0xffff},
	{"mul.lo.s32 %r9, %r1, %r2;", "r", [3]uint64{0x10001, 0x10001}, 0x20001},
	{"mul.wide.s32 %rd9, %r1, %r2;", "rd", [3]uint64{signed32(-3), 5}, uint64(math.MaxUint64 - 14)},
	{"mul.wide.u32 %rd9, %r1, %r2;", "rd", [3]uint64{signed32(-3), 5}, 0xfffffffd * 5},
	{"mul.lo.s64 %rd9, %rd1, %rd2;", "rd", [3]uint64{1 << 40, 1 << 23}, 1 << 63},
	{"mad.lo.s32 %r9, %r1, %r2, %r3;", "r", [3]uint64{7, signed32(-3), 1}, signed32(-20)},
	{"div.s32 %r9, %r1, %r2;", "r", [3]uint64{signed32(-7), 2}, signed32(-3)},
	{"div.s32 %r9, %r1, %r2;", "r", [3]uint64{1 << 31, signed32(-1)}, 1 << 31},
	{"div.u32 %r9, %r1, %r2;", "r", [3]uint64{signed32(-7), 2}, 0x7ffffffc},
	{"div.s64 %rd9, %rd1, %rd2;", "rd", [3]uint64{math.MaxUint64 - 6, 2}, math.MaxUint64 - 2},
	{"rem.u32 %r9, %r1, %r2;", "r", [3]uint64{17, 5}, 2},
	{"neg.s32 %r9, %r1;", "r", [3]uint64{5}, signed32(-5)},
	{"min.s32 %r9, %r1, %r2;", "r", [3]uint64{signed32(-5), 3}, signed32(-5)},
	{"max.s32 %r9, %r1, %r2;", "r", [3]uint64{signed32(-5), 3}, 3},
	{"max.u32 %r9, %r1, %r2;", "r", [3]uint64{signed32(-5), 3}, signed32(-5)},
	{"min.s64 %rd9, %rd1, %rd2;", "rd", [3]uint64{math.MaxUint64, 3}, math.MaxUint64},
	{"and.b32 %r9, %r1, 31;", "r", [3]uint64{0xff}, 31},
	{"or.b64 %rd9, %rd1, %rd2;", "rd", [3]uint64{1 << 40, 2}, 1<<40 | 2},
	{"xor.b32 %r9, %r1, -1;", "r", [3]uint64{5}, 0xfffffffa},
	{"not.b32 %r9, %r1;", "r", [3]uint64{0}, 0xffffffff},
	{"shl.b32 %r9, %r1, %r2;", "r", [3]uint64{3, 31}, 1 << 31},
	{"shl.b32 %r9, %r1, %r2;", "r", [3]uint64{3, 32}, 0},
	{"shl.b64 %rd9, %rd1, %r2;", "rd", [3]uint64{3, 63}, 1 << 63},
	{"shr.u32 %r9, %r1, 1;", "r", [3]uint64{signed32(-4)}, 0x7ffffffe},
	{"shr.s32 %r9, %r1, 1;", "r", [3]uint64{signed32(-4)}, signed32(-2)},
	{"shr.s32 %r9, %r1, %r2;", "r", [3]uint64{signed32(-4), 40}, signed32(-1)},
	{"shr.u64 %rd9, %rd1, 64;", "rd", [3]uint64{math.MaxUint64}, 0},
	{"bfe.u32 %r9, %r1, 4, 26;", "r", [3]uint64{0xffffffff}, 1<<26 - 1},
	{"bfe.u32 %r9, %r1, 20, 26;", "r", [3]uint64{0xffffffff}, 0xfff},
	{"bfe.u32 %r9, %r1, 0, 32;", "r", [3]uint64{0xfffffffe}, 0xfffffffe},
	{"clz.b32 %r9, %r1;", "r", [3]uint64{0}, 32},
	{"clz.b32 %r9, %r1;", "r", [3]uint64{1 << 20}, 11},
	{"selp.b32 %r9, %r1, %r2, 0;", "r", [3]uint64{4, 5}, 5},
	{"mov.b64 {%r8, %r9}, %rd1;", "r", [3]uint64{0x500000003}, 5},
	{"mov.b64 %rd9, {%r1, %r2};", "rd", [3]uint64{3, 5}, 0x500000003},
	{"mov.b32 %r9, %f1;", "r", [3]uint64{0x7fc12345}, 0x7fc12345},
	{"{ .reg .b32 %r9; mov.u32 %r9, 1; } mov.u32 %r9, %r1;", "r", [3]uint64{6}, 6},
	{"bra $over; $back: mov.u32 %r9, 2; bra $end; $over: @!%p1 bra $back; mov.u32 %r9, 3; $end:", "r", [3]uint64{}, 2},
	{"setp.ne.s32 %p1, %r1, 0; mov.u32 %r9, 1; @%p1 mov.u32 %r9, 2; @!%p1 mov.u32 %r9, 3;", "r", [3]uint64{1}, 2},

	{"fma.rn.f32 %f9, %f1, %f2, %f3;", "f", [3]uint64{f32(1 + 0x1p-23), f32(1 - 0x1p-23), f32(-1)}, f32(-0x1p-46)},
	{"mul.rn.f32 %f8, %f1, %f2; add.rn.f32 %f9, %f8, %f3;", "f", [3]uint64{f32(1 + 0x1p-23), f32(1 - 0x1p-23), f32(-1)}, f32(0)},
	{"fma.rn.f64 %fd9, %fd1, %fd2, %fd3;", "fd", [3]uint64{f64(1 + 0x1p-52), f64(1 - 0x1p-52), f64(-1)}, f64(-0x1p-104)},
	{"mul.f32 %f9, %f1, 0f3F000000;", "f", [3]uint64{f32(3)}, f32(1.5)},
	{"add.f64 %fd9, %fd1, 0d3FF0000000000000;", "fd", [3]uint64{f64(2)}, f64(3)},
	{"mul.f32 %f9, %f1, %f2;", "f", [3]uint64{1, f32(2)}, 2}, // denormals, without .ftz
	{"div.rn.f32 %f9, %f1, %f2;", "f", [3]uint64{f32(1), f32(3)}, f32(1. / 3)},
	{"rcp.rn.f64 %fd9, %fd1;", "fd", [3]uint64{f64(3)}, f64(1. / 3)},
	{"sqrt.rn.f32 %f9, %f1;", "f", [3]uint64{f32(2)}, f32(math.Sqrt2)},
	{"neg.f32 %f9, %f1;", "f", [3]uint64{f32(0)}, 1 << 31},
	{"abs.f64 %fd9, %fd1;", "fd", [3]uint64{f64(-2)}, f64(2)},
	{"min.f32 %f9, %f1, %f2;", "f", [3]uint64{nan32, f32(2)}, f32(2)},
	{"max.f32 %f9, %f1, %f2;", "f", [3]uint64{f32(2), nan32}, f32(2)},
	{"max.f32 %f9, %f1, %f2;", "f", [3]uint64{1 << 31, 0}, 0},
	{"min.f32 %f9, %f1, %f2;", "f", [3]uint64{0, 1 << 31}, 1 << 31},
	{"min.f64 %fd9, %fd1, %fd2;", "fd", [3]uint64{f64(-1), nan64}, f64(-1)},

	{"setp.lt.s32 %p9, %r1, %r2;", "p", [3]uint64{signed32(-1), 1}, 1},
	{"setp.lt.u32 %p9, %r1, %r2;", "p", [3]uint64{signed32(-1), 1}, 0},
	{"setp.ge.s64 %p9, %rd1, %rd2;", "p", [3]uint64{math.MaxUint64, 0}, 0},
	{"setp.eq.f32 %p9, %f1, %f2;", "p", [3]uint64{nan32, nan32}, 0},
	{"setp.ne.f32 %p9, %f1, %f2;", "p", [3]uint64{nan32, 0}, 0},
	{"setp.neu.f32 %p9, %f1, %f2;", "p", [3]uint64{nan32, 0}, 1},
	{"setp.equ.f32 %p9, %f1, %f2;", "p", [3]uint64{nan32, 0}, 1},
	{"setp.equ.f32 %p9, %f1, %f2;", "p", [3]uint64{f32(1), 0}, 0},
	{"setp.lt.f32 %p9, %f1, %f2;", "p", [3]uint64{nan32, 0}, 0},
	{"setp.ltu.f64 %p9, %fd1, %fd2;", "p", [3]uint64{nan64, 0}, 1},
	{"setp.leu.f32 %p9, %f1, %f2;", "p", [3]uint64{f32(2), f32(1)}, 0},
	{"setp.gtu.f32 %p9, %f1, %f2;", "p", [3]uint64{f32(1), nan32}, 1},
	{"setp.geu.f32 %p9, %f1, %f2;", "p", [3]uint64{f32(1), f32(1)}, 1},
	{"setp.num.f32 %p9, %f1, %f2;", "p", [3]uint64{f32(1), nan32}, 0},
	{"setp.nan.f32 %p9, %f1, %f2;", "p", [3]uint64{f32(1), nan32}, 1},
	{"setp.nan.f64 %p9, %fd1, %fd2;", "p", [3]uint64{f64(1), f64(math.Inf(1))}, 0},
	{"setp.eq.s32 %p1, %r1, 1; setp.eq.s32 %p2, %r2, 1; and.pred %p9, %p1, %p2;", "p", [3]uint64{1, 0}, 0},
	{"setp.eq.s32 %p1, %r1, 1; xor.pred %p9, %p1, -1;", "p", [3]uint64{0}, 1},
	{"mov.pred %p9, -1;", "p", [3]uint64{}, 1},

	{"cvt.s64.s32 %rd9, %r1;", "rd", [3]uint64{signed32(-2)}, math.MaxUint64 - 1},
	{"cvt.u64.u32 %rd9, %r1;", "rd", [3]uint64{signed32(-2)}, 0xfffffffe},
	{"cvt.u32.u64 %r9, %rd1;", "r", [3]uint64{0x123456789a}, 0x3456789a},
	{"cvt.rzi.s32.f32 %r9, %f1;", "r", [3]uint64{f32(-1.9)}, signed32(-1)},
	{"cvt.rzi.s32.f32 %r9, %f1;", "r", [3]uint64{f32(3e9)}, math.MaxInt32},
	{"cvt.rzi.s32.f32 %r9, %f1;", "r", [3]uint64{f32(-3e9)}, 1 << 31},
	{"cvt.rzi.s32.f32 %r9, %f1;", "r", [3]uint64{nan32}, 0},
	{"cvt.rzi.u32.f32 %r9, %f1;", "r", [3]uint64{f32(-1)}, 0},
	{"cvt.rzi.u32.f32 %r9, %f1;", "r", [3]uint64{f32(3e9)}, 3e9},
	{"cvt.rzi.u32.f32 %r9, %f1;", "r", [3]uint64{inf32}, math.MaxUint32},
	{"cvt.rzi.s32.f64 %r9, %fd1;", "r", [3]uint64{nan64}, 1 << 31},
	{"cvt.rzi.s64.f64 %rd9, %fd1;", "rd", [3]uint64{f64(1e19)}, math.MaxInt64},
	{"cvt.rzi.s64.f64 %rd9, %fd1;", "rd", [3]uint64{f64(-1e9)}, math.MaxUint64 - 999999999},
	{"cvt.rn.f32.s32 %f9, %r1;", "f", [3]uint64{signed32(-0x1000001)}, f32(-0x1p24)},
	{"cvt.rn.f64.s64 %fd9, %rd1;", "fd", [3]uint64{math.MaxUint64}, f64(-1)},
	{"cvt.rn.f32.f64 %f9, %fd1;", "f", [3]uint64{f64(1 + 0x1p-24)}, f32(1)}, // to even
	{"cvt.rn.f32.f64 %f9, %fd1;", "f", [3]uint64{f64(1e39)}, inf32},
	{"cvt.f64.f32 %fd9, %f1;", "fd", [3]uint64{f32(.1)}, f64(float64(float32(.1)))},
	{"cvt.rni.f64.f64 %fd9, %fd1;", "fd", [3]uint64{f64(2.5)}, f64(2)},

	{"ex2.approx.ftz.f32 %f9, %f1;", "f", [3]uint64{f32(math.Inf(-1))}, 0},
	{"ex2.approx.ftz.f32 %f9, %f1;", "f", [3]uint64{1}, f32(1)},
	{"ex2.approx.ftz.f32 %f9, %f1;", "f", [3]uint64{f32(-127)}, 0},
	{"ex2.approx.ftz.f32 %f9, %f1;", "f", [3]uint64{f32(200)}, inf32},
	{"rcp.approx.ftz.f32 %f9, %f1;", "f", [3]uint64{1<<31 | 1}, 0xff800000},
	{"sqrt.approx.ftz.f32 %f9, %f1;", "f", [3]uint64{1}, 0},
	{"lg2.approx.ftz.f32 %f9, %f1;", "f", [3]uint64{1}, 0xff800000},

	{"ld.global.s32 %rd9, [%rd11+8];", "rd", [3]uint64{0, signed32(-9)}, math.MaxUint64 - 8},
	{"ld.global.u32 %rd9, [%rd11+8];", "rd", [3]uint64{0, signed32(-9)}, signed32(-9)},
	{"ld.global.v2.u32 {%r8, %r9}, [%rd11];", "r", [3]uint64{0x500000003}, 5},
	{"ld.global.nc.f32 %f9, [%rd11+16];", "f", [3]uint64{0, 0, f32(2)}, f32(2)},
	{"ld.global.v4.f32 {%f5, %f6, %f9, %f8}, [%rd11];", "f", [3]uint64{0, f32(2)}, f32(2)},
	{"st.global.u64 [%rd11], %rd3; ld.u64 %rd9, [%rd11];", "rd", [3]uint64{0, 0, 77}, 77},
	{"st.global.u32 [%rd11], %rd3; ld.global.u64 %rd9, [%rd11];", "rd", [3]uint64{5 << 32, 0, 77}, 5<<32 | 77},
	{"atom.global.add.u32 %r9, [%rd11], 5; ld.global.u32 %r8, [%rd11]; sub.s32 %r9, %r8, %r9;", "r", [3]uint64{37}, 5},
	{"ld.param.u64 %rd8, [in]; ld.param.u64 %rd9, [out]; sub.s64 %rd9, %rd9, %rd8; setp.ne.s64 %p1, %rd9, 0; selp.b64 %rd9, 1, 0, %p1;", "rd", [3]uint64{}, 1},
	{"mov.u64 %rd1, few; st.shared.u64 [%rd1+8], %rd3; cvta.shared.u64 %rd2, %rd1; ld.u64 %rd9, [%rd2+8];", "rd", [3]uint64{0, 0, 78}, 78},
	{"mov.u64 %rd1, few; cvta.shared.u64 %rd2, %rd1; st.v2.u32 [%rd2], {%r3, %r3}; cvta.to.shared.u64 %rd4, %rd2; cvt.u32.u64 %r4, %rd4; ld.shared.u32 %r9, [%r4+4];", "r",
		[3]uint64{0, 0, 79}, 79},
	{"st.shared.u32 [few+12], %r3; mov.u32 %r4, few; ld.shared.u32 %r9, [%r4+12];", "r", [3]uint64{0, 0, 80}, 80},
	{"mov.u32 %r9, %ntid.x;", "r", [3]uint64{}, 1},
	{"mov.u32 %r9, %nctaid.y;", "r", [3]uint64{}, 1},
}

func TestInstructions(t *testing.T) {
	end := map[string]string{
		"r": "cvt.u64.u32 %rd9, %r9;", "rd": "", "p": "selp.b64 %rd9, 1, 0, %p9;", "f": "mov.b32 %r9, %f9; cvt.u64.u32 %rd9, %r9;", "fd": "mov.b64 %rd9, %fd9;",
	}
	module := head + ".shared .align 16 .b8 few[32];\n"
	for i, e := range examples {
		body := "mov.pred %p1, 0;\n"
		for k := 1; k <= 3; k++ {
			body += fmt.Sprintf("ld.global.u64 %%rd%[1]d, [%%rd11+%[2]d]; cvt.u32.u64 %%r%[1]d, %%rd%[1]d; mov.b32 %%f%[1]d, %%r%[1]d; mov.b64 %%fd%[1]d, %%rd%[1]d;\n", k, 8*k-8)
		}
		module += kernel(fmt.Sprintf("k%d", i), body+e.code+"\n"+end[e.result]+" st.global.u64 [%rd10], %rd9;")
	}
	for i, e := range examples {
		got, err := run(t, module, fmt.Sprintf("k%d", i), 1, 0, append(e.in[:], 0))
		if err != nil {
			t.Errorf("%s of %#x: %v", e.code, e.in, err)
		} else if got[0] != e.want {
			t.Errorf("%s of %#x: %#x, want %#x", e.code, e.in, got[0], e.want)
		}
	}
}

// Approximations are as far off as they may be, and not further.
func TestApproximations(t *testing.T) {
	for op, a := range map[string]struct {
		f     func(float64) float64
		bound float64
	}{
		"ex2": {math.Exp2, 0x1p-22}, "rcp": {func(x float64) float64 { return 1 / x }, 0x1p-23}, "sqrt": {math.Sqrt, 0x1p-23},
		"rsqrt": {func(x float64) float64 { return 1 / math.Sqrt(x) }, math.Exp2(-22.9)}, "lg2": {math.Log2, 0x1p-22},
	} {
		module := head + kernel("k", "ld.global.f32 %f1, [%rd11]; "+op+".approx.ftz.f32 %f2, %f1; st.global.f32 [%rd10], %f2;")
		rng, worst := rand.New(rand.NewPCG(1, 2)), 0.
		for range 8 {
			in := make([]uint64, 64)
			for i := range in {
				in[i] = f32(math.Exp2(rng.NormFloat64() * 3))
			}
			got, err := run(t, module, "k", 64, 0, in)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range got {
				x := float64(math.Float32frombits(uint32(in[i])))
				want := a.f(x)
				off := math.Abs(float64(math.Float32frombits(uint32(v))) - want)
				if want != 0 && (op != "lg2" || math.Abs(want) > 1) {
					off /= math.Abs(want)
				}
				if math.Abs(want) < math.MaxFloat32 && want > 0x1p-126 {
					worst = max(worst, off)
				}
			}
		}
		if !(worst <= a.bound && worst >= a.bound/2) {
			t.Errorf("%s is off by %.3g, want up to %.3g", op, worst, a.bound)
		}
	}
}

// The lane that shfl.sync reads, in the words of the manual.
func TestShuffles(t *testing.T) {
	source := func(mode string, lane, b, c int) int {
		common, clamp := c>>8&31, c&31
		most, least := lane&common|clamp&^common, lane&common
		j, good := 0, false
		switch mode {
		case "up":
			j = lane - b
			good = j >= most
		case "down":
			j = lane + b
			good = j <= most
		case "bfly":
			j = lane ^ b
			good = j <= most
		case "idx":
			j = least | b&^common
			good = j <= most
		}
		if !good {
			return lane
		}
		return j
	}
	in := make([]uint64, 64)
	for i := range in {
		in[i] = uint64(100 + i)
	}
	module := head
	type read struct {
		mode string
		b, c int
	}
	var reads []read
	for _, mode := range []string{"up", "down", "bfly", "idx"} {
		for width := 1; width <= 32; width *= 2 {
			for _, b := range []int{0, 1, 3, 8, 16, 31} {
				c := (32 - width) << 8
				if mode != "up" {
					c |= 31
				}
				module += kernel(fmt.Sprintf("k%d", len(reads)), fmt.Sprintf("ld.global.u32 %%r1, [%%rd11]; shfl.sync.%s.b32 %%r2, %%r1, %d, %d, -1;"+
					"cvt.u64.u32 %%rd1, %%r2; st.global.u64 [%%rd10], %%rd1;", mode, b, c))
				reads = append(reads, read{mode, b, c})
			}
		}
	}
	for k, r := range reads {
		got, err := run(t, module, fmt.Sprintf("k%d", k), 64, 0, in)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			if want := in[i/32*32+source(r.mode, i%32, r.b, r.c)]; v != want {
				t.Fatalf("%s by %d, %#x: lane %d has %d, want %d", r.mode, r.b, r.c, i, v, want)
			}
		}
	}
}

// Each lane's operands of mma.m16n8k8 are the elements of small whole matrices that the manual's table of fragments gives it.
func TestMultiply(t *testing.T) {
	module := head + kernel("k", `
mov.u32 %r1, %laneid; mul.wide.u32 %rd1, %r1, 48; ld.param.u64 %rd2, [in]; add.s64 %rd2, %rd2, %rd1;
ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%rd2]; ld.global.v2.f32 {%f4, %f5}, [%rd2+16]; ld.global.v4.f32 {%f6, %f7, %f8, %f9}, [%rd2+32];
mov.b32 %r20, %f0; mov.b32 %r21, %f1; mov.b32 %r22, %f2; mov.b32 %r23, %f3; mov.b32 %r24, %f4; mov.b32 %r25, %f5;
mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f6,%f7,%f8,%f9}, {%r20,%r21,%r22,%r23}, {%r24,%r25}, {%f6,%f7,%f8,%f9};
sub.s64 %rd10, %rd10, %rd12; mul.wide.u32 %rd1, %r1, 16; add.s64 %rd10, %rd10, %rd1; st.global.v4.f32 [%rd10], {%f6, %f7, %f8, %f9};`)
	rng := rand.New(rand.NewPCG(5, 6))
	var a [16][8]float64
	var b [8][8]float64
	var c [16][8]float64
	for i := range 16 {
		for j := range 8 {
			a[i][j], c[i][j] = float64(rng.IntN(17)-8), float64(rng.IntN(17)-8)
			b[i%8][j] = float64(rng.IntN(17) - 8)
		}
	}
	// Those of the manual, by register and lane: row and column.
	ofA := func(r, lane int) (int, int) { return lane/4 + 8*(r%2), lane%4 + 4*(r/2) }
	ofB := func(r, lane int) (int, int) { return lane%4 + 4*r, lane / 4 }
	ofC := func(r, lane int) (int, int) { return lane/4 + 8*(r/2), 2*(lane%4) + r%2 }
	words := make([]uint32, 32*12)
	for lane := range 32 {
		w := words[12*lane:]
		for r := range 4 {
			i, j := ofA(r, lane)
			w[r] = math.Float32bits(float32(a[i][j])) | 0x1fff // bits that are not read
			i, j = ofC(r, lane)
			w[8+r] = math.Float32bits(float32(c[i][j]))
		}
		for r := range 2 {
			i, j := ofB(r, lane)
			w[4+r] = math.Float32bits(float32(b[i][j])) | 0x1fff
		}
	}
	in := make([]uint64, len(words)/2)
	for i := range in {
		in[i] = uint64(words[2*i]) | uint64(words[2*i+1])<<32
	}
	got, err := run(t, module, "k", 64, 0, append(in, make([]uint64, 64)...)) // a second warp computes the same
	if err != nil {
		t.Fatal(err)
	}
	for lane := range 32 {
		for r := range 4 {
			i, j := ofC(r, lane)
			want := c[i][j]
			for k := range 8 {
				want += a[i][k] * b[k][j]
			}
			if v := math.Float32frombits(uint32(got[2*lane+r/2] >> (32 * (r % 2)))); float64(v) != want {
				t.Errorf("element %d,%d is %g, want %g", i, j, v, want)
			}
		}
	}
}

// What faults say, and copies that are there after a wait and not before.
func TestMemory(t *testing.T) {
	const start = "mov.u64 %rd1, tile; mov.u32 %r1, tile;"
	cases := []struct{ name, body, want string }{
		{"copy", start + "cp.async.cg.shared.global [%r1], [%rd11], 16; cp.async.commit_group; cp.async.wait_group 0; ld.shared.u64 %rd9, [%rd1+8];", "2"},
		{"copy of some", start + "mov.u32 %r2, 4; cp.async.ca.shared.global [%r1], [%rd11+8], 8, %r2; cp.async.commit_group; cp.async.wait_group 0; ld.shared.u64 %rd9, [%rd1];", "2"},
		{"copy of nothing", start + "mov.u32 %r2, 0; mov.u64 %rd3, 64; cp.async.ca.shared.global [%rd1], [%rd3], 4, %r2; cp.async.wait_all; ld.shared.u32 %rd9, [%rd1];", "0"},
		{"first of two groups", start + "cp.async.cg.shared.global [%r1], [%rd11], 16; cp.async.commit_group; cp.async.cg.shared.global [%r1+16], [%rd11], 16; cp.async.commit_group;" +
			"cp.async.wait_group 1; ld.shared.u64 %rd9, [%rd1];", "1"},
		{"second of two groups", start + "cp.async.cg.shared.global [%r1], [%rd11], 16; cp.async.commit_group; cp.async.cg.shared.global [%r1+16], [%rd11], 16; cp.async.commit_group;" +
			"cp.async.wait_group 1; ld.shared.u64 %rd9, [%rd1+16];", "a copy is under way"},
		{"no wait", start + "cp.async.cg.shared.global [%r1], [%rd11], 16; cp.async.commit_group; ld.shared.u64 %rd9, [%rd1+8];", "a copy is under way"},
		{"no group", start + "cp.async.cg.shared.global [%r1], [%rd11], 16; cp.async.wait_group 0; ld.shared.u64 %rd9, [%rd1+8];", "a copy is under way"},
		{"seen from elsewhere", start + "cp.async.cg.shared.global [%r1], [%rd11], 16; cvta.shared.u64 %rd2, %rd1; ld.u64 %rd9, [%rd2];", "a copy is under way"},
		{"store into a copy", start + "cp.async.cg.shared.global [%r1], [%rd11], 16; st.shared.u32 [%r1], %r1;", "a copy is under way"},
		{"copy to nowhere", "mov.u32 %r1, 8; cp.async.cg.shared.global [%r1], [%rd11], 16;", "no multiple of 16"},
		{"before the variable", start + "ld.shared.u32 %r2, [%rd1+-4];", "outside of shared memory"},
		{"behind the variable", start + "ld.shared.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1+80];", "outside of shared memory"},
		{"end of dynamic memory", "mov.u64 %rd1, dynamic; st.shared.u32 [%rd1+36], %r1; ld.shared.u32 %rd9, [%rd1+36]; mov.u64 %rd9, 0;", "0"},
		{"behind dynamic memory", "mov.u64 %rd1, dynamic; ld.shared.u32 %r2, [%rd1+40];", "outside of shared memory"},
		{"not written", start + "ld.shared.u32 %rd9, [%rd1];", "4294967295"},
		{"misaligned", start + "ld.shared.v2.f32 {%f1, %f2}, [%rd1+4];", "no multiple of 8"},
		{"misaligned in global memory", "ld.global.u64 %rd1, [%rd11+4];", "no multiple of 8"},
		{"generic as shared", start + "cvta.shared.u64 %rd2, %rd1; ld.shared.u32 %r2, [%rd2];", "outside of shared memory"},
		{"shared as global", start + "ld.global.u32 %rd9, [%rd1];", "access outside of the allocated memory"},
		{"generic of shared as global", start + "cvta.shared.u64 %rd2, %rd1; ld.global.u32 %r2, [%rd2];", "of shared memory as one of global memory"},
		{"generic of shared to global", start + "cvta.shared.u64 %rd2, %rd1; cvta.to.global.u64 %rd2, %rd2;", "of shared memory as one of global memory"},
		{"global to shared", "cvta.to.shared.u64 %rd2, %rd11;", "is not in shared memory"},
		{"cut off", "cvt.u32.u64 %r1, %rd11; cvt.u64.u32 %rd2, %r1; ld.global.u32 %rd9, [%rd2];", "access outside of the allocated memory"},
		{"division", "mov.u32 %r1, 0; div.u32 %r1, %r1, %r1;", "division by zero"},
		{"barrier", "setp.eq.s32 %p1, %r10, 0; @%p1 bra $end; bar.sync 0; $end:", "divergent bar.sync"},
		{"half a warp", "setp.eq.s32 %p1, %r10, 0; @%p1 bra $end; shfl.sync.idx.b32 %r1, %r1, 0, 31, -1; $end:", "divergent shfl.sync"},
	}
	module := head + ".extern .shared .align 16 .b8 dynamic[];\n.shared .align 16 .b8 tile[80];\n"
	for i, c := range cases {
		module += kernel(fmt.Sprintf("k%d", i), c.body+"\nst.global.u64 [%rd10], %rd9;")
	}
	in := []uint64{1, 2, 3, 4}
	for i, c := range cases {
		threads := 1
		if strings.HasPrefix(c.body, "setp") { // diverges
			threads = 2
		}
		got, err := run(t, module, fmt.Sprintf("k%d", i), threads, 40, in)
		number := strings.Trim(c.want, "0123456789") == ""
		switch {
		case number != (err == nil):
			t.Errorf("%s: %v, %v, want %s", c.name, got, err, c.want)
		case number && fmt.Sprint(got[0]) != c.want:
			t.Errorf("%s: %d, want %s", c.name, got[0], c.want)
		case !number && (!errors.Is(err, device.ErrFault) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "sm_80.ptx:")):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// What is not known, or not allowed, is an error that names the line.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"popc.b32 %r1, %r2;", "unknown instruction popc.b32"},
		{"add.sat.s32 %r1, %r2, %r3;", "unknown instruction add.sat.s32"},
		{"add.f16 %rs1, %rs2, %rs3;", "unknown instruction add.f16"},
		{"fma.rz.f32 %f1, %f2, %f3, %f4;", "unknown instruction fma.rz.f32"},
		{"ex2.approx.f32 %f1, %f2;", "unknown instruction ex2.approx.f32"},
		{"setp.lt.b32 %p1, %r2, %r3;", "unknown instruction setp.lt.b32"},
		{"setp.ltu.s32 %p1, %r2, %r3;", "unknown instruction setp.ltu.s32"},
		{"bar.sync 1;", "unknown instruction bar.sync"},
		{"mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32 {%f6,%f7,%f8,%f9}, {%r20,%r21}, {%r24}, {%f6,%f7,%f8,%f9};", "unknown instruction mma"},
		{"cp.async.cg.shared.global [%r1], [%rd1], 4;", "unknown instruction cp.async.cg"},
		{"ld.local.u32 %r1, [%rd1];", "unknown instruction ld.local.u32"},
		{"add.f32 %f1, %f2;", "unknown instruction add.f32 with 2 operands"},
		{"add.f32 %f1, %f2, %fd3;", "register %fd3 of type .f64 for an operand of type .f32"},
		{"add.s32 %f1, %r2, %r3;", "register %f1 of type .f32 for a result of type .u32"},
		{"add.f32 %f1, %f2, 1;", "the number 1 for an operand of type .f32"},
		{"add.s32 %r1, %r2, 0x123456789;", "the number 0x123456789"},
		{"add.s32 %r1, %r2, %r40;", "unknown operand %r40"},
		{"ld.global.u32 %r1, [%r2];", "register %r2 of type .b32 for an address"},
		{"ld.global.v2.u32 %r1, [%rd2];", "registers for ld.global.v2.u32"},
		{"ld.param.u32 %r1, [in+6];", "at byte 6 of in, which is of type .u64"},
		{"ld.param.u32 %r1, [none];", "unknown parameter none"},
		{"bra $none;", "no label $none"},
		{"@%r1 bra $none;", "want a predicate"},
		{"{ .reg .b32 own; } mov.b32 own, 1;", `want a register for the result of mov.b32, have "own"`},
		{".local .b8 x[4];", `unknown directive ".local"`},
		{"add.s32 %r1, %r2 %r3;", "want a comma"},
		{"add.s32 %r1, ^;", "unknown text"},
	} {
		image := head + kernel("k", c.body)
		line := slices.IndexFunc(strings.Split(image, "\n"), func(l string) bool { return l == c.body }) + 1
		_, err := ptxc.Translate("x.ptx", []byte(image))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), fmt.Sprintf("x.ptx:%d: ", line)) {
			t.Errorf("%s: %v, want %q of line %d", c.body, err, c.want, line)
		}
	}
	for text, want := range map[string]string{
		".global .b8 x[4];":               `x.ptx:1: unknown directive ".global"`,
		".visible .func f;":               `x.ptx:1: want ".entry", have ".func"`,
		".visible .entry f() {\nret;\n":   "x.ptx:3: the kernel does not end",
		".visible .entry f(.param .b8 x)": "x.ptx:1",
		".visible .entry f() .reqntid 1":  `unknown directive ".reqntid" of an entry`,
		".shared .align x .b8 y;":         "want a number",
		".address_size 32":                "addresses of 32 bits",
	} {
		if _, err := ptxc.Translate("x.ptx", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// No text makes the translation panic.
func FuzzTranslate(f *testing.F) {
	f.Add(head + kernel("k", "add.s32 %r1, %r2, %r3;"))
	f.Add(head + kernel("k", examples[len(examples)-3].code))
	f.Fuzz(func(_ *testing.T, text string) { ptxc.Translate("x.ptx", []byte(text)) })
}

// Every kernel that is carried along has its parameters, its shared memory and its blocks as the module says.
func TestModules(t *testing.T) {
	for _, target := range ptx.Targets() {
		kernels, err := ptxc.Translate(target.File(), target.Image())
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(target.Image()), ".entry "); len(kernels) != n || n < 100 {
			t.Errorf("%s: %d kernels of %d", target, len(kernels), n)
		}
		for _, k := range kernels {
			if k.Shared > 48<<10 {
				t.Errorf("%s: %s has %d bytes of shared memory, more than may be declared", target, k.Name, k.Shared)
			}
		}
	}
}
