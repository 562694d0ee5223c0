package query_test

import "fmt"

// askedDeep bounds how deep queries in expressions stand in one another.
const askedDeep = 2

// scalar writes a query for one number.
func (g *grammar) scalar() string {
	g.asked++
	defer func() { g.asked-- }()
	switch n := g.IntN(8); {
	case n < 1:
		return fmt.Sprintf("(SELECT %d)", g.IntN(6))
	case n < 3 && g.asked <= askedDeep:
		r := g.relation(1, true)
		return "(SELECT " + g.total([]grammarRel{r}) + " FROM " + r.sql + g.where([]grammarRel{r}, nil) + ")"
	case n < 5:
		r := g.table(2, codeColumns)
		return "(SELECT " + []string{"min", "max", "sum", "avg", "count"}[g.IntN(5)] + "(" + r.alias + ".pop) FROM " + r.sql + ")"
	}
	r := g.table(g.IntN(2), nil)
	r.columns = visitColumns[:4]
	if r.sql[:len(g.names[0])] != g.names[0] {
		r.columns = personColumns[:3]
	}
	name := r.alias + "." + r.columns[len(r.columns)-1].name
	figure := []string{"count(*)", "count(*)", "avg(" + name + ")", "min(" + name + ")", "sum(" + name + ")"}[g.IntN(5)]
	return "(SELECT " + figure + " FROM " + r.sql + g.where([]grammarRel{r}, nil) + ")"
}

// list writes a query for one column of text, or of numbers.
func (g *grammar) list(letter rune) string {
	g.asked++
	defer func() { g.asked-- }()
	switch n := g.IntN(8); {
	case n < 2 && letter == 't':
		sql, _ := g.groupPart("t")
		return "(" + sql + ")"
	case n < 3 && letter == 't':
		r := g.table(g.IntN(2), nil)
		return "(SELECT DISTINCT " + r.alias + ".g FROM " + r.sql + ")"
	case n < 3:
		r := g.table(1, personColumns)
		return "(SELECT " + r.alias + ".b FROM " + r.sql + " GROUP BY 1)"
	case n < 4 && letter == 't':
		sql, columns := g.setOperation()
		return "(SELECT w." + columns[0].name + " FROM (" + sql + ") AS w)"
	case n < 5 && letter == 't':
		return "(VALUES ('a'), ('bk'))"
	}
	r := g.table(2, codeColumns)
	return "(SELECT " + r.alias + "." + map[rune]string{'t': "title", 'n': "pop"}[letter] + " FROM " + r.sql + g.where([]grammarRel{r}, nil) + ")"
}

// asks writes a condition on a column by way of a query, "" if there is none.
func (g *grammar) asks(name string, c grammarColumn) string {
	if g.asked >= askedDeep {
		return ""
	}
	switch c.kind {
	case kindWords, kindTitle:
		switch g.IntN(5) {
		case 0, 1:
			return name + " NOT IN " + g.list('t')
		case 2:
			return []string{"", "NOT "}[g.IntN(2)] + "EXISTS " + g.list('t')
		}
		return name + " IN " + g.list('t')
	case kindWhole, kindPeople:
		switch g.IntN(5) {
		case 0, 1:
			return name + " NOT IN " + g.list('n')
		case 2:
			return name + " IN " + g.list('n')
		}
		return name + []string{" > ", " <= ", " <> "}[g.IntN(3)] + g.scalar()
	case kindFigure:
		return name + " > " + g.scalar()
	}
	return ""
}
