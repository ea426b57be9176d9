package row

import (
	"fmt"
	"math"
	"strings"
)

// A Verdict says what became of a row between two runs.
type Verdict string

const (
	Same   Verdict = "same" // within the spread, or by less than 2 %
	Faster Verdict = "faster"
	Slower Verdict = "slower"
	Gone   Verdict = "gone" // measured in the old run only, or failed in the new one
	New    Verdict = "new"
)

// A Change is a row of two runs.
type Change struct {
	Key      string
	Old, New *Row // nil where the run does not have it
	Gain     float64
	Verdict  Verdict
}

// Compare matches the rows of two reports by their keys, in the order of the new one; then those that are gone. Gain is how many times better
// the new value is: above 1 it is faster, for rates as for times.
//
// A change counts when it is over 2 %, and over three standard deviations of the difference, each taken as 1.4826 MAD; where a row is
// unstable, its samples in one run must moreover all lie on one side of those in the other.
func Compare(old, fresh *Report) []Change {
	before := map[string]*Row{}
	for i := range old.Rows {
		if r := &old.Rows[i]; r.Error == "" {
			before[r.Key()] = r
		}
	}
	var all []Change
	seen := map[string]bool{}
	for i := range fresh.Rows {
		r := &fresh.Rows[i]
		key := r.Key()
		if r.Error != "" || seen[key] {
			continue
		}
		seen[key] = true
		c := Change{Key: key, Old: before[key], New: r, Verdict: New}
		if c.Old != nil {
			c.judge()
		}
		all = append(all, c)
	}
	for i := range old.Rows {
		r := &old.Rows[i]
		if key := r.Key(); r.Error == "" && !seen[key] {
			seen[key] = true
			all = append(all, Change{Key: key, Old: r, Verdict: Gone})
		}
	}
	return all
}

func (c *Change) judge() {
	const least, deviations, sigma = .02, 3, 1.4826
	a, b := c.Old, c.New
	c.Gain = b.Value / a.Value
	if b.Lower {
		c.Gain = 1 / c.Gain
	}
	c.Verdict = Same
	apart := math.Abs(b.Value-a.Value) > deviations*sigma*math.Hypot(a.MAD, b.MAD)
	if a.Unstable || b.Unstable {
		apart = apart && (a.Max < b.Min || b.Max < a.Min)
	}
	switch {
	case !apart:
	case c.Gain > 1+least:
		c.Verdict = Faster
	case c.Gain < 1/(1+least):
		c.Verdict = Slower
	}
}

// CompareText returns a table of Markdown of what moved, and the number of rows that did not.
func CompareText(changes []Change) string {
	var moved []Change
	count := map[Verdict]int{}
	for _, c := range changes {
		if count[c.Verdict]++; c.Verdict == Faster || c.Verdict == Slower {
			moved = append(moved, c)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d faster, %d slower, %d the same within their spread, %d new, %d gone.\n", count[Faster], count[Slower], count[Same], count[New], count[Gone])
	if len(moved) == 0 {
		return b.String()
	}
	b.WriteString("\n")
	writeTable(&b, []string{"row", "", "old", "new", "times better"}, 2, len(moved), func(i, j int) string {
		c := moved[i]
		return [...]string{c.Key, string(c.Verdict), c.Old.short() + " " + c.Old.Unit, c.New.short() + " " + c.New.Unit, fmt.Sprintf("%.2f", c.Gain)}[j]
	})
	return b.String()
}
