// Package loop counts the vector operations of the loops in Go assembly, which bound the speed of a kernel whatever its schedule.
package loop

import (
	"errors"
	"regexp"
	"strings"
)

// A Loop holds what one iteration of a loop asks of a processor, in vectors. An operation with an operand in memory counts as itself and as a load; a move between
// registers, which is done by renaming, as nothing.
type Loop struct {
	Lanes    int // float32 elements of a vector
	Entries  int // vectors of the matrix that the loop works on
	Multiply int // multiplications, with an addition or without
	Scale    int // VSCALEF
	Reduce   int // VREDUCE
	Add      int // additions, subtractions, minima and maxima of floating-point numbers
	Other    int // shifts, permutations, integers ...
	Loads    int
	Stores   int
}

// Operations returns the number of vector operations that are neither loads nor stores.
func (l Loop) Operations() int { return l.Multiply + l.Scale + l.Reduce + l.Add + l.Other }

var text = regexp.MustCompile(`(?m)^TEXT ·(\w+)\(SB\).*\n`)

// Functions returns the bodies of the functions of a file by name.
func Functions(src string) map[string]string {
	bodies := map[string]string{}
	at := text.FindAllStringSubmatchIndex(src, -1)
	for i, m := range at {
		end := len(src)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		bodies[src[m[2]:m[3]]] = src[m[1]:end]
	}
	return bodies
}

// Main returns the first innermost loop of a function that works on vectors in memory. The kernels are emitted with the widest loop first: that is
// the one in which a long argument spends its time.
func Main(body string) (Loop, error) {
	label, lines := "", []string(nil)
	for line := range strings.Lines(body) {
		line, _, _ = strings.Cut(line, "//")
		line = strings.TrimSpace(line)
		if name, ok := strings.CutSuffix(line, ":"); ok {
			label, lines = name, nil
			continue
		}
		if op, target, ok := strings.Cut(line, " "); ok && strings.HasPrefix(op, "J") && strings.TrimSpace(target) == label {
			if l := count(lines); l.Loads+l.Stores > 0 && l.Operations() > 0 {
				return l, nil
			}
		}
		lines = append(lines, line)
	}
	return Loop{}, errors.New("loop: no loop over vectors in memory")
}

// count counts the instructions of a loop.
func count(lines []string) Loop {
	var l Loop
	addresses := map[string]map[string]bool{} // by base register
	for _, line := range lines {
		op, rest, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(op, "V") {
			continue
		}
		operands := strings.Split(rest, ",")
		switch {
		case vectors(rest, "Z"):
			l.Lanes = 16
		case vectors(rest, "Y"):
			l.Lanes = max(l.Lanes, 8)
		default:
			continue // scalars and halves of vectors
		}
		load, store := false, false
		for i, o := range operands {
			m := memory.FindStringSubmatch(o)
			if m == nil {
				continue
			}
			load, store = load || i < len(operands)-1, i == len(operands)-1
			if m[1] == "SB" {
				continue // a constant
			}
			if addresses[m[1]] == nil {
				addresses[m[1]] = map[string]bool{}
			}
			addresses[m[1]][strings.TrimSpace(o)] = true
		}
		if load {
			l.Loads++
		}
		if store {
			l.Stores++
		}
		switch moves := strings.HasPrefix(op, "VMOV") || strings.HasPrefix(op, "VBROADCAST") && load; {
		case moves:
		case strings.HasPrefix(op, "VFM"), strings.HasPrefix(op, "VFNM"), strings.HasPrefix(op, "VMUL"):
			l.Multiply++
		case strings.HasPrefix(op, "VSCALEF"):
			l.Scale++
		case strings.HasPrefix(op, "VREDUCE"):
			l.Reduce++
		case addition.MatchString(op):
			l.Add++
		default:
			l.Other++
		}
	}
	for _, a := range addresses { // the matrix is what is touched in the most places
		l.Entries = max(l.Entries, len(a))
	}
	return l
}

var memory = regexp.MustCompile(`\((\w+)\)`)

var addition = regexp.MustCompile(`^V(ADD|SUB|MAX|MIN)P[SD]`)

var register = regexp.MustCompile(`\b([XYZ])\d+\b`)

// vectors tells whether an operand is a register of a class.
func vectors(operands, class string) bool {
	for _, m := range register.FindAllStringSubmatch(operands, -1) {
		if m[1] == class {
			return true
		}
	}
	return false
}
