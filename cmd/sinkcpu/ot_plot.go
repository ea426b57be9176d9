package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/report"
)

// A picture of up to fewPoints points of X has a line for each of their strongest pairs, mostLinks at most, but for those with less than faintest of the
// mass of the strongest of all. Among more points the strongest pairs lie where points are few, and lines of equal mass are drawn from the
// plan instead.
const (
	fewPoints = 300
	mostLinks = 3000
	faintest  = .02
	drawn     = 400
)

// writePlot draws the points and the strongest pairs of the plan.
func (s *otSolution[T]) writePlot(w io.Writer) error {
	in := s.in
	a, b := s.xy.Problem().Weights()
	picture, err := report.Transport{
		Title: fmt.Sprintf("%s to %s, %s, eps %.3g", filepath.Base(in.names[0]), filepath.Base(in.names[1]), in.ground, s.xy.Eps()),
		Dim:   in.dim, X: in.x, Y: in.y, A: a, B: b, Links: s.links(),
	}.Draw()
	if err != nil {
		return err
	}
	return report.WritePNG(w, picture)
}

// links returns the lines of the picture.
func (s *otSolution[T]) links() (links []report.Link) {
	if s.in.n > fewPoints {
		for _, q := range s.xy.Sample(random.New(s.o.seed, "plot").Rand, drawn) {
			links = append(links, report.Link{I: q.I, J: q.J, P: 1})
		}
		return links
	}
	pairs := s.topPairs(mostLinks / s.in.n)
	var most float64
	for _, q := range pairs {
		most = max(most, q.P)
	}
	for _, q := range pairs {
		if q.P > 0 && q.P >= faintest*most {
			links = append(links, report.Link{I: q.I, J: q.J, P: q.P})
		}
	}
	return links
}
