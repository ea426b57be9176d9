//go:build !amd64 || purego

package measure

// cycles and available: there are no probes for this processor, so its limits of arithmetic are not known.
func cycles(int) {}

func available() []*probes { return nil }
