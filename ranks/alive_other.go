//go:build !unix

package ranks

// alive cannot tell on this system.
func alive(int) bool { return true }
