//go:build !(linux && (amd64 || arm64) && !nocuda)

package driver

import (
	"fmt"
	"runtime"
)

// Load returns an error: this program cannot use a driver.
func Load() (*Driver, error) {
	if runtime.GOOS == "linux" && (runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64") {
		return nil, fmt.Errorf("this program was built without CUDA (tag nocuda)")
	}
	return nil, fmt.Errorf("CUDA devices are used on linux with amd64 or arm64, this is %s/%s", runtime.GOOS, runtime.GOARCH)
}
