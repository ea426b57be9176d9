package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sinkcpu/sinkcpu/train"
)

// clock is a time that a test moves.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func play(r train.Reporter, c *clock, steps int, each time.Duration) {
	r.Begin("runs/x", 0, steps)
	for step := 1; step <= steps; step++ {
		c.at = c.at.Add(each)
		r.Step(step, []train.Metric{{Name: "loss", Value: 48.12345}})
	}
	r.Note("measuring")
	r.End()
}

func TestLineFitsAnyTerminal(t *testing.T) {
	for width := range 200 {
		var b bytes.Buffer
		c := &clock{time.Unix(0, 0)}
		play(&textReporter{w: &b, now: c.now, width: func() int { return width }}, c, 5000, 7*time.Millisecond)
		for line := range strings.SplitSeq(b.String(), "\r") {
			drawn, _, redrawn := strings.Cut(line, "\x1b[K")
			if n := utf8.RuneCountInString(drawn); redrawn && n > max(width-1, 0) {
				t.Fatalf("%d columns: %d in %q", width, n, drawn)
			}
		}
	}
}

func TestLineTellsWhatFits(t *testing.T) {
	r := &textReporter{pace: pace{steps: 5000, step: 1250, perSecond: 62.5}, loss: "loss 48.12"}
	for width, want := range map[int]string{
		100: " 25% [==========                              ]  1250/5000  loss 48.12  1m00s left  62.5 steps/s",
		40:  " 25%  1250/5000  loss 48.12  1m00s left",
		30:  " 25%  1250/5000  loss 48.12",
		68:  " 25% [==        ]  1250/5000  loss 48.12  1m00s left  62.5 steps/s",
		67:  " 25%  1250/5000  loss 48.12  1m00s left  62.5 steps/s",
		10:  " 25%",
		2:   " 2",
	} {
		got := r.line(width)
		if got != want {
			t.Errorf("%d columns: %q, want %q", width, got, want)
		}
	}
}

func TestWithoutATerminalALineEveryTenSeconds(t *testing.T) {
	var b bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	play(&textReporter{w: &b, now: c.now}, c, 1000, 25*time.Millisecond) // 25 seconds
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 4 || strings.ContainsAny(b.String(), "\r\x1b") {
		t.Errorf("want beginning, two lines and a note, got %q", lines)
	}
	if want := "step 400/1000  loss 48.12  15s left  40 steps/s"; lines[1] != want {
		t.Errorf("%q, want %q", lines[1], want)
	}
}

func TestJSONReporterWritesObjects(t *testing.T) {
	var b bytes.Buffer
	c := &clock{time.Unix(0, 0)}
	play(&jsonReporter{enc: json.NewEncoder(&b), now: c.now}, c, 1000, 25*time.Millisecond)
	var types []string
	for line := range strings.Lines(b.String()) {
		var v jsonProgress
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		types = append(types, v.Type)
		if v.Type == "progress" && v.Step == 800 && !(v.SecondsLeft > 4.9 && v.SecondsLeft < 5.1) {
			t.Errorf("%+v", v)
		}
	}
	if got := strings.Join(types, " "); got != "begin progress progress note" {
		t.Error(got)
	}
}
