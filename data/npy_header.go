package data

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An npyHeader is the dictionary at the head of a .npy file.
type npyHeader struct {
	descr   string
	fortran bool
	shape   []uint64
}

// parseNPYHeader parses the Python literal
//
//	{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
//
// with its three keys in any order and nothing else. On an error it also returns the offset of the fault.
func parseNPYHeader(text string) (*npyHeader, int, error) {
	p := &literal{text: text}
	h, err := p.dict()
	if err == nil && p.peek() != 0 {
		err = p.unexpected("the end of the header")
	}
	return h, p.at, err
}

// A literal is a text being parsed, at the byte at.
type literal struct {
	text string
	at   int
}

// peek skips white space and returns the next byte, 0 at the end.
func (p *literal) peek() byte {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

// accept skips token where it comes next.
func (p *literal) accept(token string) bool {
	p.peek()
	if !strings.HasPrefix(p.text[p.at:], token) {
		return false
	}
	p.at += len(token)
	return true
}

func (p *literal) expect(token string) error {
	if !p.accept(token) {
		return p.unexpected(token)
	}
	return nil
}

func (p *literal) unexpected(wanted string) error {
	if p.peek() == 0 {
		return fmt.Errorf("%s expected, the header ends", wanted)
	}
	rest := p.text[p.at:]
	return fmt.Errorf("%s expected, found %q", wanted, rest[:min(len(rest), 20)])
}

func (p *literal) dict() (*npyHeader, error) {
	if err := p.expect("{"); err != nil {
		return nil, err
	}
	h := new(npyHeader)
	seen := map[string]bool{}
	for !p.accept("}") {
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, fmt.Errorf("key %q comes twice", key)
		}
		seen[key] = true
		if err := p.expect(":"); err != nil {
			return nil, err
		}
		if err := p.value(h, key); err != nil {
			return nil, err
		}
		if !p.accept(",") && p.peek() != '}' {
			return nil, p.unexpected(", or }")
		}
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return nil, fmt.Errorf("key %q is missing", key)
		}
	}
	return h, nil
}

func (p *literal) value(h *npyHeader, key string) (err error) {
	switch key {
	case "descr":
		if p.peek() == '[' {
			return errors.New("a structured array; save its columns as one array of numbers")
		}
		h.descr, err = p.str()
	case "fortran_order":
		h.fortran = p.accept("True")
		if !h.fortran {
			err = p.expect("False")
		}
	case "shape":
		h.shape, err = p.tuple()
	default:
		err = fmt.Errorf("unknown key %q", key)
	}
	return err
}

// str parses a string without escapes.
func (p *literal) str() (string, error) {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", p.unexpected("a string")
	}
	s, _, closed := strings.Cut(p.text[p.at+1:], string(quote))
	if !closed || strings.ContainsAny(s, "\\\n") {
		return "", p.unexpected("a string")
	}
	p.at += len(s) + 2
	return s, nil
}

// tuple parses a tuple of sizes; Python 2 wrote an L after them.
func (p *literal) tuple() ([]uint64, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var t []uint64
	comma := true
	for !p.accept(")") {
		if !comma {
			return nil, p.unexpected(", or )")
		}
		p.peek()
		end := p.at
		for end < len(p.text) && p.text[end] >= '0' && p.text[end] <= '9' {
			end++
		}
		v, err := strconv.ParseUint(p.text[p.at:end], 10, 63)
		if err != nil {
			return nil, p.unexpected("a size below 2^63")
		}
		p.at = end
		p.accept("L")
		comma = p.accept(",")
		t = append(t, v)
	}
	if len(t) == 1 && !comma {
		return nil, errors.New("the shape is a number, not a tuple")
	}
	return t, nil
}
