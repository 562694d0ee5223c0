// Package quality checks the rows of a dataset against the rules that its
// provider wrote, and scores what it finds in the six dimensions of GB/T
// 36344-2018.
//
// Rules are the quality part of an ODCS v3.1 data contract (Decode); Compile
// fits them to the columns of a catalogue entry; a Checker is given the rows,
// batch by batch, and a few columns again if memory did not suffice the first
// time; Report counts, scores and grades. Read Checker first, then score.go for
// the formula.
//
// What it guarantees. A Report holds names, counts and numbers of rows, and no
// value of any row, nor anything computed from one value: it has no field that
// could. Memory is bounded by the options whatever the rows: what does not fit
// is counted in further passes, exactly. Two values count as the same if their
// keyed fingerprints of 128 bits are; the keys are drawn per process, so nobody
// who delivers data can choose values that collide.
//
// What it does not. It decides nothing about a version: Gate says what the
// rules ask for, and query acts on it. That a value passes a validator says that
// its form is right, never that it is true.
package quality

import (
	"fmt"
	"strings"
)

// A Dimension is one of the six of GB/T 36344-2018.
type Dimension string

// The dimensions, in the order of the standard.
const (
	Conformity    Dimension = "conformity"    // 规范性
	Completeness  Dimension = "completeness"  // 完整性
	Accuracy      Dimension = "accuracy"      // 准确性
	Consistency   Dimension = "consistency"   // 一致性
	Timeliness    Dimension = "timeliness"    // 时效性
	Accessibility Dimension = "accessibility" // 可访问性
)

// Dimensions lists them in the order of the standard.
var Dimensions = []Dimension{Conformity, Completeness, Accuracy, Consistency, Timeliness, Accessibility}

// A Severity says how much a rule matters.
type Severity string

// The severities that ODCS gives as examples. A rule that names none is an
// error: leaving the word out must not make a rule weaker.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Weight is what a rule of the severity counts for within its dimension. The
// figures are ours.
func (s Severity) Weight() int {
	switch s {
	case Error:
		return 3
	case Warning:
		return 2
	}
	return 1
}

// A Metric is what a rule counts.
type Metric string

// The metrics of the ODCS library, and those that every dataset is measured by
// (with a dot in their names).
const (
	NullValues      Metric = "nullValues"
	MissingValues   Metric = "missingValues"
	InvalidValues   Metric = "invalidValues"
	DuplicateValues Metric = "duplicateValues"
	RowCount        Metric = "rowCount"

	Entry     Metric = "zonebox.entry"     // values that break what the catalogue entry promises
	Filled    Metric = "zonebox.filled"    // cells without a value
	Manifest  Metric = "zonebox.manifest"  // rows that the provider's manifest has more or fewer
	Freshness Metric = "zonebox.freshness" // days over the declared update frequency
	Readable  Metric = "zonebox.readable"  // rows that could not be read back
)

// A Rule is one thing that is measured.
type Rule struct {
	ID          string // unique among the rules of a dataset
	Path        string // JSON pointer to it in the contract; "" if it is built in
	Description string
	Dimension   Dimension
	Severity    Severity
	Metric      Metric
	Columns     []string // none: the rows
	Test        Test
	Percent     bool // Test is of a share of the rows, not of their number

	Missing    []string // besides null, what counts as missing
	NotNull    bool     // of missingValues: null does not count as missing
	Valid      []string // the values allowed; nil if any
	Pattern    string   // RE2; "" if any
	Min, Max   string   // of numbers and times; "" if none
	Validator  string   // one of Validators; "" if none
	References *Reference
}

// A Reference names the columns of a dataset that must hold the values.
type Reference struct {
	Dataset string
	Columns []string
}

// A Rules document: what is measured of a dataset, in order.
type Rules struct {
	Dataset string
	Rules   []Rule
}

// A Fault is something in a contract that cannot be taken as it is.
type Fault struct {
	Path   string // JSON pointer
	ZH, EN string
}

// Faults is the error of Decode and Compile: everything that was found wrong.
// It holds names and positions of the contract.
type Faults []Fault

func (f Faults) Error() string {
	texts := make([]string, len(f))
	for i, one := range f {
		texts[i] = strings.TrimPrefix(one.Path+": "+one.EN, ": ")
	}
	return "quality: " + strings.Join(texts, "; ")
}

// An Operator compares what was counted.
type Operator string

// The operators of ODCS.
const (
	MustBe          Operator = "mustBe"
	MustNotBe       Operator = "mustNotBe"
	GreaterThan     Operator = "mustBeGreaterThan"
	GreaterOrEqual  Operator = "mustBeGreaterOrEqualTo"
	LessThan        Operator = "mustBeLessThan"
	LessOrEqual     Operator = "mustBeLessOrEqualTo"
	Between         Operator = "mustBeBetween"
	NotBetween      Operator = "mustNotBeBetween"
	unlimited       Operator = "" // measured and never failed
	operatorsInText          = "mustBe, mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo, mustBeLessThan, mustBeLessOrEqualTo, mustBeBetween, mustNotBeBetween"
)

// A Test is an operator with its operands.
type Test struct {
	Operator Operator
	A, B     float64 // B of the two that take a pair
}

// Holds reports whether a measure passes. The zero Test passes everything.
// Both bounds of a pair belong to it: the standard calls mustBeBetween the same
// as greater than the one and less than the other in its text and shows
// [0, 100] and [100, 120] as closed intervals; a bound somebody wrote down is
// taken as allowed.
func (t Test) Holds(v float64) bool {
	switch t.Operator {
	case MustBe:
		return v == t.A
	case MustNotBe:
		return v != t.A
	case GreaterThan:
		return v > t.A
	case GreaterOrEqual:
		return v >= t.A
	case LessThan:
		return v < t.A
	case LessOrEqual:
		return v <= t.A
	case Between:
		return t.A <= v && v <= t.B
	case NotBetween:
		return v < t.A || v > t.B
	}
	return true
}

// String writes the test as mathematics does: "≤ 5".
func (t Test) String() string {
	n := func(v float64) string { return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.6f", v), "0"), ".") }
	switch t.Operator {
	case MustBe:
		return "= " + n(t.A)
	case MustNotBe:
		return "≠ " + n(t.A)
	case GreaterThan:
		return "> " + n(t.A)
	case GreaterOrEqual:
		return "≥ " + n(t.A)
	case LessThan:
		return "< " + n(t.A)
	case LessOrEqual:
		return "≤ " + n(t.A)
	case Between:
		return "∈ [" + n(t.A) + ", " + n(t.B) + "]"
	case NotBetween:
		return "∉ [" + n(t.A) + ", " + n(t.B) + "]"
	}
	return ""
}
