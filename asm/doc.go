// Package asm holds the generated assembly kernels, their stubs, and the table of the instructions they need. Nothing in it is
// written by hand and nothing checks an argument: package kernels does.
//
// A kernel is named after its operation, element type and tier. It is a leaf without a frame, accepts any length from 0 and any
// alignment, and touches no byte outside of its arguments.
package asm

//go:generate go run ../gen/poly -o ../gen/poly/coeff/coeff.go
//go:generate go run ../gen/amd64
//go:generate go run ../gen/arm64
