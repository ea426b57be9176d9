package main

import "fmt"

// Instructions have Go's order of operands, the destination last: FSUB(y, x, dst) is dst = x - y. Vectors are of the elements of the
// code, and integers in them of the same size; formats write that as Arm's manual does, <T> for a whole vector and <Ts> for a lane.

// Vector instructions that Go 1.26's assembler has.

// VFMLA is dst += x y, rounded once.
func (c *code) VFMLA(x, y, dst vec) {
	c.named("VFMLA %v.<T>, %v.<T>, %v.<T>", []reg{x, y, dst}, []reg{dst}, x, y, dst)
}

// VFMLS is dst -= x y, rounded once.
func (c *code) VFMLS(x, y, dst vec) {
	c.named("VFMLS %v.<T>, %v.<T>, %v.<T>", []reg{x, y, dst}, []reg{dst}, x, y, dst)
}

// VADD and VSUB are of integers.
func (c *code) VADD(y, x, dst vec) {
	c.named("VADD %v.<T>, %v.<T>, %v.<T>", []reg{x, y}, []reg{dst}, y, x, dst)
}
func (c *code) VSUB(y, x, dst vec) {
	c.named("VSUB %v.<T>, %v.<T>, %v.<T>", []reg{x, y}, []reg{dst}, y, x, dst)
}
func (c *code) VSHL(bits int, x, dst vec) {
	c.named("VSHL $%d, %v.<T>, %v.<T>", []reg{x}, []reg{dst}, bits, x, dst)
}
func (c *code) VAND(y, x, dst vec) {
	c.named("VAND %v.B16, %v.B16, %v.B16", []reg{x, y}, []reg{dst}, y, x, dst)
}
func (c *code) VORR(y, x, dst vec) {
	c.named("VORR %v.B16, %v.B16, %v.B16", []reg{x, y}, []reg{dst}, y, x, dst)
}
func (c *code) VEOR(y, x, dst vec) {
	c.named("VEOR %v.B16, %v.B16, %v.B16", []reg{x, y}, []reg{dst}, y, x, dst)
}

// VBIT copies the bits of x where mask is set.
func (c *code) VBIT(mask, x, dst vec) {
	c.named("VBIT %v.B16, %v.B16, %v.B16", []reg{mask, x, dst}, []reg{dst}, mask, x, dst)
}

// VBIF copies the bits of x where mask is not set.
func (c *code) VBIF(mask, x, dst vec) {
	c.named("VBIF %v.B16, %v.B16, %v.B16", []reg{mask, x, dst}, []reg{dst}, mask, x, dst)
}

func (c *code) VMOV(x, dst vec) {
	c.named("VMOV %v.B16, %v.B16", []reg{x}, []reg{dst}, x, dst)
}

// VMOVLane copies one lane.
func (c *code) VMOVLane(from int, x vec, to int, dst vec) {
	c.named("VMOV %v.<Ts>[%d], %v.<Ts>[%d]", []reg{x, dst}, []reg{dst}, x, from, dst, to)
}

// VMOVOut moves a lane, 0-extended.
func (c *code) VMOVOut(lane int, x vec, dst gp) {
	c.named("VMOV %v.<Ts>[%d], %v", []reg{x}, []reg{dst}, x, lane, dst)
}

// VDUP copies a lane to all.
func (c *code) VDUP(lane int, x, dst vec) {
	c.named("VDUP %v.<Ts>[%d], %v.<T>", []reg{x}, []reg{dst}, x, lane, dst)
}

// VDUPHigh copies the upper half to both.
func (c *code) VDUPHigh(x, dst vec) {
	c.named("VDUP %v.D[1], %v.D2", []reg{x}, []reg{dst}, x, dst)
}

// VADDV is the sum of four integers of 32 bits in the first.
func (c *code) VADDV(x, dst vec) { c.named("VADDV %v.S4, %v", []reg{x}, []reg{dst}, x, dst) }

// VMOVI clears.
func (c *code) VMOVI(dst vec) { c.named("VMOVI $0, %v.B16", nil, []reg{dst}, dst) }

// VZIP1 and VZIP2 interleave the lower and the upper lanes: those of x come first.
func (c *code) VZIP1(y, x, dst vec) {
	c.named("VZIP1 %v.<T>, %v.<T>, %v.<T>", []reg{x, y}, []reg{dst}, y, x, dst)
}
func (c *code) VZIP2(y, x, dst vec) {
	c.named("VZIP2 %v.<T>, %v.<T>, %v.<T>", []reg{x, y}, []reg{dst}, y, x, dst)
}

// Loads and stores of a whole vector, of its lower half and of its first lane; the loads clear what they do not load.
func (c *code) loadAll(from mem, dst vec)  { c.loadAs("FMOVQ", from, dst) }
func (c *code) loadHalf(from mem, dst vec) { c.loadAs("FMOVD", from, dst) }
func (c *code) loadLane(from mem, dst vec) { c.loadAs(c.FMOV(), from, dst) }
func (c *code) storeAll(x vec, to mem)     { c.storeAs("FMOVQ", x, to) }
func (c *code) storeHalf(x vec, to mem)    { c.storeAs("FMOVD", x, to) }
func (c *code) storeLane(x vec, to mem)    { c.storeAs(c.FMOV(), x, to) }

// FMOV is the move of one number.
func (c *code) FMOV() string {
	if c.double() {
		return "FMOVD"
	}
	return "FMOVS"
}

func (c *code) loadAs(op string, from mem, dst vec) {
	c.named(op+" %d(%v), %v", []reg{from.base}, []reg{dst}, from.disp, from.base, fp{dst})
}

func (c *code) storeAs(op string, x vec, to mem) {
	c.named(op+" %v, %d(%v)", []reg{x, to.base}, nil, fp{x}, to.disp, to.base)
}

// loadPair loads two vectors that follow each other.
func (c *code) loadPair(from mem, a, b vec) {
	c.named("FLDPQ %d(%v), (%v, %v)", []reg{from.base}, []reg{a, b}, from.disp, from.base, fp{a}, fp{b})
}

// VLD1R loads one number into all lanes; VLD1RP also moves the pointer past it.
func (c *code) VLD1R(from gp, dst vec) {
	c.named("VLD1R (%v), [%v.<T>]", []reg{from}, []reg{dst}, from, dst)
}
func (c *code) VLD1RP(from gp, dst vec) {
	c.named("VLD1R.P %d(%v), [%v.<T>]", []reg{from}, []reg{dst, from}, c.size, from, dst)
}

// PRFM asks for a cache line.
func (c *code) PRFM(at mem, use string) {
	c.named("PRFM %d(%v), %s", []reg{at.base}, nil, at.disp, at.base, use)
}

// What a cache line is asked for.
const (
	forLoad  = "PLDL1KEEP"
	forStore = "PSTL1KEEP"
)

// Vector instructions that it has not; word is that of float32.

func (c *code) binary(word uint32, name string, y, x, dst vec) {
	c.encoded(word|c.sizeBit(), name+" v%d.<T>, v%d.<T>, v%d.<T>", nil, dst, x, y)
}
func (c *code) unary(word uint32, name string, x, dst vec) {
	c.encoded(word|c.sizeBit(), name+" v%d.<T>, v%d.<T>", nil, dst, x)
}

func (c *code) FADD(y, x, dst vec) { c.binary(0x4e20d400, "fadd", y, x, dst) }
func (c *code) FSUB(y, x, dst vec) { c.binary(0x4ea0d400, "fsub", y, x, dst) }
func (c *code) FMUL(y, x, dst vec) { c.binary(0x6e20dc00, "fmul", y, x, dst) }
func (c *code) FDIV(y, x, dst vec) { c.binary(0x6e20fc00, "fdiv", y, x, dst) }

// FMAX and FMIN give NaN where either argument is; FMAXNM the number where the other is a quiet NaN.
func (c *code) FMAX(y, x, dst vec)   { c.binary(0x4e20f400, "fmax", y, x, dst) }
func (c *code) FMIN(y, x, dst vec)   { c.binary(0x4ea0f400, "fmin", y, x, dst) }
func (c *code) FMAXNM(y, x, dst vec) { c.binary(0x4e20c400, "fmaxnm", y, x, dst) }

// FADDP and FMAXNMP combine neighbours: those of x, then those of y.
func (c *code) FADDP(y, x, dst vec)   { c.binary(0x6e20d400, "faddp", y, x, dst) }
func (c *code) FMAXNMP(y, x, dst vec) { c.binary(0x6e20c400, "fmaxnmp", y, x, dst) }

// FCMGT sets the lanes where x > y, FCMEQ those where x = y.
func (c *code) FCMGT(y, x, dst vec) { c.binary(0x6ea0e400, "fcmgt", y, x, dst) }
func (c *code) FCMEQ(y, x, dst vec) { c.binary(0x4e20e400, "fcmeq", y, x, dst) }

// FCMEQZero sets the lanes where x = 0, FCMGTZero those where x > 0, FCMGEZero those where x >= 0.
func (c *code) FCMEQZero(x, dst vec) { c.compareZero(0x4ea0d800, "fcmeq", x, dst) }
func (c *code) FCMGTZero(x, dst vec) { c.compareZero(0x4ea0c800, "fcmgt", x, dst) }
func (c *code) FCMGEZero(x, dst vec) { c.compareZero(0x6ea0c800, "fcmge", x, dst) }
func (c *code) compareZero(word uint32, name string, x, dst vec) {
	c.encoded(word|c.sizeBit(), name+" v%d.<T>, v%d.<T>, #0", nil, dst, x)
}

func (c *code) FRINTN(x, dst vec) { c.unary(0x4e218800, "frintn", x, dst) }
func (c *code) FCVTNS(x, dst vec) { c.unary(0x4e21a800, "fcvtns", x, dst) }
func (c *code) SCVTF(x, dst vec)  { c.unary(0x4e21d800, "scvtf", x, dst) }
func (c *code) FABS(x, dst vec)   { c.unary(0x4ea0f800, "fabs", x, dst) }
func (c *code) FNEG(x, dst vec)   { c.unary(0x6ea0f800, "fneg", x, dst) }
func (c *code) FSQRT(x, dst vec)  { c.unary(0x6ea1f800, "fsqrt", x, dst) }

// SSHR shifts integers to the right and copies their sign.
func (c *code) SSHR(bits int, x, dst vec) {
	c.encoded(0x4f000400|uint32(16*c.size-bits)<<16, fmt.Sprintf("sshr v%%d.<T>, v%%d.<T>, #%d", bits), nil, dst, x)
}

// FMLALane is dst += x times lane of y. The low bit of a lane of float32 is bit 21; its high bit, and the lane of float64, is bit 11.
func (c *code) FMLALane(lane int, y, x, dst vec) {
	word := 0x4f801000 | c.sizeBit()
	if c.double() {
		word |= uint32(lane) << 11
	} else {
		word |= uint32(lane&1)<<21 | uint32(lane>>1)<<11
	}
	c.encoded(word, fmt.Sprintf("fmla v%%d.<T>, v%%d.<T>, v%%d.<Ts>[%d]", lane), []vec{dst}, dst, x, y)
}

// Instructions on general-purpose registers.

func (c *code) MOVD(x, dst gp) { c.named("MOVD %v, %v", []reg{x}, []reg{dst}, x, dst) }
func (c *code) ADD(y, x, dst gp) {
	c.named("ADD %v, %v, %v", []reg{x, y}, []reg{dst}, y, x, dst)
}

// ADDW is of 32 bits.
func (c *code) ADDW(y, x, dst gp) {
	c.named("ADDW %v, %v, %v", []reg{x, y}, []reg{dst}, y, x, dst)
}

// ADDShifted is dst = x + (y << bits).
func (c *code) ADDShifted(y gp, bits int, x, dst gp) {
	c.named("ADD %v<<%d, %v, %v", []reg{x, y}, []reg{dst}, y, bits, x, dst)
}
func (c *code) LSL(bits int, x, dst gp) {
	c.named("LSL $%d, %v, %v", []reg{x}, []reg{dst}, bits, x, dst)
}

// add moves a pointer or counter by a constant.
func (c *code) add(r gp, n int) { c.named("ADD $%d, %v", []reg{r}, []reg{r}, n, r) }

// SUBS counts down; BLO then jumps where there was less, BHS where there was not.
func (c *code) SUBS(n int, r gp)     { c.named("SUBS $%d, %v", []reg{r}, []reg{r}, n, r) }
func (c *code) BLO(to string)        { c.jump("BLO", to, false) }
func (c *code) BHS(to string)        { c.jump("BHS", to, false) }
func (c *code) JMP(to string)        { c.jump("JMP", to, true) }
func (c *code) CBZ(x gp, to string)  { c.jumpOn("CBZ", x, to) }
func (c *code) CBNZ(x gp, to string) { c.jumpOn("CBNZ", x, to) }
func (c *code) CBZW(x gp, to string) { c.jumpOn("CBZW", x, to) }
func (c *code) RET()                 { c.emit(inst{format: "RET", ends: true}) }
func (c *code) TBZ(bit int, x gp, to string) {
	c.emit(inst{format: "TBZ $%d, %v, %s", args: []any{bit, x, to}, in: []reg{x}, target: to})
}

func (c *code) jump(op, to string, always bool) {
	c.emit(inst{format: op + " %s", args: []any{to}, target: to, ends: always})
}
func (c *code) jumpOn(op string, x gp, to string) {
	c.emit(inst{format: op + " %v, %s", args: []any{x, to}, in: []reg{x}, target: to})
}
