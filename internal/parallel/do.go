package parallel

import (
	"reflect"
	"sync"

	"github.com/sinkcpu/sinkcpu/kernels"
)

// A Body is the work of a loop as a value that holds its arguments; a pointer to it runs task i.
type Body[A any] interface {
	*A
	Task(i int)
}

// A boundBody is a body with its method, bound once.
type boundBody[A any] struct {
	body A
	task func(i int)
}

// Do runs tasks 0 to n-1 of a body as [For] does. Bodies are kept for later calls, so that it allocates nothing where a closure would be
// garbage in each call.
func Do[A any, P Body[A]](run kernels.Runner, n int, body A) {
	spares := SparesOf[boundBody[A]]()
	b := spares.Get()
	if b.task == nil {
		b.task = func(i int) { P(&b.body).Task(i) }
	}
	b.body = body
	For(run, n, b.task)
	var none A // without its references
	b.body = none
	spares.Put(b)
}

var allSpares sync.Map // from the type of a piece to its spares

// SparesOf returns the spares of the process of that type.
func SparesOf[E any]() *Spares[E] {
	key := reflect.TypeFor[E]()
	s, ok := allSpares.Load(key)
	if !ok {
		s, _ = allSpares.LoadOrStore(key, new(Spares[E]))
	}
	return s.(*Spares[E])
}
