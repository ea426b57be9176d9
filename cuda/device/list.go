package device

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
	"github.com/sinkcpu/sinkcpu/cuda/ptx"
)

// Info describes a device.
type Info struct {
	Ordinal      int    // N of "cuda:N"
	Name         string // such as "NVIDIA H200"
	Major, Minor int    // compute capability
	Processors   int    // multiprocessors
	ClockMHz     int
	Memory       int64 // bytes
	Free         int64 // bytes that no program uses; only of an open device, else 0
	L2           int64 // bytes of the second-level cache
	Shared       int64 // bytes of shared memory that a block can have
	Bandwidth    int64 // bytes/s of its memory by clock and width, 0 where the driver does not say
	Driver       string
	CUDA         string // the version of CUDA that the driver serves, such as "12.4"
	Used, Cached int64  // bytes that Alloc has given out, and that Free keeps for it; of an open device
	Problem      string // why it cannot be opened, as far as that is known before; empty where nothing is against it
}

var loadDriver = sync.OnceValues(driver.Load)

// load returns the driver of the system, initialised.
func load() (*driver.Driver, error) {
	drv, err := loadDriver()
	if err != nil {
		remedy := ""
		if strings.HasPrefix(err.Error(), "no NVIDIA driver") {
			remedy = "; install it (https://www.nvidia.com/drivers), or start the container with --gpus all"
		}
		return nil, none("%v%s", err, remedy)
	}
	return drv, nil
}

// List describes the devices that the driver shows, without taking any of their memory. The error says in a sentence why there is none;
// it is of the kind [ErrNone].
func List() ([]Info, error) {
	drv, err := load()
	if err != nil {
		return nil, err
	}
	return list(drv)
}

func list(drv *driver.Driver) ([]Info, error) {
	count, err := initialize(drv)
	if err != nil {
		return nil, err
	}
	infos := make([]Info, count)
	for i := range infos {
		if infos[i], _, err = describe(drv, i); err != nil {
			return nil, err
		}
	}
	return infos, nil
}

// initialize returns the number of devices, at least one.
func initialize(drv *driver.Driver) (int, error) {
	if r := drv.Init(0); r == driver.NoDevice {
		return 0, noneVisible()
	} else if err := failure(drv, "cuInit", r); err != nil {
		var f *Fault
		if errors.As(err, &f) && f.kind == ErrFault {
			f.kind = ErrNone
			f.Remedy = cmp.Or(f.Remedy, meanings[driver.NotInitialized].remedy)
		}
		return 0, err
	}
	var count int32
	if err := failure(drv, "cuDeviceGetCount", drv.DeviceGetCount(&count)); err != nil {
		return 0, err
	}
	if count < 1 {
		return 0, noneVisible()
	}
	return int(count), nil
}

// noneVisible returns why the driver shows no device.
func noneVisible() error {
	if value, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
		return none("no device is visible: CUDA_VISIBLE_DEVICES=%s hides all of them; unset it, or name devices in it", value)
	}
	return none("the NVIDIA driver shows no device; see whether nvidia-smi lists one, and in a container start it with --gpus all")
}

// describe returns what the driver says of a device.
func describe(drv *driver.Driver, ordinal int) (Info, driver.Device, error) {
	info := Info{Ordinal: ordinal, Driver: kernelDriver()}
	var dev driver.Device
	if err := failure(drv, "cuDeviceGet", drv.DeviceGet(&dev, int32(ordinal))); err != nil {
		return info, dev, err
	}
	name := make([]byte, 256)
	if err := failure(drv, "cuDeviceGetName", drv.DeviceGetName(name, dev)); err != nil {
		return info, dev, err
	}
	info.Name, _, _ = strings.Cut(string(name), "\x00")
	var bytes uint64
	if err := failure(drv, "cuDeviceTotalMem", drv.DeviceTotalMem(&bytes, dev)); err != nil {
		return info, dev, err
	}
	info.Memory = int64(bytes)
	get := func(a driver.Attribute) int {
		var v int32
		if drv.DeviceGetAttribute(&v, a, dev) != driver.Success {
			return 0 // a driver that does not know it
		}
		return int(v)
	}
	info.Major, info.Minor = get(driver.AttributeCapabilityMajor), get(driver.AttributeCapabilityMinor)
	info.Processors, info.ClockMHz = get(driver.AttributeMultiprocessors), get(driver.AttributeClockRate)/1000
	info.L2, info.Shared = int64(get(driver.AttributeL2CacheSize)), int64(get(driver.AttributeMaxSharedPerBlock))
	info.Bandwidth = 2 * 1000 * int64(get(driver.AttributeMemoryClockRate)) * int64(get(driver.AttributeMemoryBusWidth)) / 8
	var version int32
	if err := failure(drv, "cuDriverGetVersion", drv.DriverGetVersion(&version)); err != nil {
		return info, dev, err
	}
	info.CUDA = cudaVersion(int(version))
	info.Problem = problem(info, int(version), get(driver.AttributeComputeMode))
	return info, dev, nil
}

// problem returns why a device cannot be used, empty where nothing is against it.
func problem(info Info, version, mode int) string {
	lowest := ptx.Targets()[0]
	if info.Major < lowest.Major || info.Major == lowest.Major && info.Minor < lowest.Minor {
		return fmt.Sprintf("%s has compute capability %d.%d; %d.%d (Turing, 2018) or newer is needed", info.Name, info.Major, info.Minor, lowest.Major, lowest.Minor)
	}
	if _, ok := ptx.Best(info.Major, info.Minor, version); !ok {
		return fmt.Sprintf("the NVIDIA driver serves CUDA %s and is too old; update it to %s (CUDA %s) or newer", info.CUDA, lowest.Driver, cudaVersion(lowest.CUDA))
	}
	if mode == driver.ComputeModeProhibited {
		return fmt.Sprintf("the compute mode of %s lets no program in; set it back (nvidia-smi -c DEFAULT)", info.Name)
	}
	return ""
}

func cudaVersion(v int) string { return fmt.Sprintf("%d.%d", v/1000, v%1000/10) }

// kernelDriver returns the version of the driver's module in the kernel, such as "550.54.15"; empty where that is not to be read.
func kernelDriver() string {
	text, err := os.ReadFile("/sys/module/nvidia/version")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
