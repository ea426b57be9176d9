package nn

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/sinkcpu/sinkcpu/internal/atomicfile"
	"github.com/sinkcpu/sinkcpu/internal/safetensors"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// streamKey begins the metadata that hold the states of random streams.
const streamKey = "stream."

// SaveModel writes the parameters and buffers of a layer to a safetensors file, replaced in one step, under the names of PyTorch's
// state_dict for the same architecture: weights go both ways. Random streams, which PyTorch has not, go into the metadata beside those
// given.
func SaveModel[T kernels.Float](ops Ops[T], path string, l Layer[T], meta map[string]string) error {
	tensors, all, err := modelTensors(ops, l, meta)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return atomicfile.Write(path, func(w io.Writer) error { return safetensors.Write(w, tensors, all) })
}

// modelTensors returns copies of the parameters and buffers, and the metadata.
func modelTensors[T kernels.Float](ops Ops[T], l Layer[T], meta map[string]string) ([]safetensors.Tensor, map[string]string, error) {
	var tensors []safetensors.Tensor
	add := func(name string, v *Tensor[T]) {
		host := make([]T, v.size)
		ops.Download(host, v)
		tensors = append(tensors, safetensors.Tensor{Name: name, Shape: slices.Clone(v.shape), Data: host})
	}
	for _, p := range l.Params() {
		add(p.Name, p.Value)
	}
	all := maps.Clone(meta)
	if all == nil {
		all = map[string]string{}
	}
	for _, b := range Buffers(l) {
		switch {
		case b.Value != nil:
			add(b.Name, b.Value)
		case b.Count != nil:
			tensors = append(tensors, safetensors.Tensor{Name: b.Name, Data: []int64{*b.Count}})
		default:
			state, err := b.Stream.MarshalBinary()
			if err != nil {
				return nil, nil, fmt.Errorf("nn: state of %q: %w", b.Name, err)
			}
			all[streamKey+b.Name] = base64.StdEncoding.EncodeToString(state)
		}
	}
	return tensors, all, nil
}

// LoadModel sets the parameters and buffers of a layer from a safetensors file and returns the file's metadata. The numbers may be float32
// or float64. The file must hold what the layer has and nothing else; else nothing changes, and the error names a tensor that is missing,
// unknown or of another shape. A count of batches or a stream may be missing.
func LoadModel[T kernels.Float](ops Ops[T], path string, l Layer[T]) (map[string]string, error) {
	f, err := safetensors.Read(path)
	if err != nil {
		return nil, err
	}
	if err := setModel(ops, l, f); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f.Metadata, nil
}

// setModel sets the parameters and buffers from a file, after all of it was checked.
func setModel[T kernels.Float](ops Ops[T], l Layer[T], f *safetensors.File) error {
	left := map[string]safetensors.Tensor{}
	for _, t := range f.Tensors {
		left[t.Name] = t
	}
	var set []func()
	take := func(name string, v *Tensor[T]) error {
		t, ok := left[name]
		if !ok {
			return fmt.Errorf("nn: lacks the tensor %q of shape %v; is it of another model?", name, v)
		}
		delete(left, name)
		if !slices.Equal(t.Shape, v.shape) {
			return fmt.Errorf("nn: tensor %q has shape %v, the model %v", name, t.Shape, v)
		}
		host, ok := floatsOf[T](t.Data)
		if !ok {
			return fmt.Errorf("nn: tensor %q holds integers, want F32 or F64", name)
		}
		set = append(set, func() { ops.Upload(v, host) })
		return nil
	}
	for _, p := range l.Params() {
		if err := take(p.Name, p.Value); err != nil {
			return err
		}
	}
	for _, b := range Buffers(l) {
		var err error
		switch {
		case b.Value != nil:
			err = take(b.Name, b.Value)
		case b.Count != nil:
			var apply func()
			if apply, err = takeCount(left, b); apply != nil {
				set = append(set, apply)
			}
		default:
			err = checkStream(f.Metadata, b, &set)
		}
		if err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("nn: tensor %q is not one of the model", slices.Min(slices.Collect(maps.Keys(left))))
	}
	for _, apply := range set {
		apply()
	}
	return nil
}

// takeCount returns what sets a counter, nil where the file has none.
func takeCount[T kernels.Float](left map[string]safetensors.Tensor, b Buffer[T]) (func(), error) {
	t, ok := left[b.Name]
	if !ok {
		return nil, nil
	}
	delete(left, b.Name)
	v, ok := t.Data.([]int64)
	if !ok || len(v) != 1 || v[0] < 0 {
		return nil, fmt.Errorf("nn: tensor %q is no count, want one I64 from 0", b.Name)
	}
	return func() { *b.Count = v[0] }, nil
}

// checkStream appends what sets a stream, nothing where the file has none.
func checkStream[T kernels.Float](meta map[string]string, b Buffer[T], set *[]func()) error {
	text, ok := meta[streamKey+b.Name]
	if !ok {
		return nil
	}
	state, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return fmt.Errorf("nn: metadata %q: %w", streamKey+b.Name, err)
	}
	was, err := b.Stream.MarshalBinary()
	if err != nil {
		return fmt.Errorf("nn: state of %q: %w", b.Name, err)
	}
	if err := b.Stream.UnmarshalBinary(state); err != nil {
		return fmt.Errorf("nn: metadata %q: %w", streamKey+b.Name, err)
	}
	if err := b.Stream.UnmarshalBinary(was); err != nil {
		return fmt.Errorf("nn: state of %q: %w", b.Name, err)
	}
	*set = append(*set, func() {
		if err := b.Stream.UnmarshalBinary(state); err != nil {
			panic("nn: a stream refuses a state that it took before")
		}
	})
	return nil
}

// floatsOf returns the numbers of a tensor of either precision.
func floatsOf[T kernels.Float](data any) ([]T, bool) {
	switch d := data.(type) {
	case []T:
		return d, true
	case []float32:
		return converted[T](d), true
	case []float64:
		return converted[T](d), true
	}
	return nil, false
}

func converted[T, U kernels.Float](from []U) []T {
	to := make([]T, len(from))
	for i, v := range from {
		to[i] = T(v)
	}
	return to
}
