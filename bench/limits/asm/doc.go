// Package asm holds the generated loops that measure what the processor can do, and the table of what the loops of the library's
// kernels ask of it. Nothing in it is written by hand, and nothing checks an argument.
package asm

//go:generate go run ../gen
