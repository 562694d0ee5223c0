package query_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// place is where an expression stands: what it may name, and how.
type place struct {
	g       *plainGrammar
	columns []seenColumn // ref is the full name
	grouped []seenColumn // not nil: the keys of a query that groups the rows of inner
	inner   *place
	sets    bool   // of several grouping sets
	queries bool   // there may be queries
	windows bool   // and windows
	window  string // one that is named
}

// rows is the place of conditions on the rows of s.
func (s source) rows() place {
	p := place{g: s.g, queries: true}
	for _, r := range s.members {
		for _, c := range r.columns {
			ref := quoted(c.ref)
			if r.name != "" {
				ref = quoted(r.name) + "." + ref
			}
			p.columns = append(p.columns, seenColumn{ref, c.kind})
		}
	}
	return p
}

// bare is p without queries and windows.
func (p place) bare() place { p.queries, p.windows, p.window = false, false, ""; return p }

// kind draws a kind, mostly that of a column.
func (p place) kind() kind {
	if len(p.columns) > 0 && !p.g.one(4) {
		if k := oneOf(p.g, p.columns...).kind; k != "" {
			return k
		}
	}
	return oneOf(p.g, kinds...)
}

// order orders the rows by all there is of them.
func (p place) order() string {
	var keys []string
	for _, c := range p.columns {
		keys = append(keys, c.ref)
	}
	if len(keys) == 0 {
		return "1"
	}
	p.g.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return strings.Join(keys, ", ") + oneOf(p.g, "", " DESC", " NULLS FIRST")
}

// letters stand for kinds in patterns: {t} is an expression of text.
var letters = map[string]kind{"t": textKind, "n": wholeKind, "d": decimalKind, "f": floatKind, "D": dateKind, "S": timeKind, "b": boolKind}

var hole = regexp.MustCompile(`\{[a-zA-Z]\}`)

// fill draws what the holes of a pattern stand for: expressions of the kinds of
// letters, a small number for {i}, a text for {l}, expressions of kind k for {k},
// and one and the same of these for each {x}.
func (g *plainGrammar) fill(pattern string, k kind, p place, depth int) string {
	same := ""
	return hole.ReplaceAllStringFunc(pattern, func(h string) string {
		switch letter := h[1:2]; letter {
		case "i":
			return fmt.Sprint(1 + g.IntN(4))
		case "l":
			return g.literal(textKind)
		case "k":
			return g.expr(k, p, depth)
		case "x":
			if same == "" {
				same = g.expr(k, p, depth)
			}
			return same
		case "o":
			return p.order()
		default:
			return g.expr(letters[letter], p, depth)
		}
	})
}

// expr draws an expression of a kind.
func (g *plainGrammar) expr(k kind, p place, depth int) string {
	if depth <= 0 || !g.spend(1) || g.one(5) {
		return g.leaf(k, p)
	}
	switch n := g.IntN(12); {
	case n <= 1 && p.windows:
		return g.over(k, p)
	case n == 2 && p.queries && len(p.columns) > 0:
		return g.subquery(k, p)
	case n == 3 && p.grouped == nil && !p.queries && !p.windows:
		return g.fill("TRY({k})", k, p, depth-1)
	case n <= 5:
		return g.fill(oneOf(g, anyPatterns...), k, p, depth-1)
	}
	return g.fill(oneOf(g, patterns[k]...), k, p, depth-1)
}

// over draws a call over a window, mostly of its own.
func (g *plainGrammar) over(k kind, p place) string {
	if p.window != "" && g.one(2) {
		return g.fill(oneOf(g, "nth_value({k}, 2)", "lag({k})", "first_value({k} IGNORE NULLS)"), k, p.bare(), 1) + " OVER " + p.window
	}
	return g.fill(oneOf(g, slices.Concat(windowPatterns, kindWindowPatterns[k])...), k, p.bare(), 1)
}

// leaf draws a column, an aggregate or a literal.
func (g *plainGrammar) leaf(k kind, p place) string {
	of := p.columns
	if p.grouped != nil {
		if g.one(2) {
			return g.fill(oneOf(g, aggregatePatterns[k]...), k, p.inner.bare(), 1)
		}
		if p.sets && k == wholeKind && g.one(3) {
			return "CAST(grouping(" + oneOf(g, p.grouped...).ref + ") AS BIGINT)"
		}
		of = p.grouped
	}
	if k == wholeKind && g.parameterized && g.one(8) {
		return parameterText
	}
	var fit []string
	for _, c := range of {
		if c.kind == k {
			fit = append(fit, c.ref)
		}
	}
	if len(fit) == 0 || g.one(6) {
		return g.literal(k)
	}
	return oneOf(g, fit...)
}

func (g *plainGrammar) literal(k kind) string {
	if g.one(12) {
		return fmt.Sprintf("CAST(NULL AS %s)", k)
	}
	switch k {
	case textKind:
		return oneOf(g, "'a'", "'x,y'", "''", "'玄武区'", "'O''Neil'", "'A'", "'b'", "'%'", "'straße'", "$$it's$$")
	case wholeKind:
		return oneOf(g, "0", "1", "2", "3", "5", "-1", "50", "100", "3000000000", "CAST(7 AS BIGINT)")
	case decimalKind:
		return oneOf(g, "1.5", "0.125", "-20.000", "12345.678", "CAST(3 AS DECIMAL(5,2))")
	case floatKind:
		return oneOf(g, "1e0", "2.5e0", "-1e-3", "CAST(0.1 AS DOUBLE)", "CAST('inf' AS DOUBLE)")
	case dateKind:
		return oneOf(g, "DATE '2024-02-29'", "DATE '1999-12-31'", "CAST('2024-05-05' AS DATE)")
	case timeKind:
		return oneOf(g, "TIMESTAMP '2024-03-05 12:00:00.5'", "CAST('2024-01-28 02:00:00' AS TIMESTAMP)")
	}
	return oneOf(g, "true", "false")
}

// subquery draws a query in an expression that mostly looks at the row around it.
func (g *plainGrammar) subquery(k kind, p place) string {
	t := g.table()
	inner := source{g: g, members: []relation{{g.name("q"), columnsOfTable(t)}}}
	in := inner.rows().bare()
	from := " FROM " + t.name + " AS " + quoted(inner.members[0].name)
	where := " WHERE " + g.expr(boolKind, in, 1)
	for range 10 { // a column of each
		outer, own := oneOf(g, p.columns...), oneOf(g, in.columns...)
		if outer.kind == own.kind && p.grouped == nil {
			where = fmt.Sprintf(" WHERE %s %s %s", own.ref, oneOf(g, "=", "=", "<", ">=", "<>", "IS NOT DISTINCT FROM"), outer.ref)
			break
		}
	}
	if k == boolKind {
		c := p.kind()
		switch g.IntN(4) {
		case 0:
			return "EXISTS (SELECT 1" + from + where + ")"
		case 1:
			return "(NOT EXISTS (SELECT *" + from + where + "))"
		case 2:
			return fmt.Sprintf("(%s %s (SELECT %s%s))", g.expr(c, p.bare(), 1), oneOf(g, "IN", "NOT IN"), g.expr(c, in, 1), from)
		}
		return fmt.Sprintf("(%s %s (SELECT %s%s))", g.expr(c, p.bare(), 1), oneOf(g, "= ANY", "<> ALL", "< ANY", ">= ALL"), g.expr(c, in, 1), from)
	}
	x := g.expr(k, in, 1)
	switch g.IntN(5) {
	case 0:
		return fmt.Sprintf("(SELECT CAST(%s AS %s)%s%s ORDER BY 1 LIMIT 1)", x, k, from, where)
	case 1:
		return fmt.Sprintf("(SELECT %s)", g.expr(k, p.bare(), 1))
	case 2:
		return fmt.Sprintf("(ARRAY(SELECT %s%s ORDER BY 1)[1])", x, from)
	}
	return fmt.Sprintf("(SELECT %s(%s)%s%s)", oneOf(g, "max", "min"), x, from, where)
}

// anyPatterns are of every kind.
var anyPatterns = []string{"coalesce({k}, {k})", "nullif({k}, {k})", "(CASE WHEN {b} THEN {k} ELSE {k} END)", "(CASE {n} WHEN {i} THEN {k} WHEN 5 THEN {k} END)",
	"if({b}, {k}, {k})", "[{k}, {k}][{i}]", "({'s': {k}, 't': {t}}).s", "{'s': {k}}['s']", "struct_pack(v := {k}).v", "MAP {1: {k}}[1]",
	"list_filter([{k}, {k}], y -> y IS NOT NULL)[1]", "([{k}, {k}])[1:{i}][-1]", "([{k}, {k}, {k}])[:{i}:1][1]", "(ARRAY[{k}])[1]",
	"greatest({k}, {k})", "least({k}, {k})", "list_extract(list_reverse([{k}, {k}]), 1)", "ifnull({k}, {k})", "(row({k}, {n}))[1]",
	"list_transform([{k}], lambda e, j: e)[1]", "list_first([{k}, {k}])"}

// patterns are expressions by kind.
var patterns = map[kind][]string{
	textKind: {"lower({t})", "upper({t})", "({t} || {t})", "concat({t}, '-', {n})", "concat_ws('/', {t}, {t})", "substr({t}, {i}, {i})",
		"substring({t} FROM {i} FOR 2)", "replace({t}, {l}, 'r')", "trim({t})", "trim(BOTH 'x' FROM {t})", "reverse({t})", "left({t}, {i})", "lpad({t}, 6, '*')",
		"({t})[{i}]", "({t})[1:{i}]", "({t})[-2:]", "regexp_replace({t}, '[a-z]', '#', 'g')", "regexp_extract({t}, '([a-z]+)=?', 1)", "CAST({n} AS VARCHAR)",
		"({D})::VARCHAR", "CAST({b} AS VARCHAR)", "strftime({D}, '%Y年%m')", "monthname({D})", "typeof({n})", "md5({t})", "hex({t})", "format('{}:{}', {t}, {n})",
		"printf('%s', {t})", "array_to_string([{t}, {l}], '+')", "list_aggregate([{t}, {l}], 'string_agg', '|')", "split_part({t}, ',', {i})",
		"string_split({t}, ',')[{i}]", "list_sort(string_split({t}, ','))[1]", "struct_extract({'x': {t}}, 'x')", "map_keys(MAP {'k': {n}})[1]", "to_json({t})::VARCHAR",
		"json_object('v', {n})::VARCHAR", "('{\"a\":\"z\"}'::JSON->>'a')", "CAST(list_transform([{n}, 1], y -> y + 1) AS VARCHAR)",
		"[y || '!' FOR y IN [{t}, {l}] IF y IS NOT NULL]::VARCHAR", "list_reduce(['p', 'q', coalesce({t}, '')], lambda a, b: a || b)", "translate({t}, 'abc', 'xyz')",
		"({t} || '').upper()", "strip_accents({t})", "chr(65 + CAST(abs({n}) % 26 AS INTEGER))", "(CAST(row({n}, {t}) AS STRUCT(a BIGINT, b VARCHAR))).b",
		"TRY_CAST({t} AS DATE)::VARCHAR", "union_extract(union_value(v := {t}), 'v')", "({t} COLLATE NOCASE)", "CAST([{n}, {n}] AS VARCHAR)", "CAST({'a': {n}, 'b': [{t}]} AS VARCHAR)",
		"CAST(MAP {{l}: {n}} AS VARCHAR)", "repeat({t}, {i})"},
	wholeKind: {"({n} + {n})", "({n} - {n})", "({n} * {i})", "({n} // {i})", "({n} % 7)", "-({n})", "abs({n})", "length({t})", "strlen({t})", "year({D})", "month({D})",
		"EXTRACT(day FROM {D})", "date_diff('day', {D}, {D})", "date_part('hour', {S})", "({D} - {D})", "strpos({t}, {l})", "position({l} IN {t})", "len([{n}, {n}])",
		"CAST(list_sum([{n}, {i}]) AS BIGINT)", "list_max([{n}, 3])", "CAST({b} AS BIGINT)", "TRY_CAST({t} AS BIGINT)", "sign({n})", "({n} & 7)", "({n} | {i})", "bit_count({n})",
		"TRY_CAST({f} AS BIGINT)", "list_position([1, 2, {n}], {i})", "cardinality(MAP {1: {n}})", "list_reduce([1, {n}], (a, b) -> a + b)", "levenshtein(coalesce({t}, ''), 'ab')",
		"dayofweek({D})", "CAST(hash({t}) % 5 AS BIGINT)", "len(list_filter([{n}, {i}], y -> y > 2))", "[y * 2 FOR y IN [{n}, {i}]][1]", "gcd({n}, 6)", "~({n})",
		"len(range(abs({n}) % 5))", "CAST(list_aggregate([{n}, 2], 'sum') AS BIGINT)", "ascii({t})", "CAST(extract(epoch FROM {S}) AS BIGINT)", "len(string_split({t}, ','))"},
	decimalKind: {"({d} + {d})", "({d} - {d})", "-({d})", "abs({d})", "CAST({n} % 1000 AS DECIMAL(18,3))", "round({d}, 1)", "TRY_CAST({t} AS DECIMAL(18,3))", "list_max([{d}, 1.5])"},
	floatKind: {"({f} + {f})", "({f} - {f})", "({f} * 2.5)", "({n} / {i})", "sqrt(abs({f}))", "round({f}, 2)", "floor({f})", "CAST({d} AS DOUBLE)", "ln(abs({f}) + 1)",
		"({n} ** 2)", "(2 ^ ({n} % 5))", "list_avg([{f}, {n}])", "@({f})", "log10(abs({n}) + 1)", "CAST({n} AS DOUBLE)", "jaccard('ab', 'abc')"},
	dateKind: {"({D} + CAST({n} % 100 AS INTEGER))", "({D} - {i})", "last_day({D})", "CAST(date_trunc('month', {D}) AS DATE)", "CAST({S} AS DATE)",
		"make_date(2020, 1 + abs({n}) % 12, {i})", "TRY_CAST({t} AS DATE)", "time_bucket(INTERVAL 1 MONTH, {D})"},
	timeKind: {"CAST({D} AS TIMESTAMP)", "date_trunc('hour', {S})", "({S} + INTERVAL 1 DAY)", "({S} + to_days(CAST({n} % 50 AS INTEGER)))", "({S} - INTERVAL '90 minutes')",
		"({D} + INTERVAL 1 MONTH)", "time_bucket(INTERVAL '2 hours', {S})", "try_strptime({t}, '%Y-%m-%d')", "make_timestamp(2024, 1, {i}, {i}, 0, 1.5)",
		"(({S} AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')"},
	boolKind: {"({n} < {n})", "({n} >= {i})", "({t} = {t})", "({t} <> {l})", "({f} > {f})", "({D} <= {D})", "({S} < {S})", "({d} <= {d})", "({b} AND {b})", "({b} OR {b})",
		"({b} AND {b} AND ({n} > 0))", "(NOT {b})", "({t} IS NULL)", "({n} IS NOT NULL)", "({n} IN ({i}, {n}))", "({t} NOT IN ({l}, {t}))", "({n} BETWEEN {i} AND {n})",
		"({D} NOT BETWEEN {D} AND {D})", "({t} LIKE '%a%')", "({t} NOT LIKE '_')", "({t} ILIKE 'A%')", "({t} GLOB '[a-z]*')", "({t} SIMILAR TO '.*[0-9]')", "({t} ^@ {l})",
		"contains({t}, {l})", "regexp_matches({t}, '^.a')", "({n} IS DISTINCT FROM {n})", "({t} IS NOT DISTINCT FROM {t})", "({b} IS TRUE)", "({b} IS NOT FALSE)",
		"list_contains([{n}, {i}], {i})", "({n} = ANY([{i}, {n}]))", "({i} IN [{n}, 2])", "(row({n}, {t}) < row({i}, {l}))", "(({n}, {t}) = ({i}, {l}))",
		"({t} COLLATE NOCASE = {t})", "({t} COLLATE de < {l})", "({t} COLLATE NOACCENT.NOCASE <> {l})", "list_has_any([{n}], [{i}])", "isfinite({f})",
		"({t} LIKE '%\\_%' ESCAPE '\\')", "starts_with({t}, {l})"},
}

// aggregatePatterns are of the rows of a group, in whatever order they come.
var aggregatePatterns = map[kind][]string{
	textKind: {"max({t})", "min({t})", "string_agg({x}, ',' ORDER BY {x})", "first({x} ORDER BY {x})", "CAST(list({x} ORDER BY {x}) AS VARCHAR)", "any_value({x} ORDER BY {x})",
		"CAST(histogram({x}) AS VARCHAR)", "CAST(list(DISTINCT {x} ORDER BY {x} DESC NULLS LAST) AS VARCHAR)", "max({t}) FILTER (WHERE {b})", "CAST(max({n}, 2) AS VARCHAR)"},
	wholeKind: {"count(*)", "count({f})", "count(DISTINCT {t})", "CAST(sum({n}) AS BIGINT)", "max({n})", "min({n})", "count(*) FILTER (WHERE {b})", "CAST(sum(DISTINCT {n}) AS BIGINT)",
		"bit_xor({n})", "quantile_disc({n}, 0.5)", "approx_count_distinct({t})", "len(list({n}))", "CAST(count_if({b}) AS BIGINT)", "CAST(list_sum(list({n})) AS BIGINT)",
		"count(DISTINCT ({n}, {t}))", "arg_max({x}, {x})"},
	decimalKind: {"CAST(sum({d}) AS DECIMAL(28,3))", "max({d})", "min({d})", "quantile_disc({d}, 0.25)"},
	floatKind:   {"avg({n})", "avg({d})", "stddev({n})", "median({n})", "quantile_cont({n}, 0.25)", "var_pop({n})", "max({f})", "corr({n}, {n})", "sum({f} ORDER BY {o})"},
	dateKind:    {"max({D})", "min({D})", "any_value({x} ORDER BY {x})"},
	timeKind:    {"max({S})", "min({S})", "last({x} ORDER BY {x})"},
	boolKind:    {"bool_and({b})", "bool_or({b})", "max({b})", "count(*) > {i}"},
}

// windowPatterns are over rows in an order of all there is of them, or of peers:
// of every kind, and of one more often.
var windowPatterns = []string{"lag({k} IGNORE NULLS) OVER (PARTITION BY {b} ORDER BY {o})", "lag({k}) OVER (ORDER BY {o})", "lead({k}, {i}, {k}) OVER (PARTITION BY {t} ORDER BY {o})", "first_value({k}) OVER (ORDER BY {o})",
	"last_value({k} IGNORE NULLS) OVER (ORDER BY {o} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
	"nth_value({k}, 2) OVER (PARTITION BY {b} ORDER BY {o} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
	"max({k}) OVER (PARTITION BY {t}, {b})", "min({k}) OVER (ORDER BY {n} RANGE BETWEEN 2 PRECEDING AND 3 FOLLOWING)",
	"max({k}) OVER (ORDER BY {t} GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES)", "max({k}) FILTER (WHERE {b}) OVER (ORDER BY {n})",
	"min({k}) OVER (ORDER BY {o} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW)",
	"first_value({k} ORDER BY {o}) OVER (PARTITION BY {b})"}

var kindWindowPatterns = map[kind][]string{
	wholeKind: {"row_number() OVER (ORDER BY {o})", "rank() OVER (ORDER BY {t} DESC NULLS LAST)", "dense_rank() OVER (PARTITION BY {b} ORDER BY {n})",
		"ntile({i}) OVER (ORDER BY {o})", "count(*) OVER (ORDER BY {D} RANGE BETWEEN INTERVAL 30 DAYS PRECEDING AND CURRENT ROW)", "CAST(sum({n}) OVER (ORDER BY {n}) AS BIGINT)",
		"count(DISTINCT {t}) OVER (PARTITION BY {b})", "count({t}) OVER (ORDER BY {n} GROUPS BETWEEN CURRENT ROW AND 1 FOLLOWING EXCLUDE GROUP)",
		"CAST(sum(DISTINCT {n}) OVER (PARTITION BY {t}) AS BIGINT)"},
	floatKind: {"percent_rank() OVER (ORDER BY {n})", "cume_dist() OVER (PARTITION BY {b} ORDER BY {t})", "avg({n}) OVER (ORDER BY {t})",
		"median({n}) OVER (PARTITION BY {t})", "avg({n}) OVER (ORDER BY {S} RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL 1 DAY FOLLOWING)"},
}
