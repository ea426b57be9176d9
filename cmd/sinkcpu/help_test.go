package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHelpFitsItsWidth(t *testing.T) {
	for _, name := range []string{"train", "ot", "eval", "info"} {
		out := mustCommand(t, name, "--help")
		_, flags, found := strings.Cut(out, "\nFlags:\n")
		if !found {
			t.Fatalf("%s: no flags:\n%s", name, out)
		}
		for _, line := range strings.Split(flags, "\n") {
			if utf8.RuneCountInString(line) > helpColumns() {
				t.Errorf("%s: wider than %d: %s", name, helpColumns(), line)
			}
		}
	}
}

// Flags that other objectives do not read are listed apart, each once.
func TestHelpGroupsTheFlagsOfTrain(t *testing.T) {
	out := mustCommand(t, "train", "--help")
	_, rot, _ := strings.Cut(out, "\nFlags of rot-gan and rot-gan-debiased:\n")
	rot, codes, found := strings.Cut(rot, "\nFlags of auto-encoders:\n")
	if !found {
		t.Fatal(out)
	}
	for name := range rotSettings {
		if !strings.Contains(rot, "--"+name+" ") || strings.Count(out, "\n      --"+name+" ") != 1 {
			t.Errorf("--%s is not listed once, among those of rot-gan", name)
		}
	}
	for name := range autoEncoderSettings {
		if !strings.Contains(codes, "--"+name+" ") || strings.Count(out, "\n      --"+name+" ") != 1 {
			t.Errorf("--%s is not listed once, among those of auto-encoders", name)
		}
	}
}
