package elapsed

import (
	"math"
	"testing"
)

func TestText(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0s", 59.4: "59s", 59.6: "1m00s", 3700: "1h01m", math.Inf(1): "over 99h", math.NaN(): "over 99h", -1: "0s",
	} {
		if got := Text(seconds); got != want {
			t.Errorf("%g seconds are %q, want %q", seconds, got, want)
		}
	}
}
