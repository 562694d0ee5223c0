package ast

import "time"

// folded decodes a value of a PIVOT list, which the engine computed where it was
// a cast of a literal. What has no literal is written as such a cast again.
func (d *decoder) folded(v any) Expr {
	r := d.record("CONSTANT", v)
	t, null := d.logicalType(r.take("type")), r.flag("is_null")
	made := Meta{Location: NoLocation}
	cast := func(text string) Expr {
		return &Cast{Meta: made, Type: t, Expr: &Constant{Meta: made, Type: Type{ID: "VARCHAR"}, Text: text}}
	}
	var e Expr
	switch {
	case null && t.ID == "NULL":
		e = &Constant{Meta: made, Type: t, Null: true}
	case null:
		e = &Cast{Meta: made, Type: t, Expr: &Constant{Meta: made, Type: Type{ID: "NULL"}, Null: true}}
	case t.ID == "BOOLEAN":
		e = cast(map[bool]string{true: "t", false: "f"}[r.flag("value")])
	case t.ID == "DATE":
		at := time.Unix(0, 0).UTC().AddDate(0, 0, r.days("value"))
		r.must("value", at.Year() >= 1 && at.Year() <= 9999)
		e = cast(at.Format(time.DateOnly))
	case t.ID == "TIMESTAMP":
		n, err := r.integer("value").Int64()
		r.must("value", err == nil)
		at := time.UnixMicro(n).UTC()
		r.must("value", at.Year() >= 1 && at.Year() <= 9999)
		e = cast(at.Format("2006-01-02 15:04:05.999999"))
	case integers[t.ID].most != nil:
		n := d.bigInt(r)
		r.must("value", integers[t.ID].holds(n))
		if e = cast(n.String()); integerType(n) == t.ID {
			e = &Constant{Meta: made, Type: t, Text: n.String()}
		}
	default:
		e = &Constant{Meta: made, Type: t, Text: d.literal(t, r)}
	}
	r.done()
	return e
}

// days takes a number of days from 1970 that no overflow can hide in.
func (r *record) days(name string) int {
	n, err := r.integer(name).Int64()
	r.must(name, err == nil && n > -1_000_000 && n < 4_000_000)
	return int(n)
}
