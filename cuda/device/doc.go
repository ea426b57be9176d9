// Package device is an NVIDIA GPU as a program of Go sees it: memory, copies, the kernels of package ptx and their launches, with errors
// that say what to do. It calls the CUDA driver (libcuda.so.1), loaded at run time without cgo; nothing else is to be installed.
//
//	d, err := device.Open("cuda")
//	x, err := d.Alloc(4 * len(host))
//	err = device.Upload(d, x, host)
//	f, err := d.Function("vector_axpy")
//	err = d.Launch(f, device.Dim{X: 64}, device.Dim{X: 256}, 0, device.Ptr(y), device.Ptr(x), device.F32(2), device.I64(n))
//	err = device.Download(d, host, y)
//
// What is asked of a device is done in the order in which it was asked, on one stream, by one goroutine that is locked to its thread. All
// methods may be called by many goroutines at once. Launches, fills and copies within the device return before they are done: an error of
// theirs is the next call's. After a fault every call returns it: a device does not recover from one within a process.
package device
