package ast

import "fmt"

// fromList writes a FROM clause: with commas if one of its cross joins has a
// PIVOT on its right, which CROSS JOIN would not leave there.
func (p *printer) fromList(f From) {
	comma := false
	list := []From{f}
	for {
		j, ok := list[0].(*Join)
		if !ok || j.Form != CrossJoin || j.Kind != InnerJoin || j.On != nil || j.Using != nil {
			break
		}
		comma = comma || pivots(j.Right)
		list = append([]From{j.Left, j.Right}, list[1:]...)
	}
	if comma {
		each(p, list, p.from)
	} else {
		p.from(f)
	}
}

func (p *printer) from(f From) {
	switch f := f.(type) {
	case *Table:
		p.qualified(f.Catalog, f.Schema, f.Name)
		p.alias(f.Alias, f.Columns)
		if f.At != nil {
			p.clause(pick(f.At.Unit, map[AtUnit]string{AtVersion: " AT (VERSION => ", AtTimestamp: " AT (TIMESTAMP => "}), f.At.Expr)
			p.text(")")
		}
		p.sample(" TABLESAMPLE ", f.Sample)
	case *Derived:
		p.inner(f.Query)
		p.alias(f.Alias, f.Columns)
		p.sample(" TABLESAMPLE ", f.Sample)
	case *TableFunction:
		p.function(f.Call)
		if f.Ordinality {
			p.text(" WITH ORDINALITY")
		}
		p.alias(f.Alias, f.Columns)
		p.sample(" TABLESAMPLE ", f.Sample)
	case *Join:
		p.join(f)
	case *Pivot:
		p.pivot(f)
	case *Unpivot:
		p.unpivot(f)
	default:
		panic(fmt.Sprintf("ast: print: unknown table expression %T", f))
	}
}

func (p *printer) alias(alias string, columns []string) {
	if alias != "" {
		p.text(" AS ")
		p.name(alias)
	}
	if len(columns) > 0 {
		p.names(columns)
	}
}

func (p *printer) join(j *Join) {
	p.text("(")
	p.from(j.Left)
	switch j.Form {
	case NaturalJoin:
		p.text(" NATURAL ", joinWord(j.Kind), " ")
	case CrossJoin:
		p.text(" CROSS JOIN ")
	case PositionalJoin:
		p.text(" POSITIONAL JOIN ")
	case AsOfJoin:
		p.text(" ASOF ", joinWord(j.Kind), " ")
	default:
		p.text(" ", joinWord(j.Kind), " ")
	}
	if pivots(j.Right) && j.On == nil && len(j.Using) == 0 {
		panic("ast: print: PIVOT to the right of a join without condition")
	}
	p.from(j.Right)
	if j.On != nil {
		p.clause(" ON ", j.On)
	} else if len(j.Using) > 0 {
		p.text(" USING ")
		p.names(j.Using)
	}
	p.text(")")
}

func joinWord(k JoinKind) string {
	return pick(k, map[JoinKind]string{
		InnerJoin: "JOIN", LeftJoin: "LEFT JOIN", RightJoin: "RIGHT JOIN", FullJoin: "FULL JOIN",
		SemiJoin: "SEMI JOIN", AntiJoin: "ANTI JOIN",
	})
}

func (p *printer) pivot(v *Pivot) {
	p.from(v.Source)
	p.text(" PIVOT (")
	each(p, v.Aggregates, p.item)
	p.text(" FOR")
	for _, c := range v.On {
		p.text(" (")
		p.exprs(c.Exprs)
		p.text(") IN ")
		if c.Enum != "" {
			p.name(c.Enum)
			continue
		}
		p.text("(")
		each(p, c.Entries, func(e PivotEntry) {
			p.row(len(e.Values), func() { p.exprs(e.Values) })
			p.alias(e.Alias, nil)
		})
		p.text(")")
	}
	if len(v.GroupBy) > 0 {
		p.text(" GROUP BY ")
		each(p, v.GroupBy, p.name)
	}
	p.text(")")
	p.alias(v.Alias, v.Columns)
}

func (p *printer) unpivot(u *Unpivot) {
	p.from(u.Source)
	p.text(" UNPIVOT ")
	if u.IncludeNulls {
		p.text("INCLUDE NULLS ")
	}
	p.text("(")
	p.names(u.Values)
	p.text(" FOR ")
	p.names([]string{u.Name})
	p.text(" IN (")
	each(p, u.Entries, func(e UnpivotEntry) {
		if e.Expr != nil {
			p.outer(e.Expr)
		} else {
			p.row(len(e.Columns), func() { each(p, e.Columns, p.name) })
		}
		p.alias(e.Alias, nil)
	})
	p.text("))")
	p.alias(u.Alias, u.Columns)
}

// row writes a list of n, in parentheses unless it has one item.
func (p *printer) row(n int, list func()) {
	if n == 1 {
		list()
		return
	}
	p.text("(")
	list()
	p.text(")")
}

func (p *printer) values(v *Values) {
	p.text("VALUES ")
	each(p, v.Rows, func(row []Expr) {
		p.text("(")
		p.exprs(row)
		p.text(")")
	})
}

func (p *printer) show(s *Show) {
	switch s.Kind {
	case Describe:
		p.text("DESCRIBE ")
		p.inner(s.Query)
	case Summarize:
		p.text("SUMMARIZE ")
		p.inner(s.Query)
	case ShowNamed:
		p.text("SHOW ", pick(s.Name, shown))
	case ShowTables:
		p.text("SHOW TABLES FROM ")
		p.qualified("", s.Catalog, s.Schema)
	default:
		panic("ast: print: unknown SHOW")
	}
}
