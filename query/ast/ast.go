// Package ast is the typed form of one SELECT, between the engine's parser and
// our analysis.
//
// It guarantees that a statement it accepts is understood in full: Decode
// refuses every node, field and enumeration value it does not know, and Print
// writes SQL whose parse tree is Equal to the one printed. The engine's own
// printer is not used, since it loses parentheses (DuckDB 1.5.5 prints
// a NATURAL JOIN (d NATURAL JOIN e) without them).
//
// It does not guarantee that a statement is harmless, that names exist or that
// types fit: it knows neither catalogue nor policy.
//
// Read Decode first, then nodes.go.
package ast
