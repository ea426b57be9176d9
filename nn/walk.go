package nn

import (
	"encoding"
	"fmt"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Part is a layer under its name in the layer that holds it.
type Part[T kernels.Float] struct {
	Name  string // such as "0" or "layer1.conv"; "" where the parameters of the part keep their names
	Layer Layer[T]
}

// A Composite is a layer that is made of others, such as [Sequential] and [Graph].
type Composite[T kernels.Float] interface {
	Layer[T]
	// Parts returns the layers inside, in the order in which they compute. The caller must not change the slice.
	Parts() []Part[T]
}

// A Buffer is what a layer remembers beside its parameters, under the name that PyTorch's state_dict would give it. One of the three
// fields is not nil.
type Buffer[T kernels.Float] struct {
	Name   string
	Value  *Tensor[T] // such as "running_mean"
	Count  *int64     // such as "num_batches_tracked"
	Stream Stream     // the state of a random stream, which PyTorch has not
}

// A Stream is a source of random numbers whose state can be saved.
type Stream interface {
	Uint64() uint64
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// Buffers returns the buffers of a layer and of all layers inside, under the names of their parts.
func Buffers[T kernels.Float](l Layer[T]) []Buffer[T] {
	var all []Buffer[T]
	if b, ok := l.(interface{ Buffers() []Buffer[T] }); ok {
		all = append(all, b.Buffers()...)
	}
	if c, ok := l.(Composite[T]); ok {
		for _, p := range c.Parts() {
			for _, b := range Buffers(p.Layer) {
				b.Name = joined(p.Name, b.Name)
				all = append(all, b)
			}
		}
	}
	return all
}

// joined returns the name of something in a part.
func joined(part, name string) string {
	if part == "" {
		return name
	}
	return part + "." + name
}

// SetTraining says to a layer and all layers inside whether it is trained: batch normalisation then takes the moments of the batch and
// dropout drops. Layers are made in training mode. A share has a mode of its own, at first that of its layer.
func SetTraining[T kernels.Float](l Layer[T], training bool) {
	if m, ok := l.(interface{ SetTraining(training bool) }); ok {
		m.SetTraining(training)
	}
	if c, ok := l.(Composite[T]); ok {
		for _, p := range c.Parts() {
			SetTraining(p.Layer, training)
		}
	}
}

// hasParams reports whether a backward pass through l adds to the gradient of a parameter.
func hasParams[T kernels.Float](l Layer[T]) bool {
	if len(l.Params()) > 0 {
		return true
	}
	if c, ok := l.(Composite[T]); ok {
		for _, p := range c.Parts() {
			if hasParams(p.Layer) {
				return true
			}
		}
	}
	return false
}

// checkParts returns an error when a layer is in two places, or when two places share a parameter and the later one is not [Tied].
func checkParts[T kernels.Float](parts []Part[T]) error {
	layers, values := map[Layer[T]]string{}, map[*Tensor[T]]string{}
	var visit func(parts []Part[T], prefix string) error
	visit = func(parts []Part[T], prefix string) error {
		for _, p := range parts {
			name := joined(prefix, p.Name)
			if before, ok := layers[p.Layer]; ok {
				return fmt.Errorf("%s %q is the layer %q again, whose activations it would overwrite; use Tied(layer.Share())", p.Layer, name, before)
			}
			layers[p.Layer] = name
			if c, ok := p.Layer.(Composite[T]); ok {
				if _, tied := p.Layer.(*tied[T]); tied {
					continue
				}
				if err := visit(c.Parts(), name); err != nil {
					return err
				}
				continue
			}
			for _, q := range p.Layer.Params() {
				if before, ok := values[q.Value]; ok {
					return fmt.Errorf("%s %q shares its %s with %q; declare it by Tied", p.Layer, name, q.Name, before)
				}
				values[q.Value] = name
			}
		}
		return nil
	}
	return visit(parts, "")
}

// tied is a layer whose parameters belong to another place of the same network.
type tied[T kernels.Float] struct{ Layer[T] }

// Tied declares that a layer shares its parameters with another of the same network: its gradients add to theirs, and the network counts
// and saves them once. The layer is a share, made by [Layer].Share, because each place has activations of its own.
func Tied[T kernels.Float](share Layer[T]) Layer[T] { return &tied[T]{share} }

// Params returns nothing.
func (l *tied[T]) Params() []*Param[T] { return nil }

// Parts returns the layer.
func (l *tied[T]) Parts() []Part[T] { return []Part[T]{{Layer: l.Layer}} }

// Buffers returns nothing.
func (l *tied[T]) Buffers() []Buffer[T] { return nil }

// Share returns a layer with the same parameters and its own activations.
func (l *tied[T]) Share() Layer[T] { return &tied[T]{l.Layer.Share()} }

// String returns "Tied(layer)".
func (l *tied[T]) String() string { return "Tied(" + l.Layer.String() + ")" }
