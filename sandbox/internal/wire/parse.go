package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// A Type is an engine type taken apart.
type Type struct {
	// ID is the engine's name of a scalar type, or DECIMAL, LIST, ARRAY, STRUCT
	// or MAP.
	ID               string
	Precision, Scale int32  // of DECIMAL
	Size             int    // of ARRAY, at least 1
	Elem             []Type // of LIST and ARRAY one, of MAP key and value, of STRUCT its fields
	Names            []string
}

const (
	maxDepth  = 8
	maxFields = 1000
	maxArray  = 100_000 // the engine's own bound
)

// scalars are the engine's types without parameters that a table may have.
var scalars = []string{
	"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT",
	"FLOAT", "DOUBLE", "VARCHAR", "BLOB", "UUID", "DATE", "TIME", "INTERVAL", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS",
	"TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE",
}

// ParseType takes apart the name of a type: a scalar, DECIMAL(p,s), T[], T[n],
// STRUCT("a" T, …) or MAP(K, V), up to eight deep. Every type has one spelling;
// any other is an error.
func ParseType(name string) (Type, error) {
	p := parser{rest: name}
	t, ok := p.parse(0)
	if !ok || p.rest != "" || t.String() != name {
		return Type{}, fmt.Errorf("wire: type %q does not cross the border", name)
	}
	return t, nil
}

// String returns the type's name, which is also how the engine's SQL spells it.
func (t Type) String() string {
	switch t.ID {
	case "DECIMAL":
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale)
	case "LIST":
		return t.Elem[0].String() + "[]"
	case "ARRAY":
		return fmt.Sprintf("%s[%d]", t.Elem[0], t.Size)
	case "MAP":
		return fmt.Sprintf("MAP(%s, %s)", t.Elem[0], t.Elem[1])
	case "STRUCT":
		fields := make([]string, len(t.Elem))
		for i, e := range t.Elem {
			fields[i] = `"` + strings.ReplaceAll(t.Names[i], `"`, `""`) + `" ` + e.String()
		}
		return "STRUCT(" + strings.Join(fields, ", ") + ")"
	}
	return t.ID
}

// A parser reads a type from the front of rest.
type parser struct{ rest string }

func (p *parser) take(prefix string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	p.rest = rest
	return ok
}

func (p *parser) number() (int, bool) {
	i := 0
	for i < len(p.rest) && p.rest[i] >= '0' && p.rest[i] <= '9' {
		i++
	}
	n, err := strconv.Atoi(p.rest[:i])
	p.rest = p.rest[i:]
	return n, err == nil
}

// name reads a quoted identifier.
func (p *parser) name() (string, bool) {
	if !p.take(`"`) {
		return "", false
	}
	var b strings.Builder
	for {
		i := strings.IndexByte(p.rest, '"')
		if i < 0 {
			return "", false
		}
		b.WriteString(p.rest[:i])
		p.rest = p.rest[i+1:]
		if !p.take(`"`) {
			return b.String(), b.Len() > 0
		}
		b.WriteByte('"')
	}
}

func (p *parser) parse(depth int) (Type, bool) {
	if depth > maxDepth {
		return Type{}, false
	}
	t, ok := p.base(depth)
	for ok && p.take("[") {
		if depth++; depth > maxDepth {
			return Type{}, false
		}
		if p.take("]") {
			t = Type{ID: "LIST", Elem: []Type{t}}
			continue
		}
		n, isNumber := p.number()
		ok = isNumber && p.take("]") && n >= 1 && n <= maxArray
		t = Type{ID: "ARRAY", Size: n, Elem: []Type{t}}
	}
	return t, ok
}

func (p *parser) base(depth int) (Type, bool) {
	switch {
	case p.take("DECIMAL("):
		w, ok1 := p.number()
		comma := p.take(",")
		s, ok2 := p.number()
		ok := ok1 && comma && ok2 && p.take(")") && w >= 1 && w <= 38 && s <= w
		return Type{ID: "DECIMAL", Precision: int32(w), Scale: int32(s)}, ok
	case p.take("MAP("):
		k, ok1 := p.parse(depth + 1)
		comma := p.take(", ")
		v, ok2 := p.parse(depth + 1)
		return Type{ID: "MAP", Elem: []Type{k, v}}, ok1 && comma && ok2 && p.take(")")
	case p.take("STRUCT("):
		t := Type{ID: "STRUCT"}
		for {
			name, ok1 := p.name()
			space := p.take(" ")
			e, ok2 := p.parse(depth + 1)
			if !ok1 || !space || !ok2 || len(t.Elem) == maxFields {
				return t, false
			}
			t.Names, t.Elem = append(t.Names, name), append(t.Elem, e)
			if p.take(")") {
				return t, true
			}
			if !p.take(", ") {
				return t, false
			}
		}
	}
	end := strings.IndexAny(p.rest, "[,)")
	if end < 0 {
		end = len(p.rest)
	}
	for _, id := range scalars {
		if p.rest[:end] == id {
			p.rest = p.rest[end:]
			return Type{ID: id}, true
		}
	}
	return Type{}, false
}
