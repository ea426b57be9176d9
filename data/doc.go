// Package data provides the data sets that models are trained on and the array files that numbers come from and go to.
//
// Open returns a source, built in or from files; a Batcher draws its rows in shuffled batches that resume exactly.
//
//	src, err := data.Open("glyphs", seed)
//	b := data.NewBatcher(src.Train, seed, "data")
//	b.Next(buf, 200)
package data
