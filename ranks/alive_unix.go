//go:build unix

package ranks

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// alive reports whether a process runs. One that has ended but was not waited for, a zombie, counts as ended where /proc tells.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, state, _ := bytes.Cut(stat, []byte(") ")) // after the name, which may hold anything but ends so
	return len(state) == 0 || state[0] != 'Z'
}
