package train

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

// A Model is a trained model, to be used outside of training: made by [Load]. It serves one call at a time.
type Model struct {
	dir     string
	state   *Checkpoint
	sampler generative.Generator // nil for a classifier
	network nn.Layer[float32]    // nil where samples do not come from one
	in      []int                // shape of a row of the network's input
}

// Load returns the model of the run in a folder as its last checkpoint has it. The run is only read, and its data is not needed. It computes
// on all processors.
func Load(dir string) (*Model, error) {
	obj, c, err := loadObjective(dir, parallel.Default())
	if err != nil {
		return nil, err
	}
	m := &Model{dir: dir, state: c}
	switch o := obj.(type) {
	case *generative.Classifier:
		m.network, m.in = o.Network(), []int{c.Data.Channels, c.Data.Height, c.Data.Width}
	case generative.Generator:
		m.sampler = o
		if n, ok := obj.(generative.Networked); ok {
			m.network, m.in = n.Network(), []int{n.LatentDim()}
		}
	}
	return m, nil
}

// Dim returns the numbers of a row of the data, and of a sample.
func (m *Model) Dim() int { return m.state.Data.Dim }

// Image returns the shape of a row, which is planar, channel, then line, then column; 0 where rows are no images.
func (m *Model) Image() (height, width, channels int) {
	return m.state.Data.Height, m.state.Data.Width, m.state.Data.Channels
}

// Step returns the step of the checkpoint.
func (m *Model) Step() int { return m.state.Step }

// LatentDim returns the dimension of the latent space, 0 where there is none.
func (m *Model) LatentDim() int {
	if d, ok := m.sampler.(generative.Decoder); ok {
		return d.LatentDim()
	}
	return 0
}

// Sample fills dst, a multiple of Dim numbers, with independent samples, those of sinkcpu sample --seed: equal seeds and numbers of samples give
// the same bits on the same tier of kernels.
func (m *Model) Sample(dst []float32, seed uint64) error {
	if m.sampler == nil {
		return fmt.Errorf("%s: a model of the objective %s makes no samples", m.dir, m.state.Config.Objective)
	}
	if len(dst)%m.Dim() != 0 {
		return fmt.Errorf("%s: %d numbers are no whole samples of %d", m.dir, len(dst), m.Dim())
	}
	m.sampler.Sample(dst, len(dst)/m.Dim(), random.New(seed, "sample").Rand)
	return nil
}

// Decode fills dst, rows of Dim, with the images of the latent points z, as many rows of LatentDim.
func (m *Model) Decode(dst, z []float32) error {
	d, ok := m.sampler.(generative.Decoder)
	if !ok {
		return fmt.Errorf("%s: a model of the objective %s has no latent space", m.dir, m.state.Config.Objective)
	}
	rows := len(z) / d.LatentDim()
	if len(z) != rows*d.LatentDim() || len(dst) != rows*m.Dim() {
		return fmt.Errorf("%s: %d latent numbers and %d of points, want rows of %d and as many of %d", m.dir, len(z), len(dst), d.LatentDim(), m.Dim())
	}
	d.Decode(dst, z, rows)
	return nil
}

// WriteONNX writes the network, from latent points to samples or from images to logits, in the format of ONNX; see [nn.WriteONNX].
func (m *Model) WriteONNX(w io.Writer) error {
	if err := m.needNetwork(); err != nil {
		return err
	}
	if err := nn.WriteONNX(nn.NewCPU[float32](nil), w, m.network, m.in); err != nil {
		return fmt.Errorf("%s: %w", m.dir, err)
	}
	return nil
}

// SaveWeights writes the weights of the network to a safetensors file, replaced in one step, under the names that PyTorch gives to a Sequential
// of the same layers. Its metadata hold the settings of the run as "config" and, for a classifier, its architecture for [nn.OpenModel].
func (m *Model) SaveWeights(path string) error {
	if err := m.needNetwork(); err != nil {
		return err
	}
	config, err := json.Marshal(m.state.Config)
	if err != nil {
		return err
	}
	meta := map[string]string{"config": string(config)}
	if m.sampler == nil {
		meta[nn.ModelKey] = m.state.Config.Model
	}
	return nn.SaveModel(nn.NewCPU[float32](nil), path, m.network, meta)
}

func (m *Model) needNetwork() error {
	if m.network == nil {
		return fmt.Errorf("%s: a model of the objective %s has no network to write", m.dir, m.state.Config.Objective)
	}
	return nil
}
