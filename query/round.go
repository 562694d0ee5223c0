package query

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zonebox/query/analysis"
	"zonebox/query/ast"
	"zonebox/release"
)

// oddMultiple returns the least odd multiple of base that is not under wish, which is wish
// itself where there is no base. The nearest multiple of an odd multiple of base follows
// from that of base: whoever has a figure rounded to several of them knows no more of it
// than whoever has it rounded to base.
func oddMultiple(base, wish int64) int64 {
	if base == 0 {
		return wish
	}
	times := max(1, (wish+base-1)/base)
	return base * (times + 1 - times%2)
}

// leastBase is of whose multiples totals of that level over entities of the kind leave,
// by the pack and the scenario; 0 leaves them as they are.
func (r *run) leastBase(kind string, level int) int64 {
	return oddMultiple(r.pack.Disclosive(kind, level).Round, r.facts.Scenario.Spec.Round)
}

// baseOf is that of totals of the run, which a reviewer may have made larger.
func (r *run) baseOf(kind string, level int) int64 {
	base := r.leastBase(kind, level)
	if r.coarsens != nil {
		base = oddMultiple(base, r.coarsens.done.Round)
	}
	return base
}

// largest returns the largest base that one of the entities asks for whose rows an
// aggregate takes, at the levels of the columns that it is computed from.
func (r *run) largest(s *analysis.Statement, a analysis.Aggregate, base func(kind string, level int) int64) (out int64) {
	for _, ref := range s.References {
		kind := r.catalog.datasets[ref.Table].Spec.Entity.Kind // a protected table has one
		level := highestLevel
		if columns := ownColumns(ref.Table, a.Measures); len(columns) > 0 {
			level = r.catalog.level(columns)
		}
		out = max(out, base(kind, level))
	}
	return out
}

// ownColumns are those of "table.column" that a table has.
func ownColumns(table string, names []string) (out []analysis.Ref) {
	for _, name := range names {
		if column, own := strings.CutPrefix(name, table+"."); own {
			out = append(out, analysis.Ref{Table: table, Column: column})
		}
	}
	return out
}

// bases are of whose multiples each output leaves.
func (r *run) bases(s *analysis.Statement) []int64 {
	out := make([]int64, len(s.Outputs))
	for _, e := range s.Evidence {
		for _, a := range e.Aggregates {
			if e.Root && e.Releases && a.Output >= 0 {
				out[a.Output] = r.largest(s, a, r.baseOf)
			}
		}
	}
	return out
}

// rounds finds against a statement whose totals leave rounded, and that does more with
// them than to show them.
func (p *parsed) rounds(s *analysis.Statement) {
	base := int64(0)
	for _, e := range s.Evidence {
		for _, a := range e.Aggregates {
			base = max(base, p.largest(s, a, p.baseOf))
		}
	}
	if base == 0 {
		return
	}
	if zh, en := unroundable(s); zh != "" {
		p.found.against = append(p.found.against, Detail{Code: "ROUNDED_TOTALS", Articles: []string{"NJ24-14"},
			ZH: fmt.Sprintf("此处计数与合计取整为 %d 的倍数,%s", base, zh), EN: fmt.Sprintf("counts and sums are rounded to multiples of %d here: %s", base, en),
			HintZH: "从一张表中只输出 count 与 sum 本身,不用 HAVING,只按分组列排序;平均值可由取整后的 sum 与 count 相除",
			HintEN: "ask one table for count and sum as they are, without HAVING, in the order of group keys at most; an average is the rounded sum by the rounded count"})
	}
}

// unroundable says why the figures of a statement cannot leave as multiples, "" if they
// can: one that is neither a count nor a sum, or what is done with one that is not
// rounded, would tell more than the rounded ones.
func unroundable(s *analysis.Statement) (zh, en string) {
	i := slices.IndexFunc(s.Evidence, func(e analysis.Evidence) bool { return e.Root && e.Releases })
	figure := func(o analysis.Order) bool { return s.Outputs[o.Output].Form == release.Aggregate }
	switch {
	case i < 0:
		return "结果不是受保护数据的分组统计", "the output is not made of totals of protected rows"
	case s.Evidence[i].Having || len(s.Evidence) > 1 || s.Ordered && (len(s.Order) == 0 || slices.ContainsFunc(s.Order, figure)):
		return "语句按未取整的数值筛选或排序", "the statement chooses or orders groups by what is not rounded"
	}
	one := false
	if root, single := s.Tree.(*ast.Select); single {
		_, one = root.From.(*ast.Table)
	}
	if !one { // a join may repeat rows until every figure is a multiple
		return "语句不止读一张表", "the statement reads more than one table"
	}
	for at, o := range s.Outputs {
		alone := func(a analysis.Aggregate) bool {
			return a.Output == at && a.Alone && slices.Contains([]string{"count", "count_star", "sum"}, a.Function)
		}
		if o.Form == release.Aggregate && !slices.ContainsFunc(s.Evidence[i].Aggregates, alone) {
			name := outputName(at, o.Name)
			return "列 " + name + " 既非计数也非合计", "column " + name + " is neither a count nor a sum"
		}
	}
	return "", ""
}

// coarserBase checks the base of a reviewer against those that the figures leave by
// anyhow.
func (r *run) coarserBase(s *analysis.Statement) error {
	wish, more := r.coarsens.done.Round, false
	for _, e := range s.Evidence {
		for _, a := range e.Aggregates {
			least := r.largest(s, a, r.leastBase)
			if least < wish && oddMultiple(least, wish) != wish {
				n := strconv.FormatInt(least, 10)
				return BadRequest("取整的基数须为 "+n+" 的奇数倍", "the base of rounding is an odd multiple of "+n)
			}
			more = more || least < wish
		}
	}
	if !more {
		return BadRequest("已按更大或相同的基数取整", "figures are rounded to as much already")
	}
	return nil
}

// ruleTotals is the rule on totals, by entities and level; figureBase the one of its
// figures that tells of whose multiples they leave.
const (
	ruleTotals = "totals"
	figureBase = "base"
)

// roundedNotes tell the recipient of whose multiples figures of the output leave.
func (rec record) roundedNotes() (out []string) {
	for _, rule := range rec.Rules {
		base := rule.Figures[figureBase]
		note := "计数与合计各自取整为 " + base + " 的倍数,部分之和未必等于总数 / counts and sums are rounded to multiples of " + base + ", each by itself: parts need not add up to the whole"
		if base != "" && !slices.Contains(out, note) {
			out = append(out, note)
		}
	}
	return out
}

// roundedNow reports whether an output, which may have waited, is rounded to what pack
// and scenario ask for now.
func (o *output) roundedNow() bool {
	for _, rule := range o.record.Rules {
		if rule.Rule != ruleTotals {
			continue
		}
		level, err := strconv.Atoi(rule.Figures["level"])
		if err != nil { // of counts
			level = highestLevel
		}
		base, err := strconv.ParseInt(rule.Figures[figureBase], 10, 64)
		if err != nil {
			base = 0
		}
		if oddMultiple(o.leastBase(rule.Figures["entity"], level), base) != base {
			return false
		}
	}
	return true
}
