package main

import "testing"

func TestSlips(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "ab", 2}, {"train", "train", 0}, {"tarin", "train", 1}, {"trai", "train", 1}, {"trainn", "train", 1}, {"brain", "train", 1},
		{"ot", "info", 4}, {"debais", "debias", 1}, {"stpe", "steps", 2}, {"abc", "ca", 3}, // a swap of neighbours is not edited further
	} {
		if got := slips(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
		if there, back := slips(c.a, c.b), slips(c.b, c.a); there != back {
			t.Errorf("%q and %q: %d there, %d back", c.a, c.b, there, back)
		}
	}
}

func TestMeant(t *testing.T) {
	names := []string{"seed", "step", "steps", "save-every", "eps", "ot"}
	for name, want := range map[string]string{
		"esp":        ", did you mean --eps?",
		"stpes":      ", did you mean --steps?",
		"sed":        ", did you mean --seed?",
		"save-evrey": ", did you mean --save-every?",
		"setp":       ", did you mean --step?",
		"foo":        "", // two slips of three letters are another word
		"xy":         "",
		"batch":      "",
	} {
		if got := meant(name, names, "--"); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
