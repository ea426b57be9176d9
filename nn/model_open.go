package nn

import (
	"fmt"
	"io"
	"slices"

	"github.com/sinkcpu/sinkcpu/internal/safetensors"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// ModelKey is where the metadata of a file of weights name its architecture, one of [Models], for [OpenModel].
const ModelKey = "model"

// OpenModel returns the network of a safetensors file whose metadata name a built-in architecture under [ModelKey], with the weights of the
// file and out of training, as [SaveModel] writes it and [LoadModel] reads it.
func OpenModel[T kernels.Float](ops Ops[T], path string) (Layer[T], Model, error) {
	f, err := safetensors.Read(path)
	if err != nil {
		return nil, Model{}, err
	}
	l, m, err := openModel(ops, f)
	if err != nil {
		return nil, m, fmt.Errorf("%s: %w", path, err)
	}
	return l, m, nil
}

// OpenModelFrom is [OpenModel] for a file of size bytes that r reads.
func OpenModelFrom[T kernels.Float](ops Ops[T], r io.ReaderAt, size int64) (Layer[T], Model, error) {
	f, err := safetensors.ReadFrom(r, size)
	if err != nil {
		return nil, Model{}, err
	}
	return openModel(ops, f)
}

func openModel[T kernels.Float](ops Ops[T], f *safetensors.File) (Layer[T], Model, error) {
	name, ok := f.Metadata[ModelKey]
	if !ok {
		return nil, Model{}, fmt.Errorf("nn: the metadata lack %q, the name of an architecture", ModelKey)
	}
	l, err := NewModel(ops, name, 0)
	if err != nil {
		return nil, Model{}, err
	}
	m := models[slices.IndexFunc(models, func(m Model) bool { return m.Name == name })]
	if err := setModel(ops, l, f); err != nil {
		return nil, m, err
	}
	SetTraining(l, false)
	return l, m, nil
}
