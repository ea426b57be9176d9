//go:build linux && (amd64 || arm64) && !nocuda

package driver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
)

// fake compiles the library of testdata and binds it. It returns what tells the last call.
func fake(t *testing.T, flags ...string) (handle uintptr, last func() string) {
	t.Helper()
	clang := os.Getenv("SINKCPU_CLANG")
	if clang == "" {
		clang = "clang++-19"
	}
	path, err := exec.LookPath(clang)
	if err != nil {
		if strings.Contains(os.Getenv("SINKCPU_TEST_REQUIRE"), "clang") {
			t.Fatal(err)
		}
		t.Skip("clang++-19 is not installed (Debian, Ubuntu: apt install clang-19)")
	}
	file := filepath.Join(t.TempDir(), "libcuda.so.1")
	args := append([]string{"-x", "c", "-shared", "-fPIC", "-O1", "-o", file, filepath.Join("testdata", "libcuda.c")}, flags...)
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	handle, err = purego.Dlopen(file, purego.RTLD_NOW)
	if err != nil {
		t.Fatal(err)
	}
	var text func() string
	purego.RegisterLibFunc(&text, handle, "fake_text")
	return handle, text
}

// Every function passes its arguments on in the driver's order and types, and gives its result back.
func TestBind(t *testing.T) {
	handle, last := fake(t)
	d, err := bind(handle)
	if err != nil {
		t.Fatal(err)
	}
	var (
		n             int32
		dev           Device
		ctx           Context
		bytes, total  uint64
		p             Pointer
		host          unsafe.Pointer
		module        Module
		function      Function
		stream        Stream
		event         Event
		ms            float32
		name, log             = make([]byte, 64), make([]byte, 32)
		integer, real         = int32(42), 2.5
		parameters            = []unsafe.Pointer{unsafe.Pointer(&integer), unsafe.Pointer(&real)}
		image                 = []byte("image\x00")
		high          Pointer = 0x7fffffffff00
	)
	if r := d.Init(0); r != NoDevice || last() != "cuInit 0" {
		t.Errorf("%s, %v", last(), r)
	}
	for _, c := range []struct {
		want string
		call func() Result
	}{
		{"cuDriverGetVersion", func() Result { return d.DriverGetVersion(&n) }},
		{"cuDeviceGet -1", func() Result { return d.DeviceGet(&dev, -1) }},
		{"cuDeviceGetName 64 7", func() Result { return d.DeviceGetName(name, dev) }},
		{"cuDeviceTotalMem 7", func() Result { return d.DeviceTotalMem(&total, dev) }},
		{"cuDevicePrimaryCtxRetain 7", func() Result { return d.DevicePrimaryCtxRetain(&ctx, dev) }},
		{"cuDevicePrimaryCtxRelease 7", func() Result { return d.DevicePrimaryCtxRelease(dev) }},
		{"cuCtxSetCurrent 0x1234567890", func() Result { return d.CtxSetCurrent(ctx) }},
		{"cuMemAlloc 1099511627776", func() Result { return d.MemAlloc(&p, total) }},
		{"cuMemFree 0x7f0000000000", func() Result { return d.MemFree(p) }},
		{"cuMemHostAlloc 4096 0", func() Result { return d.MemHostAlloc(&host, 4096) }},
		{"cuMemFreeHost 1", func() Result { return d.MemFreeHost(host) }},
		{"cuStreamCreate 1", func() Result { return d.StreamCreate(&stream) }},
		{"cuMemcpyHtoDAsync 0x7fffffffff00 42 4 0x77", func() Result { return d.MemcpyHtoDAsync(high, unsafe.Pointer(&integer), 4, stream) }},
		{"cuMemcpyDtoDAsync 0x7fffffffff00 0x7f0000000000 17179869184 0x77", func() Result { return d.MemcpyDtoDAsync(high, p, 1<<34, stream) }},
		{"cuMemsetD8Async 0x7fffffffff00 255 17179869184 0x77", func() Result { return d.MemsetD8Async(high, 255, 1<<34, stream) }},
		{"cuMemsetD32Async 0x7fffffffff00 4294967295 17179869184 0x77", func() Result { return d.MemsetD32Async(high, 1<<32-1, 1<<34, stream) }},
		{"cuModuleLoadDataEx image 2 5 6 32", func() Result { return d.ModuleLoad(&module, image, log) }},
		{"cuModuleGetFunction 0x55 kernel", func() Result { return d.ModuleGet(&function, module, "kernel") }},
		{"cuFuncSetAttribute 0x66 8 100000", func() Result { return d.FuncSetAttribute(function, FunctionMaxDynamicShared, 100000) }},
		{"cuModuleUnload 0x55", func() Result { return d.ModuleUnload(module) }},
		{"cuStreamSynchronize 0x77", func() Result { return d.StreamSynchronize(stream) }},
		{"cuStreamDestroy 0x77", func() Result { return d.StreamDestroy(stream) }},
		{"cuEventCreate 0", func() Result { return d.EventCreate(&event) }},
		{"cuEventRecord 0x88 0x77", func() Result { return d.EventRecord(event, stream) }},
		{"cuEventSynchronize 0x88", func() Result { return d.EventSynchronize(event) }},
		{"cuEventElapsedTime 0x88 0x89", func() Result { return d.EventElapsedTime(&ms, event, event+1) }},
		{"cuEventDestroy 0x88", func() Result { return d.EventDestroy(event) }},
		{"cuMemcpyDtoHAsync 0x7fffffffff00 4 0x77", func() Result { return d.MemcpyDtoHAsync(unsafe.Pointer(&integer), high, 4, stream) }},
		{"cuDeviceGetAttribute 97 7", func() Result { return d.DeviceGetAttribute(&n, AttributeMaxSharedPerBlock, dev) }},
		{"cuMemGetInfo", func() Result { return d.MemGetInfo(&bytes, &total) }},
	} {
		if r := c.call(); r != Success || last() != c.want {
			t.Errorf("%s, %v; want %s", last(), r, c.want)
		}
	}
	if n != -5 || bytes != 1<<33 || total != 1<<34 || ms != 1.5 || integer != 9 || !strings.HasPrefix(string(name), "fake device\x00") ||
		!strings.HasPrefix(string(log), "log\x00") {
		t.Errorf("results are %d %d %d %g %d %q %q", n, bytes, total, ms, integer, name, log)
	}
	if r := d.DeviceGetCount(&n); r != Success || n != 3 {
		t.Errorf("%d devices, %v", n, r)
	}
	r := d.LaunchKernel(function, Dim{1 << 30, 2, 3}, Dim{4, 5, 6}, 99999, stream, parameters)
	if want := "cuLaunchKernel 0x66 1073741824 2 3 4 5 6 99999 0x77 9 2.5 1"; r != LaunchFailed || last() != want {
		t.Errorf("%s, %v; want %s", last(), r, want)
	}
}

// A call costs one allocation, purego's of its arguments.
func TestCallsAllocateOnce(t *testing.T) {
	handle, _ := fake(t)
	d, err := bind(handle)
	if err != nil {
		t.Fatal(err)
	}
	integer, real := new(int32), new(float64)
	parameters := []unsafe.Pointer{unsafe.Pointer(integer), unsafe.Pointer(real)}
	if n := testing.AllocsPerRun(100, func() {
		d.LaunchKernel(1, Dim{1, 1, 1}, Dim{32, 1, 1}, 0, 1, parameters)
		d.MemcpyHtoDAsync(1, unsafe.Pointer(integer), 4, 1)
		d.EventRecord(1, 1)
		d.StreamSynchronize(1)
	}); n > 4 {
		t.Errorf("%g allocations of four calls", n)
	}
}

// A library without one of the functions is named as too old.
func TestBindOfAnOldLibrary(t *testing.T) {
	handle, _ := fake(t, "-DcuLaunchKernel=cuLaunch")
	if _, err := bind(handle); err == nil || !strings.Contains(err.Error(), "too old") || !strings.Contains(err.Error(), "cuLaunchKernel") {
		t.Errorf("%v", err)
	}
}

func TestResults(t *testing.T) {
	for r, want := range map[Result]string{0: "CUDA_SUCCESS", 2: "CUDA_ERROR_OUT_OF_MEMORY", 719: "CUDA_ERROR_LAUNCH_FAILED", 12345: "CUDA error 12345"} {
		if r.String() != want {
			t.Errorf("%d is %s, want %s", uint32(r), r, want)
		}
	}
}
