package generative

import (
	"context"
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/nn"
)

const blobSide = 12

// blobs is a source of images of a square of 4 x 4 pixels anywhere in the frame: a manifold of two dimensions.
type blobs struct{ noise *random.Stream }

func (s *blobs) Next(dst []float32, rows int) {
	for i := range rows {
		cx, cy := 2.5+6*s.noise.Float64(), 2.5+6*s.noise.Float64()
		covered := func(k int, c float64) float64 { // part of pixel k within 2 of c
			return max(0, min(float64(k)+.5, c+2)-max(float64(k)-.5, c-2))
		}
		for y := range blobSide {
			for x := range blobSide {
				dst[i*blobSide*blobSide+y*blobSide+x] = float32(covered(x, cx) * covered(y, cy))
			}
		}
	}
}

// sharpnessOf returns the mean over the images of the variance of the response to the Laplacian [0 1 0; 1 -4 1; 0 1 0].
func sharpnessOf(pixels []float32, n int) (mean float64) {
	for i := range n {
		at := func(y, x int) float64 { return float64(pixels[(i*blobSide+y)*blobSide+x]) }
		var sum, square, count float64
		for y := 1; y < blobSide-1; y++ {
			for x := 1; x < blobSide-1; x++ {
				v := at(y-1, x) + at(y+1, x) + at(y, x-1) + at(y, x+1) - 4*at(y, x)
				sum, square, count = sum+v, square+v*v, count+1
			}
		}
		mean += (square/count - sum*sum/count/count) / float64(n)
	}
	return mean
}

// TestVariationalIsBlurred: samples of a variational auto-encoder are less sharp than those of a Wasserstein auto-encoder with the same networks, and
// these less than the data.
func TestVariationalIsBlurred(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for seconds")
	}
	const dim, latent, n = blobSide * blobSide, 2, 2000
	sharpness := func(penalty string) float64 {
		ops := nn.NewCPU[float32](nil)
		model, err := NewMLPModel(ops, nn.MLP{Sizes: []int{latent, 64, 64, dim}, Hidden: "relu", Output: "sigmoid"}, "normal", 1)
		if err != nil {
			t.Fatal(err)
		}
		cfg := AutoEncoderConfig{
			Batch: 64, Rate: 3e-3, HalfLife: 700, Seed: 1, Encoder: "deterministic", Decoder: "deterministic", Penalty: penalty, Lambda: 3, Kernel: "imq",
		}
		out := latent
		if penalty == "kl" {
			cfg.Encoder, cfg.Decoder, cfg.Variance, cfg.Lambda, out = "gaussian", "gaussian", .3, 1, 2*latent
		}
		enc, err := nn.NewMLP(ops, nn.MLP{Sizes: []int{dim, 64, 64, out}, Hidden: "relu"}, random.New(1, "encoder"), nn.XavierUniform(1), nil)
		if err != nil {
			t.Fatal(err)
		}
		o, err := NewAutoEncoder(ops, model, enc, nil, cfg)
		if err != nil {
			t.Fatal(err)
		}
		src := &blobs{random.New(2, "blobs")}
		for range 2000 {
			if _, err := o.Step(context.Background(), src, false); err != nil {
				t.Fatal(err)
			}
		}
		y := make([]float32, n*dim)
		o.Sample(y, n, random.New(3, "samples").Rand)
		return sharpnessOf(y, n)
	}
	x := make([]float32, n*dim)
	(&blobs{random.New(4, "blobs")}).Next(x, n)
	vae, wae, data := sharpness("kl"), sharpness("mmd"), sharpnessOf(x, n)
	t.Logf("sharpness of vae %.4f, wae %.4f, data %.4f", vae, wae, data)
	if !(vae < .97*wae) || !(wae < .97*data) || math.IsNaN(vae) {
		t.Errorf("sharpness of vae %g, wae %g, data %g, want them to rise", vae, wae, data)
	}
}
