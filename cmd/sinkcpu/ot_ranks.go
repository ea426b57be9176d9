package main

import (
	"bytes"
	"encoding/gob"
	"io"

	"github.com/spf13/cobra"

	"github.com/sinkcpu/sinkcpu/logsumexp"
	"github.com/sinkcpu/sinkcpu/ranks"
	"github.com/sinkcpu/sinkcpu/sinkhorn"
)

// checkRanks refuses what a problem whose rows are divided among ranks cannot do.
func (o *otOptions) checkRanks(cmd *cobra.Command) error {
	for _, name := range []string{"cost-matrix", "batch", "plan", "plot", "test", "mass", "reg"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			return usagef("--%s needs one process; more than one rank divides the points of X among them", name)
		}
	}
	if namesDevice(o.device) {
		return usagef("--device %s needs one process; more than one rank divides the points of X among them", o.device)
	}
	if o.eps.unit == planEntropy {
		return usagef("--eps %s needs one process; more than one rank divides the points of X among them", &o.eps)
	}
	return nil
}

// A sharedInput is what the first rank reads and sends to the others.
type sharedInput struct {
	N, M, Dim    int
	Names        [2]string
	X, Y         []float64
	A, B         []float64
	MassX, MassY float64
	G            []float64
	Eps          float64
}

// spread lets the first rank read and resolve, and gives the other ranks what it found. An error is one on all of them.
func (o *otOptions) spread(read func() (*otInput, float64, error)) (*otInput, float64, error) {
	group := o.group
	if group.comm.Size() == 1 {
		return read()
	}
	var text []byte
	var in *otInput
	var eps float64
	var err error
	if group.first() {
		if in, eps, err = read(); err == nil {
			var b bytes.Buffer
			err = gob.NewEncoder(&b).Encode(sharedInput{
				N: in.n, M: in.m, Dim: in.dim, Names: in.names, X: in.x, Y: in.y, A: in.a, B: in.b, MassX: in.massX, MassY: in.massY, G: in.g, Eps: eps,
			})
			text = b.Bytes()
		}
	}
	if err := group.comm.Agree(err); err != nil {
		return nil, 0, err
	}
	if text, err = ranks.BroadcastBytes(group.comm, text, 0); err != nil || group.first() {
		return in, eps, err
	}
	var s sharedInput
	if err := gob.NewDecoder(bytes.NewReader(text)).Decode(&s); err != nil {
		return nil, 0, err
	}
	ground, err := logsumexp.ParseGround(o.cost)
	return &otInput{
		n: s.N, m: s.M, dim: s.Dim, names: s.Names, x: s.X, y: s.Y, ground: ground, a: s.A, b: s.B, massX: s.MassX, massY: s.MassY, g: s.G,
	}, s.Eps, err
}

// share returns this rank's share of the problem between two clouds, the rows divided evenly.
func (s *otSolution[T]) share(x, y, a, b []float64, n int, rx, ry sinkhorn.Reach) (*logsumexp.Points[T], *sinkhorn.Problem[T], error) {
	comm, d := s.o.group.comm, s.in.dim
	lo, hi := ranks.Span(n, comm.Rank(), comm.Size())
	if a != nil {
		a = a[lo:hi]
	}
	p, points, err := sinkhorn.NewSharePoints[T](comm, s.in.ground, x[lo*d:hi*d], y, a, b, d, rx, ry, sinkhorn.ReadOn(s.pool))
	return points, p, err
}

// cost returns what the calls of all ranks cost, nil for a single process.
func (g *rankGroup) cost(own ranks.Traffic) (*otRanks, error) {
	size := g.comm.Size()
	if size == 1 {
		return nil, nil
	}
	sum := []float64{(own.Busy - own.Waiting).Seconds(), own.Waiting.Seconds()}
	err := ranks.Sum(g.comm, sum)
	return &otRanks{size, sum[0] / float64(size), sum[1] / float64(size)}, err
}

// rows returns how many points of X are this rank's.
func (s *otSolution[T]) rows() int { n, _ := s.xy.Problem().Dims(); return n }

// gather returns the rows of all ranks, in order.
func (s *otSolution[T]) gather(rows []float64) ([]float64, error) {
	if s.o.group.comm.Size() == 1 {
		return rows, nil
	}
	all, _, err := ranks.Gather(s.o.group.comm, rows)
	return all, err
}

// gatherPairs returns the pairs of all ranks, in the order of the rows.
func (s *otSolution[T]) gatherPairs(own []sinkhorn.Pair) ([]sinkhorn.Pair, error) {
	comm := s.o.group.comm
	if comm.Size() == 1 {
		return own, nil
	}
	before, _ := ranks.Span(s.in.n, comm.Rank(), comm.Size())
	flat := make([]float64, 0, 3*len(own))
	for _, q := range own {
		flat = append(flat, float64(before+q.I), float64(q.J), q.P)
	}
	flat, _, err := ranks.Gather(comm, flat)
	all := make([]sinkhorn.Pair, 0, len(flat)/3)
	for ; len(flat) >= 3; flat = flat[3:] {
		all = append(all, sinkhorn.Pair{I: int(flat[0]), J: int(flat[1]), P: flat[2]})
	}
	return all, err
}

// writeElsewhere takes part in making the files that the first rank writes.
func (o *otOptions) writeElsewhere(answer otAnswer, r *otReport) error {
	for _, f := range answer.files(o) {
		if f.path != "" && r.Value.finite() {
			if err := f.write(io.Discard); err != nil {
				return err
			}
		}
	}
	return nil
}
