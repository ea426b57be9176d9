package devicetest_test

import (
	"testing"

	"github.com/sinkcpu/sinkcpu/sinkhorn/devicetest"
)

// TestReference: the reference passes its own tests, through the solver and back.
func TestReference(t *testing.T) {
	d := new(devicetest.Reference)
	devicetest.Test(t, d)
	if n := d.Open(); n != 0 {
		t.Errorf("%d flows were not closed", n)
	}
}
