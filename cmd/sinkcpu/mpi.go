//go:build !nompi

package main

import _ "github.com/sinkcpu/sinkcpu/mpi" // registers its driver
