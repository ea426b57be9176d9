package sinkhorn

import (
	"sync"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/logsumexp"
)

// A freeList lends working memory to tasks, which give it back: there are as many as ever ran at the same time.
type freeList[E any] struct {
	mu   sync.Mutex
	free []*E
}

func (l *freeList[E]) get() *E {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		e := l.free[n-1]
		l.free = l.free[:n-1]
		return e
	}
	return new(E)
}

func (l *freeList[E]) put(e *E) {
	l.mu.Lock()
	l.free = append(l.free, e)
	l.mu.Unlock()
}

// scratchList lends the memory of reductions.
type scratchList[T kernels.Float] = freeList[logsumexp.Scratch[T]]
