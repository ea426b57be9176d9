package parallel

import "sync"

// Spares lends working memory to tasks, which give it back: there are as many pieces as ever were in use at the same time. The zero value is
// ready.
type Spares[E any] struct {
	mu   sync.Mutex
	free []*E
}

// Get returns a piece as its last user left it, or a new one.
func (s *Spares[E]) Get() *E {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		e := s.free[n-1]
		s.free = s.free[:n-1]
		return e
	}
	return new(E)
}

// Put gives a piece back.
func (s *Spares[E]) Put(e *E) {
	s.mu.Lock()
	s.free = append(s.free, e)
	s.mu.Unlock()
}
