package device

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/sinkcpu/sinkcpu/cuda/internal/driver"
)

// A Function is a kernel of the device's module.
type Function struct {
	name   string
	device *Device
	handle driver.Function
	signature
	shared uint32 // bytes of dynamic shared memory that were asked for; of the goroutine that talks to the driver
}

// A signature is what the module says of a kernel: the types of its parameters, 'u' for 32 bits, 'l' for 64 bits, 'f' and 'd' for
// floating-point numbers, and the greatest number of threads of a block.
type signature struct {
	kinds   string
	threads int
}

func kindName(k byte) string {
	return map[byte]string{'u': "a 32-bit integer", 'l': "a pointer or 64-bit integer", 'f': "a float", 'd': "a double"}[k]
}

var (
	entries   = regexp.MustCompile(`\.entry\s+(\w+)\s*\(([^)]*)\)([^{]*)`)
	parameter = regexp.MustCompile(`\.param\s+\.(\w+)`)
	threads   = regexp.MustCompile(`\.maxntid\s+(\d+)(?:,\s*(\d+))?(?:,\s*(\d+))?`)
)

// signatures returns the kernels of a module in PTX.
func signatures(image []byte) (map[string]signature, error) {
	kernels := map[string]signature{}
	for _, m := range entries.FindAllStringSubmatch(string(image), -1) {
		s := signature{threads: mostThreads}
		for _, p := range parameter.FindAllStringSubmatch(m[2], -1) {
			kind := map[string]string{"u32": "u", "s32": "u", "b32": "u", "u64": "l", "s64": "l", "b64": "l", "f32": "f", "f64": "d"}[p[1]]
			if kind == "" {
				return nil, fmt.Errorf("device: kernel %s has a parameter of type %s", m[1], p[1])
			}
			s.kinds += kind
		}
		if len(s.kinds) > maxArgs {
			return nil, fmt.Errorf("device: kernel %s has %d parameters; at most %d are possible", m[1], len(s.kinds), maxArgs)
		}
		if t := threads.FindStringSubmatch(m[3]); t != nil {
			s.threads = 1
			for _, n := range t[1:] {
				if v, err := strconv.Atoi(n); err == nil {
					s.threads *= v
				}
			}
		}
		kernels[m[1]] = s
	}
	return kernels, nil
}

// jitLogBytes is the size of what the driver's compiler may say.
const jitLogBytes = 8192

// loadModule has the driver compile the kernels for the device.
func (d *Device) loadModule(image []byte) error {
	var err error
	if d.kernels, err = signatures(image); err != nil {
		return err
	}
	log := make([]byte, jitLogBytes)
	r := d.drv.ModuleLoad(&d.module, append(image[:len(image):len(image)], 0), log)
	err = d.check("cuModuleLoadDataEx", r)
	if f, ok := err.(*Fault); ok && f.Detail == "" {
		text, _, _ := strings.Cut(string(log), "\x00")
		f.Detail = strings.TrimSpace(text)
	}
	return err
}

// Function returns a kernel by its name in gen/cuda.
func (d *Device) Function(name string) (*Function, error) {
	if f, ok := d.functions.Load(name); ok {
		return f.(*Function), nil
	}
	s, ok := d.kernels[name]
	if !ok {
		return nil, fmt.Errorf("device: no kernel %s; after a change of gen/cuda, run go generate ./cuda/ptx", name)
	}
	f := &Function{name: name, device: d, signature: s}
	if err := d.do(func() error { return d.check("cuModuleGetFunction "+name, d.drv.ModuleGet(&f.handle, d.module, name)) }); err != nil {
		return nil, err
	}
	shared, _ := d.functions.LoadOrStore(name, f)
	return shared.(*Function), nil
}

// Name returns the kernel's name.
func (f *Function) Name() string { return f.name }
