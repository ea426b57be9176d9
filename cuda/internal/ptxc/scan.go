package ptxc

import (
	"fmt"
	"regexp"
	"strings"
)

// A token is a word, a number, a string in quotes or a mark.
type token struct {
	text string
	line int
}

// lexeme matches one token: words have the dots of opcodes and the signs of registers and labels in them.
var lexeme = regexp.MustCompile(`^(?:"[^"\n]*"|-?0[fF][0-9a-fA-F]{8}\b|-?0[dD][0-9a-fA-F]{16}\b|-?0[xX][0-9a-fA-F]+\b|-?[0-9]+\b|[A-Za-z_$%.][A-Za-z0-9_$.]*|[{}\[\]()<>,;:@!+|])`)

// A source is what remains of a module's tokens.
type source struct {
	file   string
	tokens []token
	last   int // line
}

// fault is an error at a line.
func (s *source) fault(line int, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s", s.file, line, fmt.Sprintf(format, args...))
}

func scan(file string, image []byte) (*source, error) {
	s := &source{file: file, last: 1}
	text := string(image)
	for i, line := range strings.Split(text, "\n") {
		s.last = i + 1
		line, _, _ = strings.Cut(line, "//")
		for {
			line = strings.TrimLeft(line, " \t\r")
			if line == "" {
				break
			}
			t := lexeme.FindString(line)
			if t == "" {
				return nil, s.fault(i+1, "unknown text %q", line)
			}
			s.tokens = append(s.tokens, token{t, i + 1})
			line = line[len(t):]
		}
	}
	return s, nil
}

// line is that of the next token.
func (s *source) line() int {
	if len(s.tokens) == 0 {
		return s.last
	}
	return s.tokens[0].line
}

// peek returns the next token, empty at the end.
func (s *source) peek() string {
	if len(s.tokens) == 0 {
		return ""
	}
	return s.tokens[0].text
}

func (s *source) next() string {
	t := s.peek()
	if len(s.tokens) > 0 {
		s.tokens = s.tokens[1:]
	}
	return t
}

// accept takes the next token where it is this one.
func (s *source) accept(text string) bool {
	if s.peek() != text {
		return false
	}
	s.next()
	return true
}

// want takes tokens that must be there.
func (s *source) want(texts ...string) error {
	for _, text := range texts {
		if line, got := s.line(), s.next(); got != text {
			return s.fault(line, "want %q, have %q", text, got)
		}
	}
	return nil
}
