// Command ranks measures iterations of one transport problem whose rows are divided among the ranks of an MPI job, or of one process:
//
//	go build -o ranks ./bench/ranks
//	taskset -c 0 ./ranks -n 200000                    one rank
//	mpirun -n 2 ./ranks -n 200000                     two
//
// Points are uniform in the unit cube, the same for any number of ranks. The first rank prints what making the problem, the first
// iteration, which takes shifts from maxima, and each further one took; of these, how long collective calls moved bytes and how long they
// waited for the slowest rank, as means over the ranks; and the largest resident memory of each rank.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/parallel"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/logsumexp"
	_ "github.com/sinkcpu/sinkcpu/mpi"
	"github.com/sinkcpu/sinkcpu/ranks"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

func main() {
	n := flag.Int("n", 50000, "points of each cloud")
	d := flag.Int("d", 3, "their dimension")
	eps := flag.Float64("eps", .1, "temperature; the mean cost is d/6")
	iterations := flag.Int("iterations", 3, "iterations after the first")
	threads := flag.Int("threads", 1, "workers of a rank")
	flag.Parse()
	if err := run(*n, *d, *eps, *iterations, *threads); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(n, d int, eps float64, iterations, threads int) error {
	comm, err := ranks.Join("")
	if err != nil {
		return err
	}
	debug.SetGCPercent(25) // as the command ot has it
	pool := parallel.New(threads)
	defer pool.Close()
	x, y := cloud("x", n, d), cloud("y", n, d)
	lo, hi := ranks.Span(n, comm.Rank(), comm.Size())
	begin := time.Now()
	p, _, err := sinkhorn.NewSharePoints[float32](comm, logsumexp.SqEuclidean, x[lo*d:hi*d], y, nil, nil, d, sinkhorn.Reach{}, sinkhorn.Reach{})
	if err != nil {
		return err
	}
	made := time.Since(begin)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var first, last time.Time
	var before, after ranks.Traffic
	var failed error
	begin = time.Now()
	solver := sinkhorn.Solver[float32]{Eps: eps, Tol: 1e-12, MaxIter: 1 << 30, Method: sinkhorn.Sweep, Runner: pool, Progress: func(k int, _ float64) {
		switch k {
		case 1:
			first, before = time.Now(), comm.Traffic()
		case 1 + iterations:
			last, after = time.Now(), comm.Traffic()
			failed = print(comm, n, made, first.Sub(begin), last.Sub(first)/time.Duration(iterations), after.Minus(before), iterations)
			os.Exit(leave(comm, failed)) // what follows evaluates the result
		}
	}}
	r, err := solver.Solve(ctx, p)
	if r != nil {
		return fmt.Errorf("the solve ended after %d iterations: lower -eps or -iterations", r.Iterations)
	}
	return err
}

func leave(comm *ranks.Comm, err error) int {
	if err == nil {
		err = comm.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// cloud returns uniform points of the unit cube.
func cloud(name string, n, d int) []float64 {
	s, x := random.New(1, name), make([]float64, n*d)
	for i := range x {
		x[i] = s.Float64()
	}
	return x
}

// print prints a line from the first rank.
func print(comm *ranks.Comm, n int, made, first, each time.Duration, t ranks.Traffic, iterations int) error {
	own := []float64{(t.Busy - t.Waiting).Seconds() / float64(iterations), t.Waiting.Seconds() / float64(iterations), float64(row.Peak()) / (1 << 20)}
	all, _, err := ranks.Gather(comm, own)
	if err != nil || comm.Rank() > 0 {
		return err
	}
	size := float64(comm.Size())
	var moving, waiting float64
	var memory []string
	for ; len(all) > 0; all = all[3:] {
		moving += all[0] / size
		waiting += all[1] / size
		memory = append(memory, fmt.Sprintf("%.0f", all[2]))
	}
	s := each.Seconds()
	fmt.Printf("n=%d ranks=%d made=%.2fs first=%.2fs iteration=%.3fs moving=%.4fs (%.2f%%) waiting=%.4fs (%.2f%%) entries/s=%.3g peak=%s MiB\n",
		n, comm.Size(), made.Seconds(), first.Seconds(), s, moving, 100*moving/s, waiting, 100*waiting/s, float64(n)*float64(n)/s, strings.Join(memory, ", "))
	return nil
}
