package train

import (
	"context"
	"errors"
	"image"

	"github.com/sinkcpu/sinkcpu/data"
	"github.com/sinkcpu/sinkcpu/evaluate"
	"github.com/sinkcpu/sinkcpu/generative"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
	"github.com/sinkcpu/sinkcpu/report"
)

// nearestBlock bounds the training rows that are held as floats.
const nearestBlock = 2048

// nearestTraining finds the k training rows nearest to each row of x.
func nearestTraining(ctx context.Context, pool kernels.Runner, train *data.Dataset, x []float32, k int) (*evaluate.Search[float32], error) {
	d := train.Dim
	s, err := evaluate.NewSearch(pool, x, len(x)/d, d, k)
	if err != nil {
		return nil, err
	}
	block := make([]float32, nearestBlock*d)
	for lo := 0; lo < train.N; lo += nearestBlock {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		rows := min(nearestBlock, train.N-lo)
		for i := range rows {
			train.Row(block[i*d:(i+1)*d], lo+i)
		}
		if err := s.Add(block[:rows*d], rows); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// The picture of nearest images.
const (
	nearestLines = 10
	nearestShown = 8
)

// NearestPicture draws ten samples of a model, one a line at the left, each followed by the eight training images nearest to it, the nearest
// first: a sample that is like its neighbour in every stroke is a copy. The samples come from the stream "nearest" of the seed.
func NearestPicture(ctx context.Context, model generative.Generator, train *data.Dataset, seed uint64, pool kernels.Runner) (image.Image, error) {
	if !imageShape(train).Valid() {
		return nil, errors.New("the rows are no images that can be drawn beside each other")
	}
	d, k := train.Dim, min(nearestShown, train.N)
	x := make([]float32, nearestLines*d)
	model.Sample(x, nearestLines, random.New(seed, "nearest").Rand)
	s, err := nearestTraining(ctx, orDefault(pool), train, x, k)
	if err != nil {
		return nil, err
	}
	tiles := make([]float32, nearestLines*(1+k)*d)
	for i := range nearestLines {
		line := tiles[i*(1+k)*d:]
		copy(line, x[i*d:(i+1)*d])
		for l, row := range s.Index[i*k : (i+1)*k] {
			train.Row(line[(1+l)*d:(2+l)*d], row)
		}
	}
	return report.Grid(tiles, nearestLines*(1+k), 1+k, imageShape(train))
}
