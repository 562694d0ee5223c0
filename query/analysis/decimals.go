package analysis

import (
	"strconv"

	"zonebox/query/ast"
)

// integerDigits are those of the decimal that the engine makes of an integer.
var integerDigits = map[string]int{
	"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19,
	"UTINYINT": 3, "USMALLINT": 5, "UINTEGER": 10, "UBIGINT": 20, "HUGEINT": 39,
}

// whole returns the digits t may have before the point. An integer of no certain
// name that is no HUGEINT was computed from narrower ones.
func whole(t typ) int {
	switch {
	case t.class == decimal:
		return t.width - t.scale
	case huge(t) > 0:
		return integerDigits["HUGEINT"]
	case integerDigits[t.name] > 0:
		return integerDigits[t.name]
	}
	return integerDigits["UBIGINT"]
}

// maxDigits is the greatest width of a decimal; up to fewDigits it is a number of
// 64 bits, and sums and products of such stay ones.
const maxDigits, fewDigits = 38, 18

// decimals gives the numbers among args, one of which is a decimal, the types
// under which the engine computes f without a conversion of its own that could
// fail, and returns the type of the result. Where there are no such types, all
// numbers become DOUBLE.
//
// The rules are those of DuckDB 1.5.5: BindDecimalAddSubtract,
// BindDecimalMultiply, BindDecimalArithmetic and those of the rounding functions.
func decimals(f *Function, shape string, args []ast.Expr, ops []operand) typ {
	var ts []typ
	before, scale := 0, 0
	for i, o := range ops {
		if shape[i] != 'n' {
			continue
		}
		t := o.val.typ
		if t.class == integer {
			t = typ{decimal, "DECIMAL", whole(t), 0}
		}
		if t.class != decimal || t.name == "" || t.width > maxDigits || f.Result == "whole" {
			return doubles(shape, args, ops)
		}
		ts = append(ts, t)
		before, scale = max(before, whole(t)), max(scale, t.scale)
	}
	switch {
	case f.Result == "floor", f.Result == "round":
		return rounded(shape, args, ops)
	case len(ts) == 1:
		return ts[0]
	case f.Result == "product":
		scale = ts[0].scale + ts[1].scale
		if scale > maxDigits {
			return doubles(shape, args, ops)
		}
		for i, o := range ops {
			if o.val.typ.class == integer {
				args[i] = tryCast(args[i], ts[i])
			}
		}
		width := ts[0].width + ts[1].width
		if scale < fewDigits {
			width = few(width, max(ts[0].width, ts[1].width))
		}
		return typ{decimal, "DECIMAL", min(width, maxDigits), scale}
	case before+scale > maxDigits:
		return doubles(shape, args, ops)
	}
	widest := 0
	for i, o := range ops {
		if o.val.typ.class == integer || ts[i].scale != scale {
			ts[i] = typ{decimal, "DECIMAL", whole(ts[i]) + scale, scale}
			args[i] = tryCast(args[i], ts[i])
		}
		widest = max(widest, ts[i].width)
	}
	if f.Result == "modulus" {
		return typ{decimal, "DECIMAL", widest, scale}
	}
	return typ{decimal, "DECIMAL", min(few(widest+1, widest), maxDigits), scale}
}

// few keeps the result of 64-bit decimals one.
func few(width, widest int) int {
	if width > fewDigits && widest <= fewDigits {
		return fewDigits
	}
	return width
}

// rounded is decimals for what rounds its first argument, to no digits after the
// point or to so many as the second says. A decimal without any could grow by a
// digit.
func rounded(shape string, args []ast.Expr, ops []operand) typ {
	t := ops[0].val.typ
	if len(ops) == 1 {
		t.scale = 0
		return t
	}
	c, written := ops[1].node.(*ast.Constant)
	if !written {
		return doubles(shape, args, ops)
	}
	n, err := strconv.Atoi(c.Text)
	if err != nil || t.scale == 0 && t.width == maxDigits {
		return doubles(shape, args, ops)
	}
	if t.scale == 0 {
		t.width++
		args[0] = tryCast(args[0], t)
	}
	t.scale = min(t.scale, max(n, 0))
	return t
}

// doubles makes DOUBLE of the numbers among args.
func doubles(shape string, args []ast.Expr, ops []operand) typ {
	for i, o := range ops {
		if shape[i] == 'n' && o.val.typ.class != float {
			args[i] = tryCast(args[i], named("DOUBLE"))
		}
	}
	return named("DOUBLE")
}
