package generative

import (
	"fmt"
	"slices"
)

// A Notice is something about a training that its owner should know, such as a collapse. It is given once, at the first step that showed it.
type Notice struct {
	Step uint64 `json:"step"`
	Kind string `json:"kind"` // such as "posterior collapse"
	Text string `json:"text"` // one sentence
}

// A Noticer is an objective that notices. Notices returns all notices since step 0 in their order, also those from before a resume.
type Noticer interface{ Notices() []Notice }

// watch keeps the notices.
type watch struct {
	notices []Notice
	wins    int // reports in a row that a discriminator won
}

func (w *watch) add(step uint64, kind, text string) {
	if !slices.ContainsFunc(w.notices, func(n Notice) bool { return n.Kind == kind }) {
		w.notices = append(w.notices, Notice{step, kind, text})
	}
}

// The bounds past which a training is noticed.
const (
	wonAccuracy  = .99 // of a discriminator, in wonReports reports in a row
	wonReports   = 5
	goneVariance = 1e-6 // of a decoder, just above the least that it may learn
	goneSpread   = .01  // deviation of a coordinate of the codes, in units of the prior's
	settled      = 100  // steps after warm-up and pre-training before which nothing is called a collapse
)

// Notices returns what was noticed; see [Noticer].
func (o *AutoEncoder) Notices() []Notice { return o.watch.notices }

// notice looks at a step that reports.
func (o *AutoEncoder) notice(t terms, accuracy float64) {
	if o.done < uint64(settled+o.cfg.WarmUp+o.cfg.Pretrain) {
		return
	}
	d := len(t.spread)
	if o.cfg.Penalty == "kl" && t.active == 0 {
		o.watch.add(o.done, "posterior collapse", fmt.Sprintf("posterior collapse: each of %d latent coordinates has a KL below %g nats; try a smaller --lambda, or --lambda-warmup", d, activeKL))
	}
	narrow := 0
	for _, s := range t.spread {
		if s < goneSpread {
			narrow++
		}
	}
	if narrow > 0 {
		o.watch.add(o.done, "codes collapse", fmt.Sprintf("codes collapse: %d of %d latent coordinates have less than %g of the prior's deviation; try a larger --lambda, another penalty or fewer --latent", narrow, d, goneSpread))
	}
	if o.core.law.learned && o.core.law.variance() < goneVariance {
		o.watch.add(o.done, "variance to zero", fmt.Sprintf("variance to zero: that of the decoder is %.2g; the likelihood grows without bound; try a fixed --sigma", o.core.law.variance()))
	}
	if o.cfg.Penalty != "gan" { // that of avb should tell them apart: it sees the row
		return
	}
	if accuracy < wonAccuracy {
		o.watch.wins = 0
		return
	}
	if o.watch.wins++; o.watch.wins == wonReports {
		o.watch.add(o.done, "discriminator wins", fmt.Sprintf("the discriminator wins: it tells %.3g of codes and prior apart in %d reports in a row; try a smaller --critic-lr, a larger --lambda or --gan nonsaturating", accuracy, wonReports))
	}
}
