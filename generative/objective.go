// Package generative holds the objectives by which generative models are learned, each in its own file.
//
// An [Objective] owns its networks, its optimisers and its noise; the loop in package train knows nothing of what is learned. It hands the
// objective a source of batches, and an objective draws from it as often as its algorithm asks: one batch a step, two independent ones,
// or n_c for a critic.
//
// [Fit] and [Adversarial] learn a [Model], which is a network on latent points of a [Prior], by a [Criterion] on clouds of points: [Transport],
// [MMD] or [MeanDifference]. [AutoEncoder] learns a way back to latent points, [Classifier] the classes of rows. Objective, Criterion and Prior are
// interfaces for others to implement. They take their randomness from *rand.Rand of math/rand/v2; an objective that keeps a source between steps
// returns its state from State.
package generative

import (
	"context"
	"errors"
	"math/rand/v2"

	"github.com/sinkcpu/sinkcpu/nn"
)

// Batches is a source of data. Each call of Next fills dst, rows x dim row-major, with the next batch.
type Batches interface {
	Next(dst []float32, rows int)
}

// A Metric is a number that a step reports.
type Metric struct {
	Name  string
	Value float64
}

// LabelledBatches is a source of data whose rows have classes.
type LabelledBatches interface {
	Batches

	// NextLabelled fills dst as Next does and class with the class of each row, from 0.
	NextLabelled(dst []float32, class []int)
}

// IndexedBatches is a source of data that says which rows of the data set it draws.
type IndexedBatches interface {
	Batches

	// NextIndexed fills dst as Next does and index with the number of each row in the data set, from 0.
	NextIndexed(dst []float32, index []int)
}

// An Objective is a model and the way it is learned.
type Objective interface {
	// Groups returns the parameters, each group with its own optimiser, in the order of the checkpoint.
	Groups() []*nn.Group[float32]

	// Step updates the parameters once. Where report is set it returns metrics, the loss first; what is needed for metrics alone is
	// not computed otherwise, and the parameters are the same bits either way. A step that meets a number that is not finite leaves
	// the group whose turn it is as it is and returns an error for which errors.Is(err, [ErrNotFinite]).
	Step(ctx context.Context, data Batches, report bool) ([]Metric, error)

	// State returns what a resumed run needs beside the groups, such as the states of random streams; Restore sets it.
	State() (map[string][]byte, error)
	Restore(map[string][]byte) error
}

// A Generator is an objective whose model makes points.
type Generator interface {
	Objective

	// Sample fills dst, rows x dim, with independent draws of the model, made from the given noise.
	Sample(dst []float32, rows int, noise *rand.Rand)
}

// A Predictor is an objective whose model says something about a row that can be right or wrong.
type Predictor interface {
	Objective

	// Evaluate returns metrics of the model on rows 0 to n-1 that it did not learn from. row fills dst with row i and returns its class.
	Evaluate(ctx context.Context, n int, row func(dst []float32, i int) (class int)) ([]Metric, error)
}

// A Decoder is a generator whose samples are a function of a latent point.
type Decoder interface {
	Generator

	// LatentDim returns the dimension of the latent space.
	LatentDim() int

	// LatentPoint maps a point u of the unit cube to the latent space so that uniform u have the law of the prior.
	LatentPoint(dst, u []float32)

	// Decode fills dst, rows x dim, with the images of the latent points z, rows x LatentDim.
	Decode(dst, z []float32, rows int)
}

// An Encoder is a decoder with a way back to latent points.
type Encoder interface {
	Decoder

	// Encode fills dst, rows x LatentDim, with codes of rows of x: drawn by the noise, or without it the most typical ones.
	Encode(dst, x []float32, rows int, noise *rand.Rand)

	// Prior fills dst, rows of LatentDim numbers, with draws of the law that codes should have.
	Prior(dst []float32, noise *rand.Rand)
}

// ErrNotFinite is the error of a step that met a number that is not finite.
var ErrNotFinite = errors.New("generative: a number is not finite")
