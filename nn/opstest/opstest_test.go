package opstest_test

import (
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/nn"
	"github.com/sinkcpu/sinkcpu/nn/opstest"
)

// The table of the host against itself in float64: in float32, and what the suite asks beside values in float64.
func TestCPU(t *testing.T) {
	t.Run("float32", func(t *testing.T) { opstest.Run(t, nn.NewCPU[float32](parallel.Default())) })
	t.Run("float64", func(t *testing.T) { opstest.Run(t, nn.NewCPU[float64](parallel.Default())) })
}
