package generative

import "github.com/sinkcpu/sinkcpu/nn"

// A Networked objective can hand out the network that its samples come from.
type Networked interface {
	Decoder

	// Network returns the network from rows of LatentDim numbers to points, out of training, with the parameters of the objective.
	Network() nn.Layer[float32]
}

// Network returns the network of the model.
func (o *Fit) Network() nn.Layer[float32] { return o.model.decoder }

// Network returns the decoder.
func (o *AutoEncoder) Network() nn.Layer[float32] { return o.model.decoder }
