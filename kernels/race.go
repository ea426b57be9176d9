//go:build race

package kernels

import (
	"runtime"
	"unsafe"
)

// raceRead and raceWrite tell the race detector of slices that assembly, which it cannot see, reads and writes.

func raceRead[T Float](x []T) {
	if len(x) > 0 {
		runtime.RaceReadRange(unsafe.Pointer(&x[0]), len(x)*int(unsafe.Sizeof(x[0])))
	}
}

func raceWrite[T Float](x []T) {
	if len(x) > 0 {
		runtime.RaceWriteRange(unsafe.Pointer(&x[0]), len(x)*int(unsafe.Sizeof(x[0])))
	}
}

func raceReadBlock[T Float](x []T, ld, rows, cols int) {
	for r := 0; r < rows && cols > 0; r++ {
		raceRead(x[r*ld:][:cols])
	}
}

func raceWriteBlock[T Float](x []T, ld, rows, cols int) {
	for r := 0; r < rows && cols > 0; r++ {
		raceWrite(x[r*ld:][:cols])
	}
}
