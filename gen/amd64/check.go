package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// compile is avo's Compile with an allocator that knows the tier: avo's own hands out Y16 to Y31, which need AVX-512, and BP, R14 and
// R15, which Go reserves.
func compile(t *tier) pass.Interface {
	return pass.Concat(
		pass.Verify,
		pass.FunctionPass(pass.PruneJumpToFollowingLabel),
		pass.FunctionPass(pass.PruneDanglingLabels),
		pass.FunctionPass(pass.LabelTarget),
		pass.FunctionPass(pass.CFG),
		pass.InstructionPass(pass.ZeroExtend32BitOutputs),
		pass.FunctionPass(pass.Liveness),
		pass.FunctionPass(t.allocate),
		pass.FunctionPass(pass.BindRegisters),
		pass.FunctionPass(pass.VerifyAllocation),
		pass.Func(pass.IncludeTextFlagHeader),
		pass.FunctionPass(pass.PruneSelfMoves),
		pass.FunctionPass(pass.RequiredISAExtensions),
		pass.FunctionPass(t.check),
	)
}

// allowed tells whether kernels of the tier may use a physical register.
func (t *tier) allowed(r reg.Physical) bool {
	switch r.Kind() {
	case reg.KindVector:
		return int(r.PhysicalIndex()) < t.registers
	case reg.KindGP:
		i := r.PhysicalIndex()
		return i != reg.RBP.PhysicalIndex() && i != reg.R14.PhysicalIndex() && i != reg.R15.PhysicalIndex()
	case reg.KindOpmask:
		return t.wide()
	}
	return true
}

// allocate assigns registers, one allocator a kind.
func (t *tier) allocate(fn *ir.Function) error {
	fn.Allocation = reg.NewEmptyAllocation()
	for _, kind := range []reg.Kind{reg.KindGP, reg.KindVector, reg.KindOpmask} {
		var free []reg.Physical
		for _, r := range reg.FamilyOfKind(kind).Registers() {
			if t.allowed(r) {
				free = append(free, r)
			}
		}
		if len(free) == 0 {
			continue
		}
		a, err := pass.NewAllocator(free)
		if err != nil {
			return err
		}
		for _, i := range fn.Instructions() {
			for _, r := range i.Registers() {
				if r.Kind() == kind {
					a.Add(r.ID())
				}
			}
			for _, d := range i.OutputRegisters() {
				if d.Kind() == kind {
					live := i.LiveOut.OfKind(kind)
					live.DiscardRegister(d)
					a.AddInterferenceSet(d, live)
				}
			}
		}
		al, err := a.Allocate()
		if err != nil {
			return fmt.Errorf("%s: kind %d: %w", fn.Name, kind, err)
		}
		if err := fn.Allocation.Merge(al); err != nil {
			return err
		}
	}
	return nil
}

// check rejects what the tier does not have and what Go forbids.
func (t *tier) check(fn *ir.Function) error {
	last := ""
	for _, i := range fn.Instructions() {
		for _, r := range i.Registers() {
			p := reg.ToPhysical(r)
			if p != nil && !t.allowed(p) {
				return fmt.Errorf("%s: %s uses register %s", fn.Name, i.Opcode, r.Asm())
			}
			if r.Kind() == reg.KindVector && !strings.HasPrefix(i.Opcode, "V") && !strings.HasPrefix(i.Opcode, "KMOV") {
				return fmt.Errorf("%s: %s is legacy SSE", fn.Name, i.Opcode)
			}
		}
		if i.Opcode == "RET" && last != "VZEROUPPER" {
			return fmt.Errorf("%s: RET without VZEROUPPER", fn.Name)
		}
		last = i.Opcode
	}
	for _, isa := range fn.ISA {
		if !t.isa[isa] {
			return fmt.Errorf("%s: needs %s", fn.Name, isa)
		}
	}
	if fn.FrameBytes() != 0 {
		return fmt.Errorf("%s: has a frame of %d bytes", fn.Name, fn.FrameBytes())
	}
	return nil
}
