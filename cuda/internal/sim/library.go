//go:build linux && (amd64 || arm64) && !nocuda

package sim

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// lock takes a lock that processes share.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// A kernelEntry is a row of the shim's table of kernels.
type kernelEntry struct {
	name    string
	kinds   string
	threads int64               // of a block, at most
	shared  uint32              // bytes of shared memory that it has of its own, where they are known
	run     [maxWorkers]uintptr // in each copy of the library
}

// maxWorkers is the number of copies of a library that can run at once: each has a block's state of its own.
const maxWorkers = 8

// A library holds compiled kernels. One launch runs at a time.
type library struct {
	mutex   sync.Mutex
	file    string
	copies  int
	run     [maxWorkers]uintptr // shim_run
	kernels []kernelEntry
}

var (
	librariesMutex sync.Mutex
	libraries      = map[string]*library{}
)

// open returns the library of a file, loaded as often as workers need it.
func open(file string, workers int) (*library, error) {
	librariesMutex.Lock()
	defer librariesMutex.Unlock()
	l := libraries[file]
	if l == nil {
		l = &library{file: file}
		libraries[file] = l
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for l.copies < workers {
		if err := l.load(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// load loads the library once more. The loader takes files of the same name for the same library, so it is given copies.
func (l *library) load() error {
	code, err := os.ReadFile(l.file)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sinkcpu-sim-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, fmt.Sprintf("kernels%d.so", l.copies))
	if err := os.WriteFile(file, code, 0o700); err != nil {
		return err
	}
	handle, err := purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return err
	}
	if l.run[l.copies], err = purego.Dlsym(handle, "shim_run"); err != nil {
		return err
	}
	table, err := purego.Dlsym(handle, "shim_kernels")
	if err != nil {
		return err
	}
	l.read(pointer(table))
	l.copies++
	return nil
}

// read reads the table of kernels of the copy that is being loaded.
func (l *library) read(table unsafe.Pointer) {
	type row struct {
		name    *byte
		run     uintptr
		kinds   *byte
		threads int64
		shared  int64
	}
	for i := 0; ; i++ {
		r := (*row)(unsafe.Add(table, uintptr(i)*unsafe.Sizeof(row{})))
		if r.name == nil {
			return
		}
		if l.copies == 0 {
			l.kernels = append(l.kernels, kernelEntry{name: text(r.name), kinds: text(r.kinds), threads: r.threads, shared: uint32(r.shared)})
		}
		l.kernels[i].run[l.copies] = r.run
	}
}

// pointer returns an address of memory that is not Go's as a pointer.
func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

// text returns a string of C's.
func text(p *byte) string {
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return strings.Clone(unsafe.String(p, n))
}

// A launch is shim::Launch.
type launch struct {
	body       uintptr
	arguments  unsafe.Pointer
	grid       driver.Dim
	block      driver.Dim
	shared     uint32
	_          uint32
	first      uint64
	last       uint64
	order      uint64
	report     *byte
	reportSize uint64
}

// launch runs a kernel and returns its report, empty where nothing went wrong.
func (l *library) launch(k *kernelEntry, grid, block driver.Dim, shared uint32, arguments []unsafe.Pointer, order uint64, workers int) string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	blocks := uint64(grid.X) * uint64(grid.Y) * uint64(grid.Z)
	n := min(uint64(workers), blocks)
	reports := make([]string, n)
	var wait sync.WaitGroup
	for w := range n {
		wait.Go(func() {
			text := make([]byte, 1024)
			c := &launch{
				body: k.run[w], arguments: unsafe.Pointer(unsafe.SliceData(arguments)), grid: grid, block: block, shared: shared,
				first: blocks * w / n, last: blocks * (w + 1) / n, order: order, report: &text[0], reportSize: uint64(len(text)),
			}
			if failed, _, _ := purego.SyscallN(l.run[w], uintptr(unsafe.Pointer(c))); uint32(failed) != 0 {
				text, _, _ = bytes.Cut(text, []byte{0})
				reports[w] = fmt.Sprintf("%s: %s", k.name, text)
			}
			runtime.KeepAlive(c)
		})
	}
	wait.Wait()
	runtime.KeepAlive(arguments)
	for _, r := range reports {
		if r != "" {
			return r
		}
	}
	return ""
}
