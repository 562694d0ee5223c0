package ast

import (
	"slices"
	"strconv"
)

func (p *printer) cast(c *Cast) {
	if c.Try {
		p.text("TRY_")
	}
	p.clause("CAST(", c.Expr)
	p.text(" AS ")
	p.typeName(c.Type)
	p.text(")")
}

// String returns the type in SQL. It panics on a type that has none.
func (t Type) String() string {
	var p printer
	p.typeName(t)
	return p.Builder.String()
}

func (p *printer) typeName(t Type) {
	switch t.ID {
	case "DECIMAL":
		p.text("DECIMAL(", strconv.Itoa(t.Width), ",", strconv.Itoa(t.Scale), ")")
	case "LIST":
		p.typeName(*t.Elem)
		p.text("[]")
	case "ARRAY":
		p.typeName(*t.Elem)
		p.text("[")
		p.ordinal(t.Size)
		p.text("]")
	case "MAP":
		p.text("MAP(")
		p.typeName(*t.Key)
		p.text(", ")
		p.typeName(*t.Elem)
		p.text(")")
	case "STRUCT", "UNION":
		if len(t.Members) == 0 {
			panic("ast: print: type without members")
		}
		p.text(t.ID, "(")
		each(p, t.Members, func(m Member) {
			p.name(m.Name)
			p.text(" ")
			p.typeName(m.Type)
		})
		p.text(")")
	case "UNBOUND":
		p.userType(t.User)
	case "NULL":
		p.text(`"NULL"`)
	default:
		if !slices.Contains(simpleTypes, t.ID) {
			panic("ast: print: unknown type")
		}
		p.text(t.ID)
	}
}

func (p *printer) userType(u *UserType) {
	p.qualified(u.Catalog, u.Schema, u.Name)
	if len(u.Modifiers) > 0 {
		p.text("(")
		each(p, u.Modifiers, p.constant)
		p.text(")")
	}
}
