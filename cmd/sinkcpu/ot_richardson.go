package main

// An otExtrapolation is the part of --richardson: what is left of cost and divergence without eps.
type otExtrapolation struct {
	Cost       otNumber `json:"extrapolated_cost"`
	Divergence otNumber `json:"extrapolated_divergence"`
}

// checkRichardson holds --richardson against the flags of other problems. It needs the divergence, which it asks for.
func (o *otOptions) checkRichardson() error {
	if !o.richardson {
		return nil
	}
	if o.reach.given() || o.test != "" || o.reg != regKL {
		return usagef("--richardson is for the entropic problem with exact marginals, without --test")
	}
	o.debias = true
	return nil
}
