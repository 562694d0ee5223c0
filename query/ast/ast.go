// Package ast is the typed form of one SELECT, between the engine's parser and
// our analysis.
//
// It guarantees that a statement it accepts is understood in full: Decode
// refuses every node, field and enumeration value it does not know, and Print
// writes SQL whose parse tree is Equal to the one printed. The engine's own
// printer is not used, since it loses parentheses (DuckDB 1.5.5 prints
// a NATURAL JOIN (d NATURAL JOIN e) without them).
//
// What the engine serializes of a SELECT is covered in full. Under its default
// compatibility version, which the worker does not change, that leaves out the
// hints MATERIALIZED and NOT MATERIALIZED, which of its two forms a lambda was
// written in and the lengths of VARCHAR and BIT; types arrive resolved, and a
// PIVOT whose values are not literals does not arrive.
//
// It does not guarantee that a statement is harmless, that names exist or that
// types fit: it knows neither catalogue nor policy.
//
// Read Decode first, then nodes.go. Package asttest draws random trees.
package ast
