package main

import (
	"fmt"
	"math/bits"
)

// free are the registers that kernels use. R18 belongs to the platform, R26 to closures, R27 to the assembler, R28 is g, R29 the frame
// pointer, R30 the link register. Go keeps no vector register over a call.
var free = map[bool][]int{true: numbers(0, 31), false: append(numbers(0, 17), numbers(19, 25)...)}

func numbers(from, to int) (n []int) {
	for i := from; i <= to; i++ {
		n = append(n, i)
	}
	return n
}

// A regSet is a set of registers by their index.
type regSet []uint64

func (s regSet) add(i int)    { s[i/64] |= 1 << (i % 64) }
func (s regSet) remove(i int) { s[i/64] &^= 1 << (i % 64) }

// merge adds t and tells whether s grew.
func (s regSet) merge(t regSet) (grew bool) {
	for i := range s {
		grew = grew || t[i]&^s[i] != 0
		s[i] |= t[i]
	}
	return grew
}

func (s regSet) each(f func(i int)) {
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			f(64*w + bits.TrailingZeros64(word))
		}
	}
}

// index numbers all registers of a function: vectors first.
func (c *code) index(r reg) int {
	if v, ok := r.(vec); ok {
		return v.id
	}
	return c.nv + r.(gp).id
}

func (c *code) reg(i int) reg {
	if i < c.nv {
		return vec{i}
	}
	return gp{i - c.nv}
}

func (c *code) newSet() regSet { return make(regSet, (c.nv+c.ng+63)/64) }

// liveOut returns the registers that are live after each instruction, and those that are read before anything was written to them.
func (c *code) liveOut() (out []regSet, undefined regSet, err error) {
	at := map[string]int{}
	for i, in := range c.insts {
		if in.label != "" {
			at[in.label] = i
		}
	}
	live := make([]regSet, len(c.insts)+1) // before each instruction
	out = make([]regSet, len(c.insts))
	for i := range live {
		live[i] = c.newSet()
	}
	for i := range out {
		out[i] = c.newSet()
	}
	for changed := true; changed; {
		changed = false
		for i := len(c.insts) - 1; i >= 0; i-- {
			in := &c.insts[i]
			if !in.ends {
				out[i].merge(live[i+1])
			}
			if in.target != "" {
				t, ok := at[in.target]
				if !ok {
					return nil, nil, fmt.Errorf("no label %s", in.target)
				}
				out[i].merge(live[t])
			}
			before := append(regSet(nil), out[i]...)
			for _, r := range in.out {
				before.remove(c.index(r))
			}
			for _, r := range in.in {
				before.add(c.index(r))
			}
			changed = live[i].merge(before) || changed
		}
	}
	return out, live[0], nil
}

// allocate assigns registers: in the order in which they are first written, the lowest that no register alive at the same time has.
func (c *code) allocate() (map[reg]int, error) {
	live, undefined, err := c.liveOut()
	if err != nil {
		return nil, err
	}
	undefined.each(func(i int) { err = fmt.Errorf("virtual register %v is read before it is written", c.reg(i)) })
	if err != nil {
		return nil, err
	}
	clash := make([]regSet, c.nv+c.ng)
	var order []int
	for i, in := range c.insts {
		for _, r := range in.out {
			k := c.index(r)
			if clash[k] == nil {
				clash[k] = c.newSet()
				order = append(order, k)
			}
			clash[k].merge(live[i])
		}
	}
	for _, k := range order { // a clash is mutual
		clash[k].each(func(j int) {
			if clash[j] != nil {
				clash[j].add(k)
			}
		})
	}
	physical := map[reg]int{}
	for _, k := range order {
		if err := c.assign(k, clash[k], physical); err != nil {
			return nil, err
		}
	}
	return physical, nil
}

func (c *code) assign(k int, clash regSet, physical map[reg]int) error {
	r := c.reg(k)
	_, vector := r.(vec)
	taken := map[int]bool{}
	clash.each(func(j int) {
		other := c.reg(j)
		_, alike := other.(vec)
		if p, ok := physical[other]; ok && j != k && alike == vector {
			taken[p] = true
		}
	})
	for _, p := range free[vector] {
		if !taken[p] {
			physical[r] = p
			return nil
		}
	}
	return fmt.Errorf("no register is left for %T %d", r, k)
}
