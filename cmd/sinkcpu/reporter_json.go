package main

import (
	"encoding/json"
	"time"

	"github.com/sinkcpu/sinkcpu/train"
)

// A jsonReporter writes an object a line: notes, and progress now and then.
type jsonReporter struct {
	enc  *json.Encoder
	now  func() time.Time
	pace pace
	next time.Time
}

type jsonProgress struct {
	Type           string         `json:"type"` // begin, progress or note
	Dir            string         `json:"dir,omitempty"`
	Step           int            `json:"step"`
	Steps          int            `json:"steps"`
	StepsPerSecond float64        `json:"steps_per_second,omitempty"`
	SecondsLeft    float64        `json:"seconds_left,omitempty"`
	Metrics        []train.Metric `json:"metrics,omitempty"`
	Text           string         `json:"text,omitempty"`
}

func (r *jsonReporter) Begin(dir string, done, steps int) {
	now := r.now()
	r.pace = pace{steps: steps, step: done, at: now}
	r.next = now.Add(lineEvery)
	r.put(jsonProgress{Type: "begin", Dir: dir, Step: done, Steps: steps})
}

func (r *jsonReporter) Step(step int, metrics []train.Metric) {
	now := r.now()
	if now.Before(r.next) {
		return
	}
	r.next = now.Add(lineEvery)
	r.pace.update(step, now)
	r.put(jsonProgress{
		Type: "progress", Step: step, Steps: r.pace.steps, StepsPerSecond: r.pace.perSecond, SecondsLeft: max(0, r.pace.left()), Metrics: metrics,
	})
}

func (r *jsonReporter) Note(text string) {
	r.put(jsonProgress{Type: "note", Step: r.pace.step, Steps: r.pace.steps, Text: text})
}

func (r *jsonReporter) End() {}

// put writes a line; a reader that has gone away does not end the training.
func (r *jsonReporter) put(v jsonProgress) { _ = r.enc.Encode(v) }
