package driver

import "fmt"

// A Result is what a function of the driver returns (CUresult).
type Result uint32

// The results that are told apart.
const (
	Success                    Result = 0
	InvalidValue               Result = 1
	OutOfMemory                Result = 2
	NotInitialized             Result = 3
	Deinitialized              Result = 4
	StubLibrary                Result = 34
	DeviceUnavailable          Result = 46
	NoDevice                   Result = 100
	InvalidDevice              Result = 101
	DeviceNotLicensed          Result = 102
	InvalidImage               Result = 200
	InvalidContext             Result = 201
	NoBinaryForGPU             Result = 209
	ECCUncorrectable           Result = 214
	InvalidPTX                 Result = 218
	JITCompilerNotFound        Result = 221
	UnsupportedPTXVersion      Result = 222
	JITCompilationDisabled     Result = 223
	OperatingSystem            Result = 304
	InvalidHandle              Result = 400
	NotFound                   Result = 500
	NotReady                   Result = 600
	IllegalAddress             Result = 700
	LaunchOutOfResources       Result = 701
	LaunchTimeout              Result = 702
	Assert                     Result = 710
	HardwareStackError         Result = 714
	IllegalInstruction         Result = 715
	MisalignedAddress          Result = 716
	InvalidAddressSpace        Result = 717
	InvalidPC                  Result = 718
	LaunchFailed               Result = 719
	NotPermitted               Result = 800
	NotSupported               Result = 801
	SystemNotReady             Result = 802
	SystemDriverMismatch       Result = 803
	CompatNotSupportedOnDevice Result = 804
	MPSConnectionFailed        Result = 805
	Unknown                    Result = 999
)

var names = map[Result]string{
	Success: "SUCCESS", InvalidValue: "INVALID_VALUE", OutOfMemory: "OUT_OF_MEMORY", NotInitialized: "NOT_INITIALIZED",
	Deinitialized: "DEINITIALIZED", StubLibrary: "STUB_LIBRARY", DeviceUnavailable: "DEVICE_UNAVAILABLE", NoDevice: "NO_DEVICE",
	InvalidDevice: "INVALID_DEVICE", DeviceNotLicensed: "DEVICE_NOT_LICENSED", InvalidImage: "INVALID_IMAGE", InvalidContext: "INVALID_CONTEXT",
	NoBinaryForGPU: "NO_BINARY_FOR_GPU", ECCUncorrectable: "ECC_UNCORRECTABLE", InvalidPTX: "INVALID_PTX", JITCompilerNotFound: "JIT_COMPILER_NOT_FOUND",
	UnsupportedPTXVersion: "UNSUPPORTED_PTX_VERSION", JITCompilationDisabled: "JIT_COMPILATION_DISABLED", OperatingSystem: "OPERATING_SYSTEM",
	InvalidHandle: "INVALID_HANDLE", NotFound: "NOT_FOUND", NotReady: "NOT_READY", IllegalAddress: "ILLEGAL_ADDRESS",
	LaunchOutOfResources: "LAUNCH_OUT_OF_RESOURCES", LaunchTimeout: "LAUNCH_TIMEOUT", Assert: "ASSERT", HardwareStackError: "HARDWARE_STACK_ERROR",
	IllegalInstruction: "ILLEGAL_INSTRUCTION", MisalignedAddress: "MISALIGNED_ADDRESS", InvalidAddressSpace: "INVALID_ADDRESS_SPACE",
	InvalidPC: "INVALID_PC", LaunchFailed: "LAUNCH_FAILED", NotPermitted: "NOT_PERMITTED", NotSupported: "NOT_SUPPORTED",
	SystemNotReady: "SYSTEM_NOT_READY", SystemDriverMismatch: "SYSTEM_DRIVER_MISMATCH", CompatNotSupportedOnDevice: "COMPAT_NOT_SUPPORTED_ON_DEVICE",
	MPSConnectionFailed: "MPS_CONNECTION_FAILED", Unknown: "UNKNOWN",
}

// String returns the name of a result in cuda.h.
func (r Result) String() string {
	if name := names[r]; name != "" {
		if r == Success {
			return "CUDA_SUCCESS"
		}
		return "CUDA_ERROR_" + name
	}
	return fmt.Sprintf("CUDA error %d", uint32(r))
}
