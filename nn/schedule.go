package nn

import (
	"fmt"
	"math"
)

// A Schedule gives the learning rate of each step. It is a function of the step alone, so a run that resumes needs no state of it.
//
//	constant   Rate
//	step       Rate Factor^floor(t/Every)
//	cosine     Final + (Rate - Final) (1 + cos(pi min(t/Steps, 1)))/2
//
// for t = step - WarmUp; in the first WarmUp steps the rate rises by equal parts to Rate.
type Schedule struct {
	Kind   string  `json:"kind"` // constant, step or cosine; constant where it is empty
	Rate   float64 `json:"rate"`
	WarmUp int64   `json:"warm_up,omitempty"` // steps
	Every  int64   `json:"every,omitempty"`   // step: steps between two changes
	Factor float64 `json:"factor,omitempty"`  // step: of each change
	Steps  int64   `json:"steps,omitempty"`   // cosine: steps after the warm-up until the rate is Final
	Final  float64 `json:"final,omitempty"`   // cosine
}

// Check returns which setting is out of range.
func (s Schedule) Check() error {
	switch {
	case s.Kind != "" && s.Kind != "constant" && s.Kind != "step" && s.Kind != "cosine":
		return fmt.Errorf("nn: Schedule: kind %q, want constant, step or cosine", s.Kind)
	case !positive(s.Rate):
		return fmt.Errorf("nn: Schedule: rate %v, want a positive number", s.Rate)
	case s.WarmUp < 0:
		return fmt.Errorf("nn: Schedule: warm-up of %d steps, want 0 or more", s.WarmUp)
	case s.Kind == "step" && s.Every < 1:
		return fmt.Errorf("nn: Schedule: change every %d steps, want 1 or more", s.Every)
	case s.Kind == "step" && !positive(s.Factor):
		return fmt.Errorf("nn: Schedule: factor %v, want a positive number", s.Factor)
	case s.Kind == "cosine" && s.Steps < 1:
		return fmt.Errorf("nn: Schedule: cosine over %d steps, want 1 or more", s.Steps)
	case s.Kind == "cosine" && !(s.Final >= 0 && s.Final <= s.Rate):
		return fmt.Errorf("nn: Schedule: final rate %v, want one from 0 to the rate %v", s.Final, s.Rate)
	}
	return nil
}

// At returns the rate of a step, the first of which is 0.
func (s Schedule) At(step int64) float64 {
	if step < s.WarmUp {
		return s.Rate * float64(step+1) / float64(s.WarmUp)
	}
	t := step - s.WarmUp
	switch s.Kind {
	case "step":
		return s.Rate * math.Pow(s.Factor, float64(t/s.Every))
	case "cosine":
		return s.Final + (s.Rate-s.Final)*(1+math.Cos(math.Pi*min(float64(t)/float64(s.Steps), 1)))/2
	}
	return s.Rate
}
