package worker

import (
	"zonebox/sandbox/internal/wire"
)

// An intake takes the values of a file, a slot for each of its columns in the
// file's order.
type intake []slot

// A slot takes the values of one column of a file. text and bare return "" or the
// code of what is wrong with a value.
type slot struct {
	column int         // in the delivery, which is what a fault names
	typ    string      // what the column must be; "" where that is to be found
	text   valueParser // a value written as text
	bare   valueParser // a number or a word that no quotes enclose, where the format has both
	null   func()
}

// expected returns the column of the delivery that the file's column at is, -1 if
// it is none.
func (in intake) expected(at int) int {
	if at < 0 || at >= len(in) {
		return -1
	}
	return in[at].column
}

// open begins the rows of a file whose columns have these names. Missing, unknown
// and repeated names are faults.
func (e *emitter) open(names []string) (intake, error) {
	if e.inspection != nil {
		return e.inspection.open(names)
	}
	position, err := match(names, e.columns)
	if err != nil {
		return nil, err
	}
	slots := make(intake, len(names))
	for i, at := range position {
		parse := parserFor(e.columns[i].Type, e.builder.Field(i))
		if parse == nil {
			return nil, &fault{code: "column_type", offset: -1, column: i}
		}
		slots[at] = slot{column: i, typ: e.columns[i].Type, text: parse, bare: parse, null: e.builder.Field(i).AppendNull}
	}
	return slots, nil
}

// names returns the names that a delivery must have.
func (e *emitter) names() []string {
	names := make([]string, len(e.columns))
	for i, c := range e.columns {
		names[i] = c.Name
	}
	return names
}

// match returns, for each expected column, its position in names. Missing,
// unknown and repeated names are faults.
func match(names []string, columns []wire.Column) ([]int, error) {
	position := make([]int, len(columns))
	index := make(map[string]int, len(columns))
	for i, c := range columns {
		position[i] = -1
		index[c.Name] = i
	}
	for at, name := range names {
		i, ok := index[name]
		if !ok {
			return nil, &fault{code: "header_unknown", offset: -1, column: -1, field: at + 1}
		}
		if position[i] >= 0 {
			return nil, &fault{code: "header_duplicate", offset: -1, column: i}
		}
		position[i] = at
	}
	for i, at := range position {
		if at < 0 {
			return nil, &fault{code: "header_missing", offset: -1, column: i}
		}
	}
	return position, nil
}

// nameFault returns the code of what no name of a column may hold, or "".
func nameFault(name []byte) string {
	if code := textFault(name); code != "" {
		return code
	}
	for _, c := range name {
		if c == '\r' {
			return "line_ends"
		}
	}
	return ""
}
