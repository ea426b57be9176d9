package sinkhorn

import (
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// scratchList lends the memory of reductions.
type scratchList[T kernels.Float] = parallel.Spares[logsumexp.Scratch[T]]
