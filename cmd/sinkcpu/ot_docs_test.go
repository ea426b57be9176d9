package main

import (
	"os"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestOTDocs: the page names every flag, every field and every cost.
func TestOTDocs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/ot.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	newOTCommand().Flags().VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(page, "`--"+f.Name+"`") && !strings.Contains(page, "`--"+f.Name+" ") {
			t.Errorf("--%s is not on the page", f.Name)
		}
	})
	b := newOTBench(t)
	for _, more := range [][]string{{"--debias", "--cost", "pow:3"}, {"--reach", "1"}} {
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
