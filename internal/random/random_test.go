package random_test

import (
	"math"
	"testing"

	"github.com/sinkcpu/sinkcpu/internal/random"
)

func TestStreamsAreIndependentOfEachOther(t *testing.T) {
	a, b := random.New(1, "noise"), random.New(1, "noise")
	other := random.New(1, "data")
	for range 100 {
		other.Uint64()
		if x, y := a.Uint64(), b.Uint64(); x != y {
			t.Fatalf("same seed and name, %x and %x", x, y)
		}
	}
	seen := map[uint64]string{}
	for name, s := range map[string]*random.Stream{
		"noise": random.New(1, "noise"), "data": random.New(1, "data"), "seed 2": random.New(2, "noise"),
		"part 0": random.New(1, "noise", 0), "part 1": random.New(1, "noise", 1),
	} {
		v := s.Uint64()
		if before, ok := seen[v]; ok {
			t.Errorf("%s and %s start alike", name, before)
		}
		seen[v] = name
	}
}

func TestStateRestoresExactly(t *testing.T) {
	for skip := range 70 { // ChaCha8 refills its buffer every 32 and 62 words
		s := random.New(7, "noise")
		for range skip {
			s.Uint64()
		}
		state, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		r := random.New(0, "")
		if err := r.UnmarshalBinary(state); err != nil {
			t.Fatal(err)
		}
		for k := range 100 {
			if x, y := s.Uint64(), r.Uint64(); x != y {
				t.Fatalf("after %d words, word %d: %x, restored %x", skip, k, x, y)
			}
		}
	}
	if err := random.New(0, "").UnmarshalBinary([]byte("short")); err == nil {
		t.Error("a broken state was taken")
	}
}

func TestMoments(t *testing.T) {
	const n = 1 << 16
	x := make([]float64, n)
	random.Normal(random.New(3, "noise"), x, 2, 3)
	var m, v float64
	for _, e := range x {
		m += e / n
	}
	for _, e := range x {
		v += (e - m) * (e - m) / n
	}
	// Standard errors: 3/256 for the mean, 9 sqrt(2)/256 for the variance.
	if math.Abs(m-2) > 4*3./256 || math.Abs(v-9) > 4*9*math.Sqrt2/256 {
		t.Errorf("mean %g, variance %g", m, v)
	}
	random.Sphere(random.New(3, "sphere"), x[:300], 3)
	for i := 0; i < 300; i += 3 {
		if q := x[i]*x[i] + x[i+1]*x[i+1] + x[i+2]*x[i+2]; math.Abs(q-1) > 1e-14 {
			t.Errorf("row %d has squared length %g", i/3, q)
		}
	}
}
