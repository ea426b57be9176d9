package device

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
	"github.com/sinkcpu/sinkcpu/cuda/internal/sim"
)

// failing returns options of a device whose driver fails one call.
func failing(call string, r driver.Result) sim.Options {
	return sim.Options{Fail: func(c string) driver.Result {
		if c == call {
			return r
		}
		return driver.Success
	}}
}

// Every reason for which a device cannot be used is said in a sentence with its remedy, and nothing of the driver's is kept.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		options sim.Options
		ordinal int
		visible string // CUDA_VISIBLE_DEVICES, where it is set
		kind    error
		want    []string
		listed  bool // Info.Problem has the reason before the device is opened
		lists   bool // List works
	}{
		"no device": {options: failing("Init", driver.NoDevice), kind: ErrNone, want: []string{"shows no device", "nvidia-smi", "--gpus all"}},
		"hidden": {options: failing("Init", driver.NoDevice), visible: "-1", kind: ErrNone,
			want: []string{"CUDA_VISIBLE_DEVICES=-1 hides", "unset it"}},
		"restart":       {options: failing("Init", driver.SystemDriverMismatch), kind: ErrNone, want: []string{"different versions", "restart"}},
		"unknown":       {options: failing("Init", driver.Unknown), kind: ErrNone, want: []string{"CUDA_ERROR_UNKNOWN of cuInit", "whether nvidia-smi works"}},
		"stub":          {options: failing("Init", driver.StubLibrary), kind: ErrNone, want: []string{"stub", "LD_LIBRARY_PATH"}},
		"no such":       {ordinal: 3, kind: ErrNone, want: []string{"no device cuda:3", "shows 1"}, lists: true},
		"old device":    {options: sim.Options{Major: 6, Minor: 1}, kind: ErrNone, want: []string{"compute capability 6.1", "7.5"}, listed: true, lists: true},
		"7.0":           {options: sim.Options{Major: 7, Minor: 0}, kind: ErrNone, want: []string{"compute capability 7.0", "7.5"}, listed: true, lists: true},
		"old driver":    {options: sim.Options{Version: 9020}, kind: ErrNone, want: []string{"CUDA 9.2", "too old", "410.48", "CUDA 10.0"}, listed: true, lists: true},
		"prohibited":    {options: sim.Options{Mode: driver.ComputeModeProhibited}, kind: ErrNone, want: []string{"compute mode", "nvidia-smi -c DEFAULT"}, listed: true, lists: true},
		"busy":          {options: failing("DevicePrimaryCtxRetain", driver.DeviceUnavailable), kind: ErrNone, want: []string{"busy", "nvidia-smi -c DEFAULT"}, lists: true},
		"full":          {options: failing("DevicePrimaryCtxRetain", driver.OutOfMemory), kind: ErrMemory, want: []string{"memory is full", "nvidia-smi"}, lists: true},
		"full later":    {options: failing("StreamCreate", driver.OutOfMemory), kind: ErrMemory, want: []string{"memory is full"}, lists: true},
		"PTX version":   {options: failing("ModuleLoad", driver.UnsupportedPTXVersion), kind: ErrNone, want: []string{"driver is too old", "410.48"}, lists: true},
		"no compiler":   {options: failing("ModuleLoad", driver.JITCompilerNotFound), kind: ErrNone, want: []string{"libnvidia-ptxjitcompiler"}, lists: true},
		"compiler off":  {options: failing("ModuleLoad", driver.JITCompilationDisabled), kind: ErrNone, want: []string{"CUDA_DISABLE_PTX_JIT"}, lists: true},
		"no attributes": {options: failing("DeviceGetAttribute", driver.InvalidValue), kind: ErrNone, want: []string{"compute capability 0.0"}, listed: true, lists: true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.visible != "" {
				t.Setenv("CUDA_VISIBLE_DEVICES", c.visible)
			} else if old, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
				os.Unsetenv("CUDA_VISIBLE_DEVICES")
				t.Cleanup(func() { os.Setenv("CUDA_VISIBLE_DEVICES", old) })
			}
			s := sim.Bare(t, c.options)
			drv := s.Driver()
			infos, err := list(drv)
			if c.lists != (err == nil) || !c.lists && !errors.Is(err, ErrNone) {
				t.Errorf("list: %v", err)
			}
			if c.lists && (len(infos) != 1 || infos[0].Name != "simulated device" || c.listed != (infos[0].Problem != "")) {
				t.Errorf("listed as %+v", infos)
			}
			d, err := open(drv, nil, c.ordinal, true)
			if !errors.Is(err, c.kind) || d != nil {
				t.Fatalf("open: %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q, want %q in it", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is of more than a line", err)
			}
			if n := s.Held(); n != 0 {
				t.Errorf("%d handles of the driver are kept", n)
			}
		})
	}
}

// The log of the driver's compiler is in the error.
func TestCompilerLog(t *testing.T) {
	o := failing("ModuleLoad", driver.InvalidPTX)
	o.Log = "ptxas application ptx input, line 9; fatal   : Unsupported .version 9.9"
	_, err := open(sim.Bare(t, o).Driver(), nil, 0, true)
	if err == nil || !strings.Contains(err.Error(), "Unsupported .version 9.9") {
		t.Errorf("%v", err)
	}
}

// Every call of start that can fail gives an error that names it, and nothing is kept.
func TestStartsThatFail(t *testing.T) {
	for _, call := range []string{"Init", "DriverGetVersion", "DeviceGetCount", "DeviceGet", "DeviceGetName", "DeviceTotalMem", "DevicePrimaryCtxRetain",
		"CtxSetCurrent", "StreamCreate", "ModuleLoad"} {
		s := sim.Bare(t, failing(call, driver.InvalidValue))
		var f *Fault
		if _, err := open(s.Driver(), nil, 0, true); !errors.As(err, &f) || f.Name != "CUDA_ERROR_INVALID_VALUE" || !strings.HasPrefix(f.Call, "cu"+call) {
			t.Errorf("%s: %v", call, err)
		}
		if n := s.Held(); n != 0 {
			t.Errorf("%s: %d handles of the driver are kept", call, n)
		}
	}
}

// A driver that panics is a fault, not the end of the program.
func TestPanicsAreFaults(t *testing.T) {
	drv := sim.Bare(t, sim.Options{}).Driver()
	create := drv.StreamCreate
	drv.StreamCreate = func(*driver.Stream) driver.Result { panic("lost") }
	if _, err := open(drv, nil, 0, true); !errors.Is(err, ErrFault) || !strings.Contains(err.Error(), "lost") {
		t.Errorf("open: %v", err)
	}
	drv.StreamCreate = create
	d, err := open(drv, nil, 0, true)
	if err != nil {
		t.Fatal(err)
	}
	drv.MemAlloc = func(*driver.Pointer, uint64) driver.Result { panic("lost") }
	if _, err := d.Alloc(8); !errors.Is(err, ErrFault) || !strings.Contains(err.Error(), "lost") {
		t.Errorf("Alloc: %v", err)
	}
	if err := d.Sync(); !errors.Is(err, ErrFault) {
		t.Errorf("Sync after it: %v", err)
	}
	if err := d.Close(); !errors.Is(err, ErrFault) {
		t.Errorf("Close after it: %v", err)
	}
}

// "cuda" is the first device that can be used; where there is none, the reason of each is said.
func TestFirst(t *testing.T) {
	for _, c := range []struct {
		capabilities []int32
		want         int
	}{{[]int32{9}, 0}, {[]int32{6, 8, 9}, 1}, {[]int32{6, 5}, -1}} {
		drv := sim.Bare(t, sim.Options{}).Driver()
		drv.DeviceGetCount = func(n *int32) driver.Result { *n = int32(len(c.capabilities)); return driver.Success }
		drv.DeviceGet = func(dev *driver.Device, n int32) driver.Result { *dev = driver.Device(n); return driver.Success }
		attribute := drv.DeviceGetAttribute
		drv.DeviceGetAttribute = func(v *int32, a driver.Attribute, dev driver.Device) driver.Result {
			if a == driver.AttributeCapabilityMajor {
				*v = c.capabilities[dev]
				return driver.Success
			}
			return attribute(v, a, dev)
		}
		d, err := open(drv, nil, first, true)
		if c.want < 0 {
			if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "6.0") || !strings.Contains(err.Error(), "5.0") {
				t.Errorf("%v: %v", c.capabilities, err)
			}
			continue
		}
		if err != nil || d.Info().Ordinal != c.want {
			t.Fatalf("%v: %v", c.capabilities, err)
		}
		d.Close()
	}
}

func TestNames(t *testing.T) {
	for which, want := range map[string]int{"cuda": first, "cuda:0": 0, "cuda:12": 12} {
		if n, err := parse(which); n != want || err != nil {
			t.Errorf("%s: %d, %v", which, n, err)
		}
	}
	for _, which := range []string{"", "cpu", "cuda:", "cuda:x", "cuda:-1", "cuda:99999999", "cuda1", "12"} {
		if _, err := parse(which); err == nil {
			t.Errorf("%q is taken", which)
		}
	}
}

// Where a driver is, this uses its first device; elsewhere the reason is of the kind ErrNone, and the test fails if SINKCPU_TEST_REQUIRE
// names cuda.
func TestSystem(t *testing.T) {
	infos, err := List()
	if err != nil {
		if !errors.Is(err, ErrNone) || strings.Contains(err.Error(), "\n") {
			t.Errorf("List: %v", err)
		}
		if _, err := Open("cuda"); !errors.Is(err, ErrNone) {
			t.Errorf("Open: %v", err)
		}
		if strings.Contains(os.Getenv("SINKCPU_TEST_REQUIRE"), "cuda") {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, i := range infos {
		t.Logf("%+v", i)
	}
	d, err := Open("cuda")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	t.Logf("%+v", d.Info())
	exercise(t, d)
}
