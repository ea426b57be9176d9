package dd

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

const precision = 300

func number(x Num) *big.Float {
	b := new(big.Float).SetPrec(precision).SetFloat64(x.Hi)
	return b.Add(b, new(big.Float).SetFloat64(x.Lo))
}

// relative returns |got - want| / |want|.
func relative(got Num, want *big.Float) float64 {
	d := new(big.Float).Sub(number(got), want)
	if d.Sign() == 0 {
		return 0
	}
	f, _ := d.Quo(d, want).Float64()
	return math.Abs(f)
}

// bigExp returns e^x by Taylor's series on x / 2^32.
func bigExp(x *big.Float) *big.Float {
	r := new(big.Float).SetPrec(precision).SetMantExp(x, -32)
	s, term := big.NewFloat(1).SetPrec(precision), big.NewFloat(1).SetPrec(precision)
	for i := 1; i < 24; i++ {
		term.Mul(term, r)
		term.Quo(term, big.NewFloat(float64(i)))
		s.Add(s, term)
	}
	for range 32 {
		s.Mul(s, s)
	}
	return s
}

func TestArithmetic(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func() Num {
		return sum(math.Ldexp(rng.NormFloat64(), rng.IntN(20)-10), math.Ldexp(rng.NormFloat64(), -60))
	}
	for range 20000 {
		x, y := draw(), draw()
		bx, by := number(x), number(y)
		for name, c := range map[string]struct {
			got  Num
			want *big.Float
		}{
			"product": {x.Mul(y), new(big.Float).Mul(bx, by)}, "quotient": {x.Div(y), new(big.Float).Quo(bx, by)},
			"sum": {x.Add(y), new(big.Float).Add(bx, by)}, "difference": {x.Sub(y), new(big.Float).Sub(bx, by)},
		} {
			if err := relative(c.got, c.want); !(err <= 0x1p-100) {
				t.Fatalf("%s of %v and %v: relative error %g", name, x, y, err)
			}
		}
	}
}

// TestFunctions compares with exponentials of 300 bits: logarithms by their inverse.
func TestFunctions(t *testing.T) {
	one := big.NewFloat(1).SetPrec(precision)
	rng := rand.New(rand.NewPCG(3, 4))
	check := func(what string, x float64, got Num, want *big.Float) {
		t.Helper()
		if err := relative(got, want); !(err <= 0x1p-90) {
			t.Fatalf("%s of %v: relative error %g", what, x, err)
		}
	}
	for i := range 1000 {
		x := math.Ldexp(rng.Float64()-.5, i%100-90)
		bx := new(big.Float).SetPrec(precision).SetFloat64(x)
		e := bigExp(bx)
		if math.Abs(x) < 600 {
			check("exp", x, Exp(Of(x)), e)
			check("expm1", x, Expm1(Of(x)), new(big.Float).Sub(e, one))
			check("sigmoid", -x, Sigmoid(-x), new(big.Float).Quo(one, new(big.Float).Add(one, e)))
		}
		if p := Exp2Scaled(x); math.Abs(x) < 600 {
			check("exp2", x, p.P.Ldexp(p.K), bigExp(new(big.Float).Mul(bx, number(ln2))))
			check("2^log2", x, Of(1), new(big.Float).Quo(bigExp(new(big.Float).Mul(number(Log2(p.P.Ldexp(p.K))), number(ln2))), number(p.P.Ldexp(p.K))))
		}
		if math.Abs(x) < 20 {
			e2 := new(big.Float).Mul(e, e)
			check("tanh", x, Tanh(x), new(big.Float).Quo(new(big.Float).Sub(e2, one), new(big.Float).Add(e2, one)))
			s := bigExp(number(Softplus(x)))
			check("e^softplus", x, Of(1), s.Quo(s, new(big.Float).Add(one, e)))
		}
		if x > -1 { // the relative error of the logarithm is that of its exponential less 1
			l := bigExp(number(Log1p(Of(x))))
			check("log1p", x, Of(x), l.Sub(l, one))
		}
		if x > 0 {
			l := bigExp(number(Log(Of(x))))
			check("log", x, Of(x), l)
		}
	}
}
