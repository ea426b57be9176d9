package train_test

import (
	"context"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/train"
)

// inPlace is a runner of a caller's own.
type inPlace struct{}

func (inPlace) For(n int, body func(i int)) {
	for i := range n {
		body(i)
	}
}

// TestRunners: a run takes any runner, that of the process where none is given, and is the same on both.
func TestRunners(t *testing.T) {
	run := func(runner kernels.Runner) *train.Summary {
		c := train.DefaultConfig("ellipse")
		c.Steps, c.EvalEvery = 20, -1
		o, err := train.Prepare(c, runner)
		if err != nil {
			t.Fatal(err)
		}
		o.Dir = filepath.Join(t.TempDir(), "run")
		s, err := train.Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	process, own := run(nil), run(inPlace{})
	if process.Threads != runtime.GOMAXPROCS(0) || own.Threads != 0 {
		t.Errorf("threads %d and %d, want %d, and 0 for a runner that does not say", process.Threads, own.Threads, runtime.GOMAXPROCS(0))
	}
	if process.Loss != own.Loss {
		t.Errorf("the loss is %g on the pool and %g in place", process.Loss, own.Loss)
	}
}
