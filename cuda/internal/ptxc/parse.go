package ptxc

import (
	"strconv"
	"strings"
)

// A module is what a file of PTX holds.
type module struct {
	*source
	shared  []variable // in the order of the file
	entries []entry
}

// A variable is one in shared memory; that of the launch's size has none.
type variable struct {
	name        string
	align, size int
	dynamic     bool
}

// An entry is a kernel before its translation.
type entry struct {
	name       string
	line       int
	parameters []parameter
	threads    int
	body       []statement
	lines      int
}

type parameter struct {
	name string
	typ  typ
}

// A statement is an instruction, a label, a declaration of registers, or a brace.
type statement struct {
	line     int
	label    string
	brace    string
	register string // the name of one, or what names begin with
	count    int    // of registers; 0 is one
	typ      typ
	guard    string // a predicate
	negated  bool
	op       []string // the parts of the opcode
	operands []operand
}

// An operand is a word or number, a vector of them in braces, or an address in brackets.
type operand struct {
	text    string
	vector  []operand
	address bool
	offset  int64
}

func parse(file string, image []byte) (*module, error) {
	s, err := scan(file, image)
	if err != nil {
		return nil, err
	}
	m := &module{source: s}
	for len(s.tokens) > 0 {
		if err := m.directive(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// directive reads one at the level of the module.
func (m *module) directive() error {
	line := m.line()
	switch d := m.next(); d {
	case ".version":
		m.next()
		m.next()
	case ".target":
		m.next()
	case ".address_size":
		if bits := m.next(); bits != "64" {
			return m.fault(line, "addresses of %s bits; known are 64", bits)
		}
	case ".extern", ".shared":
		if d == ".extern" {
			if err := m.want(".shared"); err != nil {
				return err
			}
		}
		return m.sharedVariable(d == ".extern")
	case ".visible":
		if err := m.want(".entry"); err != nil {
			return err
		}
		return m.entry()
	default:
		return m.fault(line, "unknown directive %q", d)
	}
	return nil
}

// number takes a decimal number.
func (m *module) number() (int, error) {
	line, text := m.line(), m.next()
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, m.fault(line, "want a number, have %q", text)
	}
	return n, nil
}

// typed takes a type, as in .u32.
func (m *module) typed() (typ, error) {
	line, text := m.line(), m.next()
	t, ok := types[strings.TrimPrefix(text, ".")]
	if !ok {
		return typ{}, m.fault(line, "unknown type %q", text)
	}
	return t, nil
}

func (m *module) sharedVariable(dynamic bool) error {
	v := variable{align: 1, dynamic: dynamic}
	line := m.line()
	var err error
	if m.accept(".align") {
		if v.align, err = m.number(); err != nil {
			return err
		}
	}
	t, err := m.typed()
	if err != nil {
		return err
	}
	v.name, v.size = m.next(), t.bytes()
	if m.accept("[") {
		count := 0
		if !dynamic {
			if count, err = m.number(); err != nil {
				return err
			}
		}
		v.size *= count
		if err := m.want("]"); err != nil {
			return err
		}
	}
	if (v.size == 0) != dynamic {
		return m.fault(line, "%s has %d bytes", v.name, v.size)
	}
	m.shared = append(m.shared, v)
	return m.want(";")
}

func (m *module) entry() error {
	e := entry{line: m.line(), name: m.next(), threads: 1024}
	if err := m.parameters(&e); err != nil {
		return err
	}
	for m.peek() != "{" {
		line := m.line()
		switch d := m.next(); d {
		case ".maxntid":
			e.threads = 1
			for {
				n, err := m.number()
				if err != nil {
					return err
				}
				e.threads *= n
				if !m.accept(",") {
					break
				}
			}
		case ".minnctapersm":
			if _, err := m.number(); err != nil {
				return err
			}
		default:
			return m.fault(line, "unknown directive %q of an entry", d)
		}
	}
	m.next()
	for depth := 1; depth > 0; {
		if m.accept(".shared") { // known by its name everywhere
			if err := m.sharedVariable(false); err != nil {
				return err
			}
			continue
		}
		s, err := m.statement()
		if err != nil {
			return err
		}
		switch s.brace {
		case "{":
			depth++
		case "}":
			depth--
		}
		if depth > 0 {
			e.body = append(e.body, s)
		}
		e.lines = s.line - e.line
	}
	m.entries = append(m.entries, e)
	return nil
}

func (m *module) parameters(e *entry) error {
	if !m.accept("(") {
		return nil
	}
	for !m.accept(")") {
		if err := m.want(".param"); err != nil {
			return err
		}
		t, err := m.typed()
		if err != nil {
			return err
		}
		e.parameters = append(e.parameters, parameter{m.next(), t})
		m.accept(",")
	}
	return nil
}

// statement reads one of a kernel's body.
func (m *module) statement() (s statement, err error) {
	s.line = m.line()
	switch text := m.peek(); {
	case text == "":
		return s, m.fault(s.line, "the kernel does not end")
	case text == "{" || text == "}":
		s.brace = m.next()
		return s, nil
	case text == ".reg":
		return m.registers()
	case text == ".pragma":
		m.next()
		if what := m.next(); what != `"nounroll"` {
			return s, m.fault(s.line, "unknown pragma %s", what)
		}
		return s, m.want(";")
	case text[0] == '.':
		return s, m.fault(s.line, "unknown directive %q", text)
	case len(m.tokens) > 1 && m.tokens[1].text == ":":
		s.label = m.next()
		m.next()
		return s, nil
	}
	if m.accept("@") {
		s.negated = m.accept("!")
		s.guard = m.next()
	}
	s.op = strings.Split(m.next(), ".")
	for !m.accept(";") {
		o, err := m.operand()
		if err != nil {
			return s, err
		}
		s.operands = append(s.operands, o)
		if !m.accept(",") && m.peek() != ";" {
			return s, m.fault(m.line(), "want a comma or a semicolon, have %q", m.peek())
		}
	}
	return s, nil
}

func (m *module) registers() (s statement, err error) {
	s.line = m.line()
	m.next()
	if s.typ, err = m.typed(); err != nil {
		return s, err
	}
	s.register = m.next()
	if m.accept("<") {
		if s.count, err = m.number(); err != nil {
			return s, err
		}
		if err := m.want(">"); err != nil {
			return s, err
		}
	}
	return s, m.want(";")
}

func (m *module) operand() (o operand, err error) {
	switch {
	case m.accept("{"):
		for !m.accept("}") {
			part, err := m.operand()
			if err != nil {
				return o, err
			}
			o.vector = append(o.vector, part)
			m.accept(",")
		}
		return o, nil
	case m.accept("["):
		o.address = true
		o.text = m.next()
		if m.accept("+") || strings.HasPrefix(m.peek(), "-") {
			line, text := m.line(), m.next()
			if o.offset, err = strconv.ParseInt(text, 0, 64); err != nil {
				return o, m.fault(line, "want an offset, have %q", text)
			}
		}
		return o, m.want("]")
	}
	line := m.line()
	if o.text = m.next(); len(o.text) == 1 && strings.Contains("{}[]()<>,;:@!+|", o.text) || o.text == "" {
		return o, m.fault(line, "want an operand, have %q", o.text)
	}
	return o, nil
}
