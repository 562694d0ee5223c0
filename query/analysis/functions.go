package analysis

import "sort"

// Function is one entry of the reviewed list. A function that is not on it does
// not exist for a statement: nothing volatile, nothing that reads catalogues,
// files, settings or statistics, nothing whose result can be far longer than its
// arguments (lpad, repeat), and no aggregate that hands back whole values
// (any_value, list, mode, quantile, …) but min and max.
type Function struct {
	Name string

	// Args gives the class of each argument: s text, n number, i integer,
	// b boolean, d date, t date or timestamp, v interval, a any, c a constant from Words.
	// A trailing * repeats the letter before it, zero or more times.
	Args []string // alternatives

	// Result is the engine type, "=" for the type of the first argument that is
	// no constant word, "" if it is left to the engine.
	Result string

	Words     []string // constants a c argument may be
	Narrow    bool     // its i arguments are INTEGER
	Raises    bool     // can raise on some arguments: becomes NULL on error beside protected tables
	Aggregate bool
	Reveals   bool // an aggregate that hands back a value of its argument
	Plain     bool // an aggregate for unprotected tables only: it can raise
}

var dateParts = []string{"year", "quarter", "month", "week", "day", "hour", "minute", "second", "dow", "isodow", "doy", "isoyear", "dayofweek", "dayofyear"}

// functions is the list, reviewed against DuckDB 1.5.5. Symbol operators are on
// it under their symbols.
var functions = []Function{
	{Name: "+", Args: []string{"nn", "n", "di", "id", "tv", "vt", "vv"}, Raises: true},
	{Name: "-", Args: []string{"nn", "n", "di", "tv", "tt", "vv"}, Raises: true},
	{Name: "*", Args: []string{"nn"}, Raises: true},
	{Name: "/", Args: []string{"nn"}, Result: "DOUBLE"},
	{Name: "//", Args: []string{"nn"}, Raises: true},
	{Name: "%", Args: []string{"nn"}, Raises: true},
	{Name: "mod", Args: []string{"nn"}, Raises: true},
	{Name: "||", Args: []string{"ss"}, Result: "VARCHAR"},
	{Name: "~~", Args: []string{"ss"}, Result: "BOOLEAN"},
	{Name: "!~~", Args: []string{"ss"}, Result: "BOOLEAN"},
	{Name: "~~*", Args: []string{"ss"}, Result: "BOOLEAN"},
	{Name: "!~~*", Args: []string{"ss"}, Result: "BOOLEAN"},

	{Name: "abs", Args: []string{"n"}, Raises: true},
	{Name: "ceil", Args: []string{"n"}},
	{Name: "ceiling", Args: []string{"n"}},
	{Name: "floor", Args: []string{"n"}},
	{Name: "trunc", Args: []string{"n"}},
	{Name: "round", Args: []string{"n", "ni"}, Narrow: true, Raises: true},
	{Name: "sign", Args: []string{"n"}, Result: "TINYINT"},
	{Name: "sqrt", Args: []string{"n"}, Result: "DOUBLE", Raises: true},
	{Name: "exp", Args: []string{"n"}, Result: "DOUBLE", Raises: true},
	{Name: "ln", Args: []string{"n"}, Result: "DOUBLE", Raises: true},
	{Name: "log", Args: []string{"n"}, Result: "DOUBLE", Raises: true},
	{Name: "log10", Args: []string{"n"}, Result: "DOUBLE", Raises: true},
	{Name: "log2", Args: []string{"n"}, Result: "DOUBLE", Raises: true},
	{Name: "pow", Args: []string{"nn"}, Result: "DOUBLE", Raises: true},
	{Name: "power", Args: []string{"nn"}, Result: "DOUBLE", Raises: true},

	{Name: "lower", Args: []string{"s"}, Result: "VARCHAR"},
	{Name: "upper", Args: []string{"s"}, Result: "VARCHAR"},
	{Name: "trim", Args: []string{"s", "ss"}, Result: "VARCHAR"},
	{Name: "ltrim", Args: []string{"s", "ss"}, Result: "VARCHAR"},
	{Name: "rtrim", Args: []string{"s", "ss"}, Result: "VARCHAR"},
	{Name: "length", Args: []string{"s"}, Result: "BIGINT"},
	{Name: "left", Args: []string{"si"}, Result: "VARCHAR", Raises: true},
	{Name: "right", Args: []string{"si"}, Result: "VARCHAR", Raises: true},
	{Name: "substr", Args: []string{"si", "sii"}, Result: "VARCHAR", Raises: true},
	{Name: "substring", Args: []string{"si", "sii"}, Result: "VARCHAR", Raises: true},
	{Name: "replace", Args: []string{"sss"}, Result: "VARCHAR", Raises: true},
	{Name: "reverse", Args: []string{"s"}, Result: "VARCHAR"},
	{Name: "concat", Args: []string{"ss*"}, Result: "VARCHAR"},
	{Name: "contains", Args: []string{"ss"}, Result: "BOOLEAN"},
	{Name: "starts_with", Args: []string{"ss"}, Result: "BOOLEAN"},
	{Name: "prefix", Args: []string{"ss"}, Result: "BOOLEAN"},
	{Name: "ends_with", Args: []string{"ss"}, Result: "BOOLEAN"},
	{Name: "suffix", Args: []string{"ss"}, Result: "BOOLEAN"},
	{Name: "instr", Args: []string{"ss"}, Result: "BIGINT"},
	{Name: "strpos", Args: []string{"ss"}, Result: "BIGINT"},
	{Name: "position", Args: []string{"ss"}, Result: "BIGINT"},

	{Name: "year", Args: []string{"t"}, Result: "BIGINT", Raises: true},
	{Name: "quarter", Args: []string{"t"}, Result: "BIGINT", Raises: true},
	{Name: "month", Args: []string{"t"}, Result: "BIGINT", Raises: true},
	{Name: "week", Args: []string{"t"}, Result: "BIGINT", Raises: true},
	{Name: "day", Args: []string{"t"}, Result: "BIGINT", Raises: true},
	{Name: "hour", Args: []string{"t"}, Result: "BIGINT", Raises: true},
	{Name: "dayofweek", Args: []string{"t"}, Result: "BIGINT", Raises: true},
	{Name: "dayofyear", Args: []string{"t"}, Result: "BIGINT", Raises: true},
	{Name: "date_part", Args: []string{"ct"}, Words: dateParts, Raises: true, Result: "BIGINT"},
	{Name: "date_trunc", Args: []string{"ct"}, Words: []string{"year", "quarter", "month", "week", "day", "hour", "minute", "second"}, Result: "TIMESTAMP", Raises: true},
	{Name: "date_diff", Args: []string{"ctt"}, Words: []string{"year", "quarter", "month", "week", "day", "hour", "minute", "second"}, Result: "BIGINT", Raises: true},
	{Name: "datediff", Args: []string{"ctt"}, Words: []string{"year", "quarter", "month", "week", "day", "hour", "minute", "second"}, Result: "BIGINT", Raises: true},
	{Name: "to_years", Args: []string{"i"}, Result: "INTERVAL", Narrow: true, Raises: true},
	{Name: "to_months", Args: []string{"i"}, Result: "INTERVAL", Narrow: true, Raises: true},
	{Name: "to_weeks", Args: []string{"i"}, Result: "INTERVAL", Narrow: true, Raises: true},
	{Name: "to_days", Args: []string{"i"}, Result: "INTERVAL", Narrow: true, Raises: true},
	{Name: "to_hours", Args: []string{"i"}, Result: "INTERVAL", Narrow: true, Raises: true},
	{Name: "to_minutes", Args: []string{"i"}, Result: "INTERVAL", Narrow: true, Raises: true},

	{Name: "nullif", Args: []string{"aa"}},
	{Name: "greatest", Args: []string{"nn*", "ss*"}, Raises: true},
	{Name: "least", Args: []string{"nn*", "ss*"}, Raises: true},

	{Name: "count_star", Args: []string{""}, Result: "BIGINT", Aggregate: true},
	{Name: "count", Args: []string{"a"}, Result: "BIGINT", Aggregate: true},
	{Name: "sum", Args: []string{"n"}, Aggregate: true},
	{Name: "avg", Args: []string{"n"}, Result: "DOUBLE", Aggregate: true},
	{Name: "mean", Args: []string{"n"}, Result: "DOUBLE", Aggregate: true},
	{Name: "min", Args: []string{"a"}, Result: "=", Aggregate: true, Reveals: true},
	{Name: "max", Args: []string{"a"}, Result: "=", Aggregate: true, Reveals: true},
	{Name: "stddev", Args: []string{"n"}, Result: "DOUBLE", Aggregate: true, Plain: true},
	{Name: "stddev_samp", Args: []string{"n"}, Result: "DOUBLE", Aggregate: true, Plain: true},
	{Name: "stddev_pop", Args: []string{"n"}, Result: "DOUBLE", Aggregate: true, Plain: true},
	{Name: "variance", Args: []string{"n"}, Result: "DOUBLE", Aggregate: true, Plain: true},
	{Name: "var_samp", Args: []string{"n"}, Result: "DOUBLE", Aggregate: true, Plain: true},
	{Name: "var_pop", Args: []string{"n"}, Result: "DOUBLE", Aggregate: true, Plain: true},
}

// Functions returns the reviewed list, sorted by name.
func Functions() []Function {
	list := append([]Function(nil), functions...)
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

var functionIndex = func() map[string]*Function {
	m := make(map[string]*Function, len(functions))
	for i := range functions {
		m[functions[i].Name] = &functions[i]
	}
	return m
}()

// aggregate reports whether name is an aggregate on the list.
func aggregate(name string) bool { f := functionIndex[name]; return f != nil && f.Aggregate }

// accepts reports whether one of f's shapes takes arguments of these classes.
func (f *Function) accepts(args []value) bool {
	for _, shape := range f.Args {
		if fits(shape, args) {
			return true
		}
	}
	return false
}

func fits(shape string, args []value) bool {
	repeat := byte(0)
	if n := len(shape); n > 0 && shape[n-1] == '*' {
		repeat, shape = shape[n-2], shape[:n-1]
	}
	for i, v := range args {
		letter := repeat
		if i < len(shape) {
			letter = shape[i]
		}
		if letter == 0 || !v.is(letter) {
			return false
		}
	}
	return len(args) >= len(shape)
}

// is reports whether v may stand where letter asks for a class. An untyped NULL
// stands nowhere but under a: the engine would choose a type for it.
func (v value) is(letter byte) bool {
	c := v.typ.class
	switch letter {
	case 's':
		return c == text
	case 'n':
		return v.typ.numeric()
	case 'i':
		return c == integer
	case 'b':
		return c == boolean
	case 'd':
		return c == date
	case 't':
		return c == date || c == timestamp
	case 'v':
		return c == interval
	case 'c':
		return literal(v)
	}
	return true
}
