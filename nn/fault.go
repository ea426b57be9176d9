package nn

// A Fault is the value with which a table of operations panics when its device has failed: a device that was lost, a launch that was
// refused, memory that ran out. See [Ops] for when it does, and [CatchFault] for how to make it an error.
type Fault struct {
	Err error // what happened and what can be done, as the device says it
}

// Error returns the cause.
func (f *Fault) Error() string { return f.Err.Error() }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }

// CatchFault, deferred, ends a panic whose value is a [*Fault] and sets *err to it; other panics go on. What the function was computing is
// then undefined: parameters that it changed may be of this step or of the one before.
//
//	func step() (err error) {
//		defer nn.CatchFault(&err)
func CatchFault(err *error) {
	switch v := recover().(type) {
	case nil:
	case *Fault:
		*err = v
	default:
		panic(v)
	}
}
