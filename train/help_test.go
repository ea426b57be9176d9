package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/nn"
)

// meanObjective learns the mean of the data, with noise on its gradient: loss |mean - batch mean|^2, samples normal about the mean.
type meanObjective struct {
	mean  *nn.Param[float32]
	group *nn.Group[float32]
	ops   nn.Ops[float32]
	noise *random.Stream
	batch *nn.Tensor[float32]
	sum   *nn.Tensor[float32]

	failAt, steps int // step that meets NaN, counted from this process's first
}

func newMean(t testing.TB, c Config, dim int, pool kernels.Runner) *meanObjective {
	ops := nn.NewCPU[float32](pool)
	adam, err := nn.NewAdam(ops, nn.DefaultAdam(c.Rate))
	if err != nil {
		t.Fatal(err)
	}
	p := &nn.Param[float32]{Name: "mean", Value: nn.NewTensor[float32](dim), Grad: nn.NewTensor[float32](dim)}
	return &meanObjective{
		mean: p, group: nn.NewGroup("model", []*nn.Param[float32]{p}, adam), ops: ops, noise: random.New(c.Seed, "noise"),
		batch: nn.NewTensor[float32](c.Batch, dim), sum: nn.NewTensor[float32](dim),
	}
}

func (o *meanObjective) Groups() []*nn.Group[float32] { return []*nn.Group[float32]{o.group} }

func (o *meanObjective) Step(_ context.Context, data generative.Batches, report bool) ([]generative.Metric, error) {
	o.steps++
	if o.steps == o.failAt {
		return nil, generative.ErrNotFinite
	}
	rows := o.batch.Rows()
	data.Next(o.batch.Data(), rows)
	o.ops.Zero(o.sum)
	o.ops.ColumnSums(o.sum, o.batch)
	o.group.ZeroGrad()
	var loss float64
	for k, s := range o.sum.Data() {
		d := o.mean.Value.Data()[k] - s/float32(rows)
		loss += float64(d) * float64(d)
		o.mean.Grad.Data()[k] = d + float32(.01*o.noise.NormFloat64())
	}
	o.group.Step()
	if !report {
		return nil, nil
	}
	return []generative.Metric{{Name: "loss", Value: loss}, {Name: "first", Value: float64(o.mean.Value.Data()[0])}}, nil
}

func (o *meanObjective) Sample(dst []float32, rows int, noise *rand.Rand) {
	random.Normal(noise, dst, 0, .1)
	dim := o.mean.Value.Size()
	for i := range rows * dim {
		dst[i] += o.mean.Value.Data()[i%dim]
	}
}

func (o *meanObjective) State() (map[string][]byte, error) {
	b, err := o.noise.MarshalBinary()
	return map[string][]byte{"noise": b}, err
}

func (o *meanObjective) Restore(s map[string][]byte) error {
	return o.noise.UnmarshalBinary(s["noise"])
}

// meanDistance is a distance with a closed form: that between the means, squared.
func meanDistance(ctx context.Context, x, y []float32, n, m, d int, _, _ float64) (float64, error) {
	if len(x) != n*d || len(y) != m*d {
		return 0, errors.New("lengths do not fit")
	}
	var s float64
	for k := range d {
		var a, b float64
		for i := range n {
			a += float64(x[i*d+k]) / float64(n)
		}
		for j := range m {
			b += float64(y[j*d+k]) / float64(m)
		}
		s += (a - b) * (a - b)
	}
	return s, ctx.Err()
}

// testConfig is a short run in which everything happens at steps of its own.
func testConfig() Config {
	c := DefaultConfig("ring8")
	c.Steps, c.Batch, c.Seed, c.Rate = 60, 33, 3, .05
	c.LogEvery, c.SampleEvery, c.SaveEvery, c.EvalEvery = 5, 20, 7, 25
	return c
}

// testSource is a small set of points off the origin.
func testSource() *data.Source {
	points := func(stream string, n int) *data.Dataset {
		v := make([]float32, 2*n)
		random.Normal(random.New(1, stream), v, 2, 1)
		d, err := data.NewPoints(2, v, nil)
		if err != nil {
			panic(err)
		}
		return d
	}
	return &data.Source{Name: "blob", Train: points("train", 500), Test: points("test", 200)}
}

func testOptions(t testing.TB, dir string, c Config) Options {
	src := testSource()
	return Options{Dir: dir, Config: c, Source: src, Eps: 1, Objective: newMean(t, c, 2, nil), Distance: meanDistance, Version: "test"}
}

// hook calls a function after each step.
type hook struct {
	silent
	step func(step int)
}

func (h hook) Step(step int, _ []Metric) { h.step(step) }

// notes keeps the notes of a run.
type notes struct {
	silent
	text *[]string
}

func (n notes) Note(text string) { *n.text = append(*n.text, text) }

// outcome is all of a folder that must not depend on time: file contents by name.
func outcome(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	f := folder(dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := f.path(e.Name())
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch path {
		case f.metrics():
			lines, err := readMetrics(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range lines {
				delete(l, keySeconds)
				delete(l, keyCPU)
				delete(l, keySpeed)
				text, err := json.Marshal(l)
				if err != nil {
					t.Fatal(err)
				}
				files[e.Name()] += string(text) + "\n"
			}
		case f.events():
			files[e.Name()] = strings.Join(readEvents(t, b), "\n")
		case f.summary():
			var s Summary
			if err := json.Unmarshal(b, &s); err != nil {
				t.Fatal(err)
			}
			s.Seconds, s.CPUSeconds, s.StepsPerSecond, s.Dir, s.Threads = 0, 0, 0, "", 0
			text, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			files[e.Name()] = string(text)
		case f.report(): // made of the others, their times and the folder's name among them
			files[e.Name()] = fmt.Sprint(bytes.Contains(b, []byte("data:image/png")))
		default:
			files[e.Name()] = string(b)
		}
	}
	return files
}

func sameOutcome(t testing.TB, want, got map[string]string) {
	t.Helper()
	if diff := cmp.Diff(names(want), names(got)); diff != "" {
		t.Errorf("files differ (-want +got):\n%s", diff)
	}
	for name, text := range want {
		if got[name] == text {
			continue
		}
		if strings.HasSuffix(name, "png") || strings.HasSuffix(name, "safetensors") {
			t.Errorf("%s differs: %d and %d bytes", name, len(text), len(got[name]))
		} else {
			t.Errorf("%s differs (-want +got):\n%s", name, cmp.Diff(text, got[name]))
		}
	}
}

func names(files map[string]string) []string {
	var list []string
	for name := range files {
		list = append(list, name)
	}
	sortStrings(list)
	return list
}

// copyFolder is what a kill at this moment would leave.
func copyFolder(t testing.TB, dst, src string) {
	t.Helper()
	if err := os.CopyFS(dst, os.DirFS(src)); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
}

func mustRun(t testing.TB, o Options) *Summary {
	t.Helper()
	s, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func newDir(t testing.TB) string { return filepath.Join(t.TempDir(), "run") }
