package mpi

import "github.com/sinkcpu/sinkcpu/ranks"

func init() { ranks.Register(ranks.Driver{Name: "mpi", Started: started, Open: open}) }
