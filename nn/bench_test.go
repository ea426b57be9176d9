package nn

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

// BenchmarkModel is a step of a model: forward, backward and Adam. bench/peers/torch_nn.py is the same in PyTorch, and gives the median too. MiB is
// the peak of the process: run one benchmark to know its own. The operations are those
// of matrix products and convolutions: the forward pass three times, less the gradient of the input.
func BenchmarkModel(b *testing.B) {
	for _, bm := range []struct {
		model string
		batch int
	}{{"mlp-generator-28", 200}, {"dcgan-generator-28", 64}, {"dcgan-generator-28", 200}, {"dcgan-generator-32", 64}, {"dcgan-discriminator-32", 64}, {"classifier-28", 100}} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("model=%s/batch=%d/workers=%d", bm.model, bm.batch, workers), func(b *testing.B) {
				pool := parallel.New(workers)
				defer pool.Close()
				benchmarkModel(b, NewCPU[float32](pool), bm.model, bm.batch)
			})
		}
	}
}

func benchmarkModel(b *testing.B, ops Ops[float32], name string, batch int) {
	m := models[slices.IndexFunc(models, func(m Model) bool { return m.Name == name })]
	net, err := NewModel(ops, name, 1)
	if err != nil {
		b.Fatal(err)
	}
	lines, err := Describe(net, m.Input)
	if err != nil {
		b.Fatal(err)
	}
	var flops int64
	for _, l := range lines {
		if flops > 0 {
			flops += 3 * l.FLOPs
		} else {
			flops += 2 * l.FLOPs
		}
	}
	adam, err := NewAdam(ops, DefaultAdam(1e-4))
	if err != nil {
		b.Fatal(err)
	}
	g := NewGroup("net", net.Params(), adam)
	x := drawInput[float32](1, append([]int{batch}, m.Input...)...)
	dy := drawNormal(2, net.Forward(x))
	step := func() {
		g.ZeroGrad()
		net.Forward(x)
		net.Backward(dy, WantParams)
		g.Step()
	}
	step()
	b.ReportAllocs()
	var times []time.Duration
	for b.Loop() {
		start := time.Now()
		step()
		times = append(times, time.Since(start))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1e3, "median-ms")
	b.ReportMetric(float64(flops)*float64(batch)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	if mib, ok := peakMemory(); ok {
		b.ReportMetric(mib, "MiB")
	}
}

// peakMemory returns what the process has had in memory at most, in MiB, where the system tells it: the figure of a single benchmark.
func peakMemory() (mib float64, ok bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	var kib int
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	_, err = fmt.Sscan(after, &kib)
	return float64(kib) / 1024, err == nil
}
