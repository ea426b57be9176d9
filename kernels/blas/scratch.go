package blas

import (
	"sync"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// The buffers of earlier calls, as *[]float32 and *[]float64.
var scratch32, scratch64 sync.Pool

func scratchOf[T kernels.Float]() *sync.Pool {
	if _, is32 := any(T(0)).(float32); is32 {
		return &scratch32
	}
	return &scratch64
}

// borrow returns a buffer of at least n elements of any value, for as long as until it is passed to giveBack.
func borrow[T kernels.Float](n int) *[]T {
	p, _ := scratchOf[T]().Get().(*[]T)
	if p == nil {
		p = new([]T)
	}
	if len(*p) < n {
		*p = make([]T, n)
	}
	return p
}

func giveBack[T kernels.Float](p *[]T) { scratchOf[T]().Put(p) }
