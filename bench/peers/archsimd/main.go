//go:build goexperiment.simd && amd64

package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"
	"simd/archsimd"

	"github.com/sinkcpu/sinkcpu/bench/measure"
	"github.com/sinkcpu/sinkcpu/bench/row"
	"github.com/sinkcpu/sinkcpu/gen/poly/coeff"
	"github.com/sinkcpu/sinkcpu/internal/numtest"
	"github.com/sinkcpu/sinkcpu/internal/random"
	"github.com/sinkcpu/sinkcpu/kernels"
)

func main() {
	log.SetFlags(0)
	if !archsimd.X86.AVX512() {
		log.Fatal("archsimd: the processor has no AVX-512")
	}
	report := &row.Report{Schema: row.Schema, Program: "bench/peers/archsimd", Machine: row.ThisMachine()}
	for _, n := range []int{measure.InFirstLevel, measure.InMemory} {
		x, dst := make([]float32, n), make([]float32, n)
		random.Uniform(random.New(1, "functions"), x, 0, 10)
		params := row.P("peer", "archsimd", "n", fmt.Sprint(n), "precision", "f32", "threads", "1")
		exp(dst, x)
		if u := worst(dst, x); !(u <= 1) {
			report.Rows = append(report.Rows, row.Row{Name: "exp", Params: params, Unit: "G/s", Error: fmt.Sprintf("error of %.2f ULP", u)})
			continue
		}
		s, err := row.Default().Run(context.Background(), func() { exp(dst, x) })
		if err != nil {
			log.Fatal(err)
		}
		report.Rows = append(report.Rows, s.Rate("exp", params, float64(n)/1e9, "G/s"))
	}
	if err := report.WriteJSON(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func worst(y, x []float32) (u float64) {
	for i, v := range x {
		u = max(u, numtest.ULP(y[i], math.Exp(float64(v))))
	}
	return u
}

// exp sets dst[i] = e^x[i] as the kernel for AVX-512 does: two vectors at a time, the argument reduced by a multiple of ln 2 in two parts.
func exp(dst, x []float32) {
	c := [len(coeff.Exp6)]archsimd.Float32x16{}
	for i, v := range coeff.Exp6 {
		c[i] = archsimd.BroadcastFloat32x16(v)
	}
	c0, c1, c2, c3, c4, c5, c6 := c[0], c[1], c[2], c[3], c[4], c[5], c[6]
	log2e := archsimd.BroadcastFloat32x16(math.Log2E)
	high := archsimd.BroadcastFloat32x16(-0x1.62e4p-1)
	low := archsimd.BroadcastFloat32x16(-(math.Ln2 - 0x1.62e4p-1))
	for len(x) >= 32 && len(dst) >= 32 {
		u, v := archsimd.LoadFloat32x16Slice(x), archsimd.LoadFloat32x16Slice(x[16:])
		k, l := u.Mul(log2e).RoundToEvenScaled(0), v.Mul(log2e).RoundToEvenScaled(0)
		u, v = k.MulAdd(low, k.MulAdd(high, u)), l.MulAdd(low, l.MulAdd(high, v))
		p, q := c6.MulAdd(u, c5), c6.MulAdd(v, c5)
		p, q = p.MulAdd(u, c4), q.MulAdd(v, c4)
		p, q = p.MulAdd(u, c3), q.MulAdd(v, c3)
		p, q = p.MulAdd(u, c2), q.MulAdd(v, c2)
		p, q = p.MulAdd(u, c1), q.MulAdd(v, c1)
		p, q = p.MulAdd(u, c0), q.MulAdd(v, c0)
		p.Scale(k).StoreSlice(dst)
		q.Scale(l).StoreSlice(dst[16:])
		x, dst = x[32:], dst[32:]
	}
	kernels.Exp(dst, x)
}
