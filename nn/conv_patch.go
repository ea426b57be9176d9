package nn

import (
	"github.com/sinkcpu/sinkcpu/internal/convolution"
	"github.com/sinkcpu/sinkcpu/kernels"
)

// unit is the number of elements that are moved at a time. A row is moved in whole units: what lies beyond its end is overwritten by the
// rows after it. Rows of 7 to 28 elements are too short for the runtime's copy.
const unit = 8

// A convScratch is the memory of one block of a convolution.
type convScratch[T kernels.Float] struct {
	phases []T // one channel of one image, taken apart
	patch  []T // patches: an element of the window a row, a place a column
	places []T // the small image: a channel a row, a place a column
}

// grown returns buf, or a longer one, of n elements and a unit to spare, which reading in units may touch.
func grown[T kernels.Float](buf []T, n int) []T {
	if len(buf) < n+unit {
		buf = make([]T, n+unit)
	}
	return buf
}

// A rowRange is rows y0 to y1-1 of the places of one image.
type rowRange struct{ image, y0, y1 int }

// nextRange returns the first range of the rows r to r1-1, counted through all images.
func (z *convSizes) nextRange(r, r1 int) rowRange {
	image, y := r/z.oh, r%z.oh
	return rowRange{image, y, min(z.oh, y+r1-r)}
}

// gather writes the patches of channels c0 to c1-1 at the rows r0 to r1-1 of places, counted through all images:
//
//	patch[(c-c0, ki, kj)][place] = x[n, c, i stride + ki - padding, j stride + kj - padding]
//
// Rows of places are step columns apart; columns beyond a row's places are numbers of x or zero.
func (s *convScratch[T]) gather(z *convSizes, x []T, c0, c1, r0, r1 int) {
	cols := (r1 - r0) * z.step
	s.patch = grown(s.patch, (c1-c0)*z.taps*cols)
	for c := c0; c < c1; c++ {
		rows := s.patch[(c-c0)*z.taps*cols:]
		for r := r0; r < r1; {
			g := z.nextRange(r, r1)
			if z.windows && g.y1-g.y0 == z.oh {
				convolution.Of[T]().Gather(rows[(r-r0)*z.ow:], cols, x[(g.image*z.c+c)*z.h*z.w:][:z.h*z.w], z.oh, z.ow)
				r += z.oh
				continue
			}
			s.split(z, x[(g.image*z.c+c)*z.h*z.w:][:z.h*z.w], g)
			size := z.phaseSize(g.y1 - g.y0)
			for ki := range z.k {
				for kj := range z.k {
					from := (ki%z.s*z.phases+kj%z.s)*size + ki/z.s*z.pitch + kj/z.s
					dst := rows[(ki*z.k+kj)*cols+(r-r0)*z.step:]
					if n := (g.y1 - g.y0) * z.step; z.step == z.pitch {
						copy(dst[:n], s.phases[from:])
					} else {
						moveRows(dst, z.ow, s.phases[from:], z.pitch, g.y1-g.y0)
					}
				}
			}
			r += g.y1 - g.y0
		}
	}
}

// moveRows copies rows of width elements, pitch apart in src, next to each other into dst, in whole units where the row is short.
func moveRows[T kernels.Float](dst []T, width int, src []T, pitch, rows int) {
	switch {
	case pitch == width:
		copy(dst[:rows*width], src)
	case width == unit/2:
		for r, at := 0, 0; r < rows; r, at = r+1, at+pitch {
			*(*[unit / 2]T)(dst[r*(unit/2):]) = *(*[unit / 2]T)(src[at:])
		}
	case width <= 4*unit:
		whole := max(0, rows-(unit-1)/width-1) // rows whose units end before the last row does
		for r := range whole {
			d, s := dst[r*width:], src[r*pitch:]
			for j := 0; j < width; j += unit {
				*(*[unit]T)(d[j:]) = *(*[unit]T)(s[j:])
			}
		}
		for r := whole; r < rows; r++ {
			copy(dst[r*width:][:width], src[r*pitch:])
		}
	default:
		for r := range rows {
			copy(dst[r*width:][:width], src[r*pitch:])
		}
	}
}

// split takes a channel of an image apart into phases, over the rows that the places of g see.
func (s *convScratch[T]) split(z *convSizes, x []T, g rowRange) {
	size := z.phaseSize(g.y1 - g.y0)
	all := z.phases * z.phases * size
	s.phases = grown(s.phases, all+z.extra)
	clear(s.phases[all:][:z.extra]) // what the last row of places takes beyond the last phase
	for b := range z.phases {
		lo, hi, ix := z.span(b)
		for a := range z.phases {
			rows := s.phases[(a*z.phases+b)*size:][:size]
			for t := range g.y1 - g.y0 + z.extra {
				row, y := rows[t*z.pitch:][:z.pitch], (g.y0+t)*z.s+a-z.p
				if y < 0 || y >= z.h || lo == hi {
					clear(row)
					continue
				}
				clear(row[:lo])
				clear(row[hi:])
				takeEvery(row[lo:hi], x[y*z.w+ix:], z.s)
			}
		}
	}
}

// takeEvery sets row[i] = x[i stride].
func takeEvery[T kernels.Float](row, x []T, stride int) {
	switch stride {
	case 1:
		copy(row, x)
	case 2:
		x = x[:2*len(row)-1]
		for i := range row {
			row[i] = x[2*i]
		}
	default:
		for i := range row {
			row[i] = x[i*stride]
		}
	}
}

// scatter undoes gather for one channel of one image: it adds the rows of the patches, cols apart and from column at on, where gather
// read them, and sets the image y to the sums and the bias.
//
//	y[n, c, i, j] = bias + sum of patch[(c, ki, kj)][place] over the places and elements that see (i, j)
func (s *convScratch[T]) scatter(z *convSizes, y, rows []T, cols, at int, bias T) {
	if z.windows {
		convolution.Of[T]().Scatter(y, rows[at:], cols, z.oh, z.ow, bias)
		return
	}
	size := z.phaseSize(z.oh)
	all := z.phases*z.phases*size + z.extra
	s.phases = grown(s.phases, all)
	clear(s.phases[:all])
	for ki := range z.k {
		for kj := range z.k {
			to := (ki%z.s*z.phases+kj%z.s)*size + ki/z.s*z.pitch + kj/z.s
			addRows(s.phases[to:], z.pitch, rows[(ki*z.k+kj)*cols+at:], z.step, z.oh)
		}
	}
	if z.phases < z.s || z.h+z.p > (z.oh+z.extra)*z.s || z.w+z.p > z.pitch*z.s {
		fill(y, bias) // there are pixels that no place sees
	}
	for b := range z.phases {
		lo, hi, ix := z.span(b)
		if lo == hi {
			continue
		}
		for a := range z.phases {
			phase := s.phases[(a*z.phases+b)*size:][:size]
			for t := range z.oh + z.extra {
				if i := t*z.s + a - z.p; i >= 0 && i < z.h {
					putEvery(y[i*z.w+ix:], phase[t*z.pitch:][lo:hi], z.s, bias)
				}
			}
		}
	}
}

// fill sets each element of x to v.
func fill[T kernels.Float](x []T, v T) {
	for i := range x {
		x[i] = v
	}
}

// addRows undoes the copy of gather: it adds rows of width elements, next to each other in src, to rows pitch apart in dst.
func addRows[T kernels.Float](dst []T, pitch int, src []T, width, rows int) {
	if pitch == width {
		rows, width = 1, rows*width
	}
	for r := range rows {
		d, s := dst[r*pitch:][:width], src[r*width:][:width]
		if width >= 2*unit {
			kernels.Axpy(d, 1, s)
			continue
		}
		for j, v := range s {
			d[j] += v
		}
	}
}

// putEvery undoes takeEvery: it sets y[i stride] = row[i] + bias.
func putEvery[T kernels.Float](y, row []T, stride int, bias T) {
	switch stride {
	case 1:
		y = y[:len(row)]
		for i, v := range row {
			y[i] = v + bias
		}
	case 2:
		y = y[:2*len(row)-1]
		for i, v := range row {
			y[2*i] = v + bias
		}
	default:
		for i, v := range row {
			y[i*stride] = v + bias
		}
	}
}

// layPlaces lays the channels of the small image at the rows r0 to r1-1 of places next to each other, a channel a row, in the columns of
// the patches. The columns between two rows of places are zero.
func layPlaces[T kernels.Float](z *convSizes, dst, y []T, r0, r1 int) {
	cols := (r1 - r0) * z.step
	for r := r0; r < r1; {
		g := z.nextRange(r, r1)
		from, to := y[g.image*z.o*z.place+g.y0*z.ow:], dst[(r-r0)*z.step:]
		for o := range z.o {
			spreadRows(to[o*cols:], z.step, from[o*z.place:], z.ow, g.y1-g.y0)
		}
		r += g.y1 - g.y0
	}
}

// spreadRows copies rows of width elements, next to each other in src, to rows step apart in dst, with zeros between them.
func spreadRows[T kernels.Float](dst []T, step int, src []T, width, rows int) {
	if step == width {
		copy(dst[:rows*width], src)
		return
	}
	for r := range rows {
		d, s := dst[r*step:], src[r*width:]
		if width <= unit && r+1 < rows && len(s) >= unit { // what lies beyond is overwritten by the next row
			*(*[unit]T)(d) = *(*[unit]T)(s)
		} else {
			copy(d[:width], s)
		}
		for i := width; i < step; i++ {
			d[i] = 0
		}
	}
}

// scatterPlaces undoes layPlaces: it writes the channels to the small image.
func (s *convScratch[T]) scatterPlaces(z *convSizes, y []T, r0, r1 int) {
	cols := (r1 - r0) * z.step
	for r := r0; r < r1; {
		g := z.nextRange(r, r1)
		to, from := y[g.image*z.o*z.place+g.y0*z.ow:], s.places[(r-r0)*z.step:]
		for o := range z.o {
			moveRows(to[o*z.place:][:(g.y1-g.y0)*z.ow], z.ow, from[o*cols:], z.step, g.y1-g.y0)
		}
		r += g.y1 - g.y0
	}
}

// addTo adds v to each element of x.
func addTo[T kernels.Float](x []T, v T) { kernels.Normalize(x, x, 1, 0, v) }
