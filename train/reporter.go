package train

// A Reporter shows a run to whoever waits for it. Its methods are called from the goroutine of the run, in order, and should return at once.
type Reporter interface {
	// Begin is called once, before the first step: a run of so many steps in a folder, of which done are done.
	Begin(dir string, done, steps int)

	// Step is called after each step with what the last step that reported did report, the loss first.
	Step(step int, metrics []Metric)

	// Note gives a line of text: a warning, or what is being done after the steps.
	Note(text string)

	// End is called once, when the run is over for whatever reason.
	End()
}

// silent is the reporter of a run that nobody watches.
type silent struct{}

func (silent) Begin(string, int, int) {}
func (silent) Step(int, []Metric)     {}
func (silent) Note(string)            {}
func (silent) End()                   {}
