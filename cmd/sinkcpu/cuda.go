//go:build !nocuda

package main

import _ "github.com/sinkcpu/sinkcpu/cuda" // registers its driver
