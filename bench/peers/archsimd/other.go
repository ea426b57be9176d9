//go:build !(goexperiment.simd && amd64)

package main

import "log"

func main() { log.Fatal("archsimd: build it for amd64 with GOEXPERIMENT=simd") }
