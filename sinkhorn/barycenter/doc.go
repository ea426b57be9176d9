// Package barycenter averages clouds of points in the sense of entropic transport.
//
//	Free     points of the average move, their weights stay: |x-y|^2, any number of points
//	Fixed    weights on given points, for any cost: histograms on a grid
//
// Both come as they are, blurred or shrunk by the temperature, and debiased, in the sense of the divergence of Feydy et al. 2019.
package barycenter
