package parallel

import "testing"

// A marks body writes its number to each element.
type marks struct {
	dst []int
	by  int
}

func (m *marks) Task(i int) { m.dst[i] += m.by }

// Do runs each task once with the arguments of its own call, and allocates nothing after the first.
func TestDo(t *testing.T) {
	pool := New(3)
	defer pool.Close()
	dst := make([]int, 100)
	Do(pool, len(dst), marks{dst, 1})
	Do(nil, len(dst), marks{dst, 10})
	for i, v := range dst {
		if v != 11 {
			t.Fatalf("task %d left %d, want 11", i, v)
		}
	}
	if n := testing.AllocsPerRun(100, func() { Do(pool, len(dst), marks{dst, 1}) }); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
	spares := SparesOf[boundBody[marks]]()
	b := spares.Get()
	defer spares.Put(b)
	if b.body.dst != nil {
		t.Error("a body that is kept holds on to its arguments")
	}
}
