// Package discrepancy compares clouds of points without solving a transport problem between them in full: by means of kernels (MMD), by
// transport of projections to lines (Sliced), and by nearest points (Nearest, the Hausdorff distance).
//
// Clouds are row-major, a point a row, and each point of a cloud has the same weight. Values and gradients are the same bits for any
// number of workers.
package discrepancy
