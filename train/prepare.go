package train

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
)

// Prepare opens the data of a config and makes its objective at step 0. The options lack the folder, the distance, the reporter and the
// version. A setting that cannot be is a [*ConfigError].
func Prepare(c Config, pool *parallel.Pool) (Options, error) {
	if err := c.Validate(); err != nil {
		return Options{}, err
	}
	src, err := openSource(c)
	if err != nil {
		return Options{}, err
	}
	if err := c.fits(src.Train); err != nil {
		return Options{}, err
	}
	eps, err := c.resolveEps(src.Train)
	if err != nil {
		return Options{}, err
	}
	obj, err := NewObjective(c, eps, shapeOf(src.Train), pool)
	if err != nil {
		return Options{}, err
	}
	if m, ok := obj.(interface{ SpreadOver([]float32, int) }); ok {
		n := min(src.Train.N, spreadRows)
		rows := make([]float32, n*src.Train.Dim)
		data.NewBatcher(src.Train, c.Seed, "spread").Next(rows, n)
		m.SpreadOver(rows, n)
	}
	return Options{Config: c, Source: src, Eps: eps, Objective: obj, Pool: pool}, nil
}

// fits returns a [*ConfigError] where convolutions are asked for and the rows are no images of a size that they can halve.
func (c Config) fits(ds *data.Dataset) error {
	for _, net := range []struct {
		flag, name string
		halvings   int
	}{{"model", c.Model, len(c.Hidden)}, {"critic", c.Critic, len(c.Features) - 1}} {
		if net.name != "dcgan" || net.halvings < 0 {
			continue
		}
		flag := "--" + net.flag + " dcgan"
		if ds.H == 0 {
			return &ConfigError{Flag: flag, Problem: "the rows of " + c.Data + " are no images; use network or mlp"}
		}
		if n := net.halvings; n > 16 || ds.H%(1<<n) != 0 || ds.W%(1<<n) != 0 {
			return &ConfigError{Flag: flag, Problem: fmt.Sprintf("images of %d x %d pixels cannot be halved %d times, once for each number of channels", ds.H, ds.W, n)}
		}
	}
	return nil
}

// spreadRows is the number of rows over which a model without a network is spread before it learns.
const spreadRows = 1000

func openSource(c Config) (*data.Source, error) {
	known := func(b data.Builtin) bool { return b.Name == c.Data }
	if !strings.Contains(c.Data, ":") && !slices.ContainsFunc(data.Names(), known) {
		var names []string
		for _, b := range data.Names() {
			names = append(names, b.Name)
		}
		return nil, &ConfigError{Flag: "--data " + c.Data, Problem: "unknown; known are " + strings.Join(names, ", ") + ", mnist:DIR, cifar10:DIR, images:DIR, points:FILE"}
	}
	return data.Open(c.Data, c.Seed)
}

// LoadModel returns the objective of the run in a folder as its checkpoint has it. It writes nothing and does not need the run's data.
func LoadModel(dir string, pool *parallel.Pool) (generative.Objective, *Checkpoint, error) {
	l, err := load(folder(dir))
	if err != nil {
		return nil, nil, err
	}
	if l == nil {
		return nil, nil, fmt.Errorf("%s: no checkpoint.safetensors: name the folder of a run", dir)
	}
	c := l.Config
	c.Steps = max(1, l.Step) // may change and so is not in the checkpoint
	if err := c.Validate(); err != nil {
		return nil, nil, fmt.Errorf("%s: %v", l.path, err)
	}
	d := l.Data
	if d.Dim < 1 || d.Dim > maxWidth*16 || d.Height != 0 && d.Height*d.Width*d.Channels != d.Dim {
		return nil, nil, fmt.Errorf("%s: rows of %d numbers as images of %d x %d in %d channels", l.path, d.Dim, d.Height, d.Width, d.Channels)
	}
	obj, err := NewObjective(c, l.EpsValue, d, pool)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", l.path, err)
	}
	if err := l.restore(obj); err != nil {
		return nil, nil, err
	}
	return obj, &l.Checkpoint, nil
}
