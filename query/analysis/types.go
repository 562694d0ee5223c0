package analysis

import (
	"strconv"
	"strings"

	"zonebox/query/ast"
)

// class groups engine types that mix without a conversion that can fail.
type class byte

const (
	unknown class = iota
	null
	boolean
	integer
	float
	decimal
	text
	date
	timestamp
	interval
)

// typ is the type of a value: its class and, where known, the engine's name.
type typ struct {
	class        class
	name         string // "" if not known
	width, scale int    // of decimals; of integers without a name the width of HUGEINT, if one may be
}

func (t typ) numeric() bool { return t.class == integer || t.class == float || t.class == decimal }

// String returns the engine's spelling, "" if it is not known.
func (t typ) String() string {
	if t.name == "DECIMAL" {
		return "DECIMAL(" + strconv.Itoa(t.width) + "," + strconv.Itoa(t.scale) + ")"
	}
	return t.name
}

func (t typ) ast() ast.Type { return ast.Type{ID: t.name, Width: t.width, Scale: t.scale} }

// engineTypes are the types a column, literal or cast may have.
var engineTypes = map[string]class{
	"BOOLEAN": boolean,
	"TINYINT": integer, "SMALLINT": integer, "INTEGER": integer, "BIGINT": integer, "HUGEINT": integer,
	"UTINYINT": integer, "USMALLINT": integer, "UINTEGER": integer, "UBIGINT": integer,
	"INTEGER_LITERAL": integer,
	"DOUBLE":          float, "DECIMAL": decimal,
	"VARCHAR": text, "STRING_LITERAL": text, "DATE": date, "TIMESTAMP": timestamp, "INTERVAL": interval,
}

// catalogueTypes are the catalogue's own spellings.
var catalogueTypes = map[string]string{
	"string": "VARCHAR", "int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMP",
}

// columnType reads the type of a catalogue column; what it does not know has
// class unknown, which only bare uses accept.
func columnType(s string) typ {
	if name, ok := catalogueTypes[s]; ok {
		return named(name)
	}
	up := strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	if body, ok := strings.CutPrefix(up, "DECIMAL("); ok {
		w, sc, _ := strings.Cut(strings.TrimSuffix(body, ")"), ",")
		width, err1 := strconv.Atoi(w)
		scale, err2 := strconv.Atoi(sc)
		if err1 != nil || err2 != nil {
			return typ{}
		}
		return typ{decimal, "DECIMAL", width, scale}
	}
	return named(up)
}

func named(name string) typ {
	if c := engineTypes[name]; c != unknown && c != decimal {
		return typ{class: c, name: name}
	}
	return typ{}
}

func fromAST(t ast.Type) typ {
	switch t.ID {
	case "NULL", "SQLNULL":
		return typ{class: null}
	case "DECIMAL":
		return typ{decimal, "DECIMAL", t.Width, t.Scale}
	}
	return named(t.ID)
}

// overflows reports whether an exact conversion between the two numeric
// types could overflow, so that both must become DOUBLE first. DECIMAL holds 38
// digits and a BIGINT needs 19 of them.
func overflows(a, b typ) bool {
	if a.class != decimal && b.class != decimal || a.class == float || b.class == float {
		return false
	}
	if a.class == b.class && a.scale == b.scale {
		return false
	}
	return whole(a)+max(a.scale, b.scale) > 38 || whole(b)+max(a.scale, b.scale) > 38
}

// huge returns the width of HUGEINT if t may be one, else 0.
func huge(t typ) int {
	if t.class == integer && (t.name == "HUGEINT" || t.name == "" && t.width > 0) {
		return integerDigits["HUGEINT"]
	}
	return 0
}

// wide is huge for what is computed from t: the engine takes HUGEINT for UBIGINT
// beside signed numbers.
func wide(t typ) int {
	if t.name == "UBIGINT" {
		return integerDigits["HUGEINT"]
	}
	return huge(t)
}

// unify finds the type that all of vs can take without a conversion that can
// raise, and converts them to it in place: a text literal beside a date becomes
// TRY_CAST(… AS DATE), a date beside a timestamp likewise. It reports false if
// there is none.
func unify(es []ast.Expr, vs []value) (typ, bool) {
	t := typ{class: null}
	for _, v := range vs { // first the values that are no text literals
		if literal(v) {
			continue
		}
		var ok bool
		if t, ok = wider(t, v.typ); !ok {
			return typ{}, false
		}
	}
	if t.class == null {
		for _, v := range vs {
			if v.typ.class == text {
				return typ{class: text, name: "VARCHAR"}, true
			}
		}
		return t, true
	}
	if t.class == unknown {
		return t, false
	}
	for i, v := range vs {
		switch {
		case v.typ.class == null || v.typ.class == t.class && (t.class != decimal || v.typ == t):
		case literal(v):
			if t.class == text {
				continue
			}
			if t.name == "" {
				return typ{}, false
			}
			es[i] = tryCast(es[i], t)
		case t.class == timestamp, t.class == float && v.typ.class != float:
			es[i] = tryCast(es[i], t)
		}
	}
	return t, true
}

// settle is unify for what yields one of es: it writes the conversions of
// decimals out as well, so that the digits of the result are certain.
func settle(es []ast.Expr, vs []value) (typ, bool) {
	t, ok := unify(es, vs)
	if ok && t.class == decimal {
		for i, v := range vs {
			if v.typ.class != null && v.typ != t && !literal(v) {
				es[i] = tryCast(es[i], t)
			}
		}
	}
	return t, ok
}

func literal(v value) bool { return v.constant && v.literal && v.typ.class == text }

func wider(a, b typ) (typ, bool) {
	switch {
	case a.class == null:
		return b, true
	case b.class == null:
		return a, true
	case a.numeric() && b.numeric():
		switch {
		case a.class == float || b.class == float || overflows(a, b):
			return typ{class: float, name: "DOUBLE"}, true
		case a.class == decimal && b.class == decimal:
			s := max(a.scale, b.scale)
			return typ{decimal, "DECIMAL", min(38, max(whole(a), whole(b))+s), s}, true
		case a.class == decimal || b.class == decimal:
			s := max(a.scale, b.scale)
			return typ{decimal, "DECIMAL", min(38, max(whole(a), whole(b))+s), s}, true
		case a.name == b.name:
			return a, true
		}
		return typ{class: integer, width: max(wide(a), wide(b))}, true
	case a.class == b.class:
		return a, true
	case a.class == date && b.class == timestamp, a.class == timestamp && b.class == date:
		return typ{class: timestamp, name: "TIMESTAMP"}, true
	}
	return typ{}, false
}

func tryCast(e ast.Expr, t typ) ast.Expr {
	return &ast.Cast{Meta: none(), Expr: e, Type: t.ast(), Try: true}
}

// none is the Meta of every node of the rewrite: no place, no alias, so that
// equal expressions are deeply equal.
func none() ast.Meta { return ast.Meta{Location: ast.NoLocation} }
