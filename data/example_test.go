package data_test

import (
	"bytes"
	"fmt"
	"log"
	"strings"

	"github.com/sinkcpu/sinkcpu/data"
)

func Example() {
	const seed, rows = 1, 200
	src, err := data.Open("glyphs", seed)
	if err != nil {
		log.Fatal(err)
	}
	batches := data.NewBatcher(src.Train, seed, "data")
	buf := make([]float32, rows*src.Train.Dim)
	for range 3 {
		batches.Next(buf, rows)
	}
	fmt.Println(src.Train.N, src.Train.H, src.Train.W, batches.Position())
	// Output: 20000 28 28 600
}

func ExampleDecodePoints() {
	csv := "length,width,species\n5.1,3.5,setosa\n4.9,3.0,setosa\n"
	m, err := data.DecodePoints(strings.NewReader(csv), "standard input", data.PointsOptions{Columns: "length,width"})
	fmt.Println(m.Rows, m.Cols, m.Data, err)
	_, err = data.DecodePoints(strings.NewReader(csv), "standard input", data.PointsOptions{})
	fmt.Println(err)
	// Output:
	// 2 2 [5.1 3.5 4.9 3] <nil>
	// standard input: row 2, column 3 ("species"): "setosa" is not a number; correct it, or choose the columns of numbers (--columns)
}

func ExampleNPZWriter() {
	var file bytes.Buffer
	z := data.NewNPZWriter(&file)
	if err := z.Vector("f", []float64{.25, .5}); err != nil {
		log.Fatal(err)
	}
	if err := z.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q\n", file.Bytes()[:4])
	// Output: "PK\x03\x04"
}
