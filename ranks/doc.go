// Package ranks joins processes that share one piece of work: a group of ranks 0 to size-1, each of which makes the same collective calls
// in the same order.
//
// Nothing here knows a network. What carries bytes is a [Transport], which package mpi has for MPI libraries and [Local] for goroutines of
// one process; a nil *[Comm] is a single process, for which every call is trivial. Code that takes a *Comm therefore needs no second path.
//
// Sums are taken in the order of the ranks, by whatever library the bytes travel: the same number of ranks gives the same bits, on each of
// them.
package ranks
