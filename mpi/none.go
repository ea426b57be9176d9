//go:build !((linux || darwin) && (amd64 || arm64))

package mpi

import (
	"fmt"
	"runtime"

	"github.com/sinkcpu/sinkcpu/ranks"
)

func open() (ranks.Transport, error) {
	return nil, fmt.Errorf("mpi: not available on %s/%s; it is on linux and darwin with amd64 or arm64", runtime.GOOS, runtime.GOARCH)
}
