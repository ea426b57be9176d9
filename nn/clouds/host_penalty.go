package clouds

import (
	"math"

	"github.com/sinkcpu/sinkcpu/nn"
)

// Between sets points between those of two clouds, their directions and their distances.
func (Host[T]) Between(p, u, distance, x, y, t *nn.Tensor[T]) {
	n, d := CheckBetween(p, u, distance, x, y, t)
	for i := range n {
		xi, yi := x.Data()[i*d:(i+1)*d], y.Data()[i*d:(i+1)*d]
		var square float64
		for k, v := range xi {
			square += float64(v-yi[k]) * float64(v-yi[k])
		}
		size := math.Sqrt(square)
		if distance != nil {
			distance.Data()[i] = T(size)
		}
		var by float64
		if size != 0 { // NaN stays
			by = 1 / size
		}
		for k, v := range xi {
			if p != nil {
				s := t.Data()[i]
				p.Data()[i*d+k] = s*v + (1-s)*yi[k]
			}
			if u != nil {
				u.Data()[i*d+k] = T(by * float64(v-yi[k]))
			}
		}
	}
}

// SlopePenalty makes of slopes and directions what a central difference takes.
func (Host[T]) SlopePenalty(g, u, excess, distance *nn.Tensor[T], step, alpha T) {
	n, d, dim := CheckSlopePenalty(g, u, excess, distance)
	for i := range n {
		gi, ui := g.Data()[i*d:(i+1)*d], u.Data()[i*dim:(i+1)*dim]
		var square float64
		for _, v := range gi {
			square += float64(v) * float64(v)
		}
		size, h := math.Sqrt(square), float64(step)*float64(distance.Data()[i])
		excess.Data()[i] = T(size - 1)
		if size == 0 || h == 0 {
			clear(gi)
			clear(ui)
			continue
		}
		for k := range gi {
			gi[k] *= T(h / size)
		}
		for k := range ui {
			ui[k] *= T(float64(alpha) * (size - 1) / h)
		}
	}
}
