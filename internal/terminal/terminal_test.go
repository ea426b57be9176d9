package terminal

import "testing"

func TestFitting(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"iteration 7", 40, "iteration 7"}, {"iteration 7", 11, "iteration 7"}, {"iteration 7", 10, "iterati..."},
		{"größer als", 6, "grö..."}, {"iteration", 2, "it"}, {"iteration", -1, ""}, {"", 0, ""},
	} {
		if got := fitting(c.text, c.width); got != c.want {
			t.Errorf("%q in %d columns: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
