package data

import (
	"math"
	"runtime"
	"sync"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

const (
	glyphSide = 28 // pixels of a side of the image
	glyphBody = 20 // pixels of the longer side of the digit's bounding box, at most
)

// Glyphs returns n grey images of 28 x 28 pixels of handwritten-looking digits, image i showing the digit i mod 10, its label.
//
// A digit is drawn from strokes, in one of a few ways of writing it, with control points, proportions, slant, rotation, size, place and
// thickness varied at random; it is anti-aliased by the distance to the strokes. As in MNIST a body of at most 20 x 20 pixels is centred
// by its mass, and the mean pixel is about .13. Image i is drawn from the stream (seed, "glyphs", i): it depends on seed and i only.
func Glyphs(seed uint64, n int) *Dataset { return glyphs(seed, 0, n) }

// glyphs returns the images first to first+n-1 of the seed.
func glyphs(seed uint64, first, n int) *Dataset {
	const dim = glyphSide * glyphSide
	d := &Dataset{N: n, Dim: dim, H: glyphSide, W: glyphSide, C: 1, Pixels: make([]uint8, n*dim), Labels: make([]int, n)}
	const chunk = 64
	todo := make(chan int)
	var done sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n/chunk+1) {
		done.Go(func() {
			var p pen
			for lo := range todo {
				for i := lo; i < min(lo+chunk, n); i++ {
					index := first + i
					d.Labels[i] = index % 10
					p.write(random.New(seed, "glyphs", uint64(index)), index%10)
					p.image(d.Pixels[i*dim : (i+1)*dim])
				}
			}
		})
	}
	for lo := 0; lo < n; lo += chunk {
		todo <- lo
	}
	close(todo)
	done.Wait()
	return d
}

// A pen holds one digit on its way from control points to pixels.
type pen struct {
	line  []segment
	dist  [glyphSide * glyphSide]float64 // to the edge of the ink, negative inside
	ctrl  []point
	sharp float64 // the slope of grey at the edge, per pixel
}

type point struct{ x, y float64 }

// A segment is a piece of a stroke, round at both ends, of radius r.
type segment struct {
	a, b point
	r    float64
}

// write lays down the segments of the digit, in pixels.
func (p *pen) write(rng *random.Stream, digit int) {
	ways := alphabet[digit]
	p.line = p.line[:0]
	var last, lastDrawn point
	for _, s := range ways[rng.IntN(len(ways))] {
		p.ctrl = p.ctrl[:0]
		for k, c := range s {
			q := point{c.x + .03*rng.NormFloat64(), c.y + .03*rng.NormFloat64()}
			if k == 0 && c == last {
				q = lastDrawn
			}
			p.ctrl = append(p.ctrl, q)
			last, lastDrawn = c, q
		}
		p.curve()
	}
	p.shape(rng)
	p.place(rng)
}

// curve adds the Catmull-Rom spline through the control points.
func (p *pen) curve() {
	c := p.ctrl
	n := len(c)
	if n == 2 {
		p.line = append(p.line, segment{a: c[0], b: c[1]})
		return
	}
	const steps = 5
	for k := range n - 1 {
		before := point{2*c[0].x - c[1].x, 2*c[0].y - c[1].y}
		if k > 0 {
			before = c[k-1]
		}
		after := point{2*c[n-1].x - c[n-2].x, 2*c[n-1].y - c[n-2].y}
		if k+2 < n {
			after = c[k+2]
		}
		from := c[k]
		for s := 1; s <= steps; s++ {
			t := float64(s) / steps
			to := point{
				catmullRom(before.x, c[k].x, c[k+1].x, after.x, t),
				catmullRom(before.y, c[k].y, c[k+1].y, after.y, t),
			}
			p.line = append(p.line, segment{a: from, b: to})
			from = to
		}
	}
}

// catmullRom returns the cubic through b at t = 0 and c at t = 1 with the slopes (c-a)/2 and (d-b)/2 there.
func catmullRom(a, b, c, d, t float64) float64 {
	return b + t/2*(c-a+t*(2*a-5*b+4*c-d+t*(3*(b-c)+d-a)))
}

// shape applies proportion, slant and rotation.
func (p *pen) shape(rng *random.Stream) {
	width := .8 * math.Exp(.16*rng.NormFloat64())
	slant := .15 + .17*rng.NormFloat64()
	sin, cos := math.Sincos(.07 * rng.NormFloat64())
	turn := func(q point) point {
		x, y := width*(q.x-.5)-slant*(q.y-.5), q.y-.5
		return point{cos*x - sin*y, sin*x + cos*y}
	}
	for i, s := range p.line {
		p.line[i] = segment{a: turn(s.a), b: turn(s.b)}
	}
}

// place scales the digit to its body, gives it its thickness and puts its centre of mass near the centre of the image.
func (p *pen) place(rng *random.Stream) {
	radius := min(max(1.43*math.Exp(.24*rng.NormFloat64()), .8), 1.95)
	body := glyphBody * (1 - .08*rng.Float64())
	p.sharp = .7 + .2*rng.Float64()
	press, phase := .18*rng.Float64(), 2*math.Pi*rng.Float64()
	shiftX, shiftY := .5*rng.NormFloat64(), .5*rng.NormFloat64()

	var mass, mx, my float64
	lo, hi := p.line[0].a, p.line[0].a
	for _, s := range p.line {
		l := math.Hypot(s.b.x-s.a.x, s.b.y-s.a.y)
		mass += l
		mx += l * (s.a.x + s.b.x) / 2
		my += l * (s.a.y + s.b.y) / 2
		lo = point{min(lo.x, s.a.x, s.b.x), min(lo.y, s.a.y, s.b.y)}
		hi = point{max(hi.x, s.a.x, s.b.x), max(hi.y, s.a.y, s.b.y)}
	}
	edge := radius*(1+press) + .5/p.sharp
	scale := (body - 2*edge) / max(hi.x-lo.x, hi.y-lo.y)
	dx := within(glyphSide/2+shiftX-scale*mx/mass, scale*lo.x-edge, scale*hi.x+edge)
	dy := within(glyphSide/2+shiftY-scale*my/mass, scale*lo.y-edge, scale*hi.y+edge)
	for i, s := range p.line {
		at := float64(i) / float64(len(p.line))
		p.line[i] = segment{
			a: point{scale*s.a.x + dx, scale*s.a.y + dy},
			b: point{scale*s.b.x + dx, scale*s.b.y + dy},
			r: radius * (1 + press*math.Sin(phase+2*math.Pi*at)),
		}
	}
}

// within returns the shift d, changed where the interval from lo+d to hi+d would leave the image less a margin of one pixel.
func within(d, lo, hi float64) float64 { return min(max(d, 1-lo), glyphSide-1-hi) }

// image draws the segments: the grey of a pixel falls linearly from 1 to 0 over the edge of the ink.
func (p *pen) image(dst []uint8) {
	const reach = 1.0 // pixels beyond the edge that may still be grey
	for i := range p.dist {
		p.dist[i] = reach
	}
	for _, s := range p.line {
		p.ink(s, s.r+reach)
	}
	for i, d := range p.dist {
		dst[i] = uint8(255*min(max(.5-p.sharp*d, 0), 1) + .5)
	}
}

// ink lowers dist to the distance from the edge of s at the pixels within reach of its line.
func (p *pen) ink(s segment, reach float64) {
	x0 := max(int(math.Floor(min(s.a.x, s.b.x)-reach)), 0)
	x1 := min(int(math.Ceil(max(s.a.x, s.b.x)+reach)), glyphSide)
	y0 := max(int(math.Floor(min(s.a.y, s.b.y)-reach)), 0)
	y1 := min(int(math.Ceil(max(s.a.y, s.b.y)+reach)), glyphSide)
	vx, vy := s.b.x-s.a.x, s.b.y-s.a.y
	inv := 1 / max(vx*vx+vy*vy, 1e-12)
	for y := y0; y < y1; y++ {
		py := float64(y) + .5 - s.a.y
		row := p.dist[y*glyphSide:][:glyphSide]
		for x := x0; x < x1; x++ {
			px := float64(x) + .5 - s.a.x
			t := min(max((px*vx+py*vy)*inv, 0), 1)
			ex, ey := px-t*vx, py-t*vy
			if d := math.Sqrt(ex*ex+ey*ey) - s.r; d < row[x] {
				row[x] = d
			}
		}
	}
}
