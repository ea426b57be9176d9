package device

import (
	"errors"
	"fmt"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// The kinds of errors, for errors.Is.
var (
	ErrNone   = errors.New("no usable CUDA device")
	ErrMemory = errors.New("out of memory on the device")
	ErrFault  = errors.New("fault of the device")
	ErrClosed = errors.New("device: used after Close")
)

// A Fault is a call of the driver that failed.
type Fault struct {
	Call    string // the driver's function
	Code    int
	Name    string // CUDA's of the code
	Meaning string // in a few words
	Remedy  string // what a person can do; may be empty
	Detail  string // what else is known, such as the log of the driver's compiler; may be empty
	kind    error
}

// Error returns the fault in one sentence, with its remedy.
func (f *Fault) Error() string {
	text := fmt.Sprintf("cuda: %s (%s of %s)", f.Meaning, f.Name, f.Call)
	if f.Detail != "" {
		text += ": " + f.Detail
	}
	if f.Remedy != "" {
		text += "; " + f.Remedy
	}
	return text
}

// Is reports whether the fault is of a kind: [ErrNone], [ErrMemory] or [ErrFault].
func (f *Fault) Is(kind error) bool { return kind == f.kind }

// meanings are of the codes that a person can do something about, or that are worth other words than their names.
var meanings = map[driver.Result]struct {
	meaning, remedy string
	kind            error
}{
	driver.OutOfMemory:   {"the device's memory is full", "end other programs on it (nvidia-smi lists them), or solve a smaller problem", ErrMemory},
	driver.NoDevice:      {"no NVIDIA device is visible", "see whether nvidia-smi lists one; in a container, start it with --gpus all", ErrNone},
	driver.InvalidDevice: {"there is no device of this number", "`sinkcpu info` lists those that are there", ErrNone},
	driver.DeviceUnavailable: {"the device is busy or reserved: another process has it for itself, or its compute mode lets none in",
		"end that process, or set the compute mode back (nvidia-smi -c DEFAULT)", ErrNone},
	driver.DeviceNotLicensed: {"the virtual GPU has no licence", "ask who runs the machine", ErrNone},
	driver.StubLibrary: {"the libcuda.so.1 that was found is the stub that comes with the CUDA toolkit",
		"take its folder (stubs) out of LD_LIBRARY_PATH", ErrNone},
	driver.SystemDriverMismatch: {"the driver's library and the kernel's module are of different versions", "restart the machine", ErrNone},
	driver.SystemNotReady:       {"the system is not ready for CUDA", "start NVIDIA's fabric manager, or wait until it has started", ErrNone},
	driver.CompatNotSupportedOnDevice: {"the forward-compatibility driver does not serve this device",
		"take the compat folder out of LD_LIBRARY_PATH", ErrNone},
	driver.MPSConnectionFailed: {"the MPS server is not reachable", "start it (nvidia-cuda-mps-control -d), or unset CUDA_MPS_PIPE_DIRECTORY", ErrNone},
	driver.NotInitialized:      {"the driver could not be initialised", "see whether nvidia-smi works; if not, restart the machine or install the driver anew", ErrNone},
	driver.OperatingSystem: {"the operating system refused the driver something", "see whether /dev/nvidia* are there and may be read; " +
		"run nvidia-smi or nvidia-modprobe once as root", ErrNone},
	driver.UnsupportedPTXVersion:  {"the driver is too old for the kernels", "install driver 410.48 (CUDA 10.0) or newer", ErrNone},
	driver.NoBinaryForGPU:         {"the kernels are not for this device", "a device of compute capability 7.5 or newer is needed", ErrNone},
	driver.InvalidPTX:             {"the driver's compiler refuses the kernels", "update the driver", ErrNone},
	driver.JITCompilerNotFound:    {"the driver's compiler is missing (libnvidia-ptxjitcompiler.so.1)", "install the whole driver; in a container, NVIDIA_DRIVER_CAPABILITIES must have compute", ErrNone},
	driver.JITCompilationDisabled: {"the driver's compiler is switched off", "unset CUDA_DISABLE_PTX_JIT", ErrNone},
	driver.IllegalAddress:         {"a kernel read or wrote outside of its memory", "", ErrFault},
	driver.MisalignedAddress:      {"a kernel read or wrote at a misaligned address", "", ErrFault},
	driver.LaunchFailed:           {"a kernel failed", "", ErrFault},
	driver.LaunchTimeout:          {"a kernel was stopped by the system's time limit", "a device that also drives a display has one: use another", ErrFault},
	driver.LaunchOutOfResources:   {"a kernel needs more registers or shared memory than the device has", "", ErrFault},
	driver.ECCUncorrectable:       {"the device's memory has an error that cannot be corrected", "restart the machine; if it comes again, have the device replaced", ErrFault},
}

// failure returns the error of a call, nil for Success.
func failure(drv *driver.Driver, call string, r driver.Result) error {
	if r == driver.Success {
		return nil
	}
	f := &Fault{Call: call, Code: int(r), Name: r.String(), kind: ErrFault, Meaning: "the driver failed"}
	if m, ok := meanings[r]; ok {
		f.Meaning, f.Remedy, f.kind = m.meaning, m.remedy, m.kind
	}
	if drv.Detail != nil {
		f.Detail = drv.Detail()
	}
	return f
}

// none returns an error of the kind ErrNone.
func none(format string, args ...any) error { return &reason{fmt.Sprintf(format, args...)} }

// A reason is a sentence why there is no device.
type reason struct{ text string }

func (r *reason) Error() string        { return "cuda: " + r.text }
func (r *reason) Is(target error) bool { return target == ErrNone }
