package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestOTDocs: the page names every flag, every field and every cost.
func TestOTDocs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/ot.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	flags := regexp.MustCompile(`(?m)^ +--([a-z-]+)`).FindAllStringSubmatch(newOTCommand().Flags().FlagUsages(), -1)
	for _, f := range flags {
		if !strings.Contains(page, "`--"+f[1]+"`") && !strings.Contains(page, "`--"+f[1]+" ") {
			t.Errorf("--%s is not on the page", f[1])
		}
	}
	if len(flags) < 20 {
		t.Errorf("%d flags", len(flags))
	}
	b := newOTBench(t)
	for _, more := range [][]string{{"--debias", "--cost", "pow:3"}, {"--reach", "1"}, {"--richardson"}, {"--reg", "none"}} {
		for key := range b.solve(append(b.clouds(), more...)...) {
			if !strings.Contains(page, "`"+key+"`") {
				t.Errorf("the field %s is not on the page", key)
			}
		}
	}
	for _, name := range strings.Split(otCosts(), ", ") {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("the cost %s is not on the page", name)
		}
	}
}
