// Command gonum measures the products of bench/measure in gonum's own BLAS and writes them as rows of bench/row, for bench/peers/peers.py.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/sinkcpu/sinkcpu/bench/measure"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

func main() {
	log.SetFlags(0)
	budget := flag.Duration("budget", time.Second, "time for a row")
	flag.Parse()
	report := &row.Report{Schema: row.Schema, Program: "bench/peers/gonum", Machine: row.ThisMachine()}
	for _, p := range measure.Shapes {
		if p.M >= 4096 {
			continue // ten seconds a product
		}
		report.Rows = append(report.Rows,
			measured(p, "f32", *budget, func(a, b, c []float32, tA, tB blas.Transpose, lda, ldb int) {
				gonum.Implementation{}.Sgemm(tA, tB, p.M, p.N, p.K, 1, a, lda, b, ldb, 0, c, p.N)
			}),
			measured(p, "f64", *budget, func(a, b, c []float64, tA, tB blas.Transpose, lda, ldb int) {
				gonum.Implementation{}.Dgemm(tA, tB, p.M, p.N, p.K, 1, a, lda, b, ldb, 0, c, p.N)
			}))
	}
	if err := report.WriteJSON(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func measured[T kernels.Float](p measure.Shape, precision string, budget time.Duration, gemm func(a, b, c []T, tA, tB blas.Transpose, lda, ldb int)) row.Row {
	a, b, c := make([]T, p.M*p.K), make([]T, p.K*p.N), make([]T, p.M*p.N)
	random.Uniform(random.New(1, "a"), a, -1, 1)
	random.Uniform(random.New(1, "b"), b, -1, 1)
	lda, ldb, tA, tB := p.K, p.N, blas.NoTrans, blas.NoTrans
	if p.TransA {
		lda, tA = p.M, blas.Trans
	}
	if p.TransB {
		ldb, tB = p.K, blas.Trans
	}
	params := p.Params("peer", "gonum", precision, 1)
	run := func() { gemm(a, b, c, tA, tB, lda, ldb) }
	run()
	if err := measure.CheckProduct(p, a, b, c); err != nil {
		return row.Row{Name: "gemm", Params: params, Unit: "GFLOP/s", Error: err.Error()}
	}
	m := row.Default()
	m.Budget = budget
	s, err := m.Run(context.Background(), run)
	if err != nil {
		log.Fatal(err)
	}
	return s.Rate("gemm", params, p.Gigaflop(), "GFLOP/s")
}
