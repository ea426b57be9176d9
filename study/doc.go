// Package study measures what the choices of a Sinkhorn loss do: its temperature, its batch, its number of iterations.
//
// A [Study] is a grid of points. [Run] computes each point once and appends it as a line to a CSV file, so that a study that was
// interrupted or killed goes on where it stopped, and draws a figure from that file alone. In a folder, a study NAME has
//
//	NAME.csv     a line a point of the grid, in its order; an empty field is a number that does not exist
//	NAME.png     the figure
//	NAME.json    settings, tier of the kernels, command line, processor time, and findings in words
//
// Lines are the same bits for any number of workers and of interruptions, on the same tier; times, in columns whose name ends in _ms, are
// not.
package study
