// Package evaluate measures how a cloud of samples differs from a cloud of data: by transport and kernels ([Divergence], [MMD]), by nearest
// neighbours ([NewFidelity], [Copying]), and in the features of a trained classifier ([Frechet], [ClassScore]).
//
// Clouds are row-major, n points of d numbers; rows of images are planar, channel, then line, then column. Results are the same bits for
// any number of workers on the same tier of kernels.
//
// The features of [Digits] are those of a classifier of this project, trained on MNIST: a Frechet distance or a score in them compares with
// others in them only, and not with those of the Inception network that papers quote.
package evaluate
