package ast

func (p *printer) function(f *Function) {
	if f.Operator {
		if !f.symbol() {
			panic("ast: print: unknown operator")
		}
		p.text("(")
		if len(f.Args) == 1 {
			if f.Name == factorial {
				p.expr(f.Args[0])
				p.text(" !)")
				return
			}
			p.text(f.Name, " ")
			p.expr(f.Args[0])
		} else {
			p.expr(f.Args[0])
			p.text(" ", f.Name, " ")
			p.expr(f.Args[1])
		}
		p.text(")")
		return
	}
	p.qualified(f.Catalog, f.Schema, f.Name)
	p.text("(")
	p.arguments(f.Distinct, f.Args, f.OrderBy)
	p.text(")")
	p.filter(f.Filter)
	if f.Export {
		p.text(" EXPORT_STATE")
	}
}

func (p *printer) arguments(distinct bool, args []Expr, orders []Order) {
	if distinct {
		p.text("DISTINCT ")
	}
	each(p, args, func(e Expr) {
		if e.As() != "" {
			p.name(e.As())
			p.text(" := ")
		}
		p.outer(e)
	})
	p.orders(" ORDER BY ", orders)
}

func (p *printer) filter(e Expr) {
	if e != nil {
		p.clause(" FILTER (WHERE ", e)
		p.text(")")
	}
}

func (p *printer) window(w *Window) {
	p.qualified(w.Catalog, w.Schema, w.Name)
	p.text("(")
	p.arguments(w.Distinct, w.Args, w.OrderBy)
	if w.IgnoreNulls {
		if len(w.Args) == 0 && len(w.OrderBy) == 0 {
			p.text("*") // gives no argument, without which the words do not parse
		}
		p.text(" IGNORE NULLS")
	}
	p.text(")")
	p.filter(w.Filter)
	p.text(" OVER (")
	if len(w.Partition) > 0 {
		p.text("PARTITION BY ")
		p.exprs(w.Partition)
		p.text(" ")
	}
	if len(w.Order) > 0 {
		p.orders("ORDER BY ", w.Order)
		p.text(" ")
	}
	p.frame(w.Frame)
	p.text(")")
}

func (p *printer) frame(f Frame) {
	if !f.valid() {
		panic("ast: print: ends of a frame do not fit")
	}
	_, unit := f.Start.parts()
	if unit == "" {
		_, unit = f.End.parts()
	}
	if unit == "" {
		unit = "RANGE"
	}
	p.text(unit, " BETWEEN ")
	p.bound(f.Start, f.StartOffset)
	p.text(" AND ")
	p.bound(f.End, f.EndOffset)
	p.text(pick(f.Exclude, map[Exclude]string{
		ExcludeNoOthers: "", ExcludeCurrentRow: " EXCLUDE CURRENT ROW", ExcludeGroup: " EXCLUDE GROUP", ExcludeTies: " EXCLUDE TIES",
	}))
}

func (p *printer) bound(b Bound, offset Expr) {
	side, _ := b.parts()
	if b.offset() {
		p.expr(offset)
	}
	p.text(pick(side, map[string]string{
		"UNBOUNDED_PRECEDING": "UNBOUNDED PRECEDING", "EXPR_PRECEDING": " PRECEDING", "CURRENT_ROW": "CURRENT ROW",
		"EXPR_FOLLOWING": " FOLLOWING", "UNBOUNDED_FOLLOWING": "UNBOUNDED FOLLOWING",
	}))
}

func (p *printer) star(s *Star) {
	if s.Relation != "" {
		p.name(s.Relation)
		p.text(".")
	}
	p.text("*")
	if len(s.Exclude) > 0 {
		p.text(" EXCLUDE (")
		each(p, s.Exclude, func(n Name) { p.column(n) })
		p.text(")")
	}
	if len(s.Replace) > 0 {
		p.text(" REPLACE (")
		each(p, s.Replace, func(r Replacement) {
			p.expr(r.Expr)
			p.text(" AS ")
			p.name(r.Column)
		})
		p.text(")")
	}
	if len(s.Rename) > 0 {
		p.text(" RENAME (")
		each(p, s.Rename, func(r Renaming) {
			p.column(r.Column)
			p.text(" AS ")
			p.name(r.Name)
		})
		p.text(")")
	}
}

// column writes a name of parts.
func (p *printer) column(parts []string) {
	if len(parts) == 0 {
		panic("ast: print: column without name")
	}
	for i, n := range parts {
		if i > 0 {
			p.text(".")
		}
		p.name(n)
	}
}
