package ast

import (
	"slices"
	"strings"
)

// windowTypes are the types the engine gives functions over a window by their
// names; all others are WINDOW_AGGREGATE.
var windowTypes = map[string]string{
	"rank":         "WINDOW_RANK",
	"rank_dense":   "WINDOW_RANK_DENSE",
	"dense_rank":   "WINDOW_RANK_DENSE",
	"percent_rank": "WINDOW_PERCENT_RANK",
	"row_number":   "WINDOW_ROW_NUMBER",
	"first_value":  "WINDOW_FIRST_VALUE",
	"first":        "WINDOW_FIRST_VALUE",
	"last_value":   "WINDOW_LAST_VALUE",
	"last":         "WINDOW_LAST_VALUE",
	"nth_value":    "WINDOW_NTH_VALUE",
	"cume_dist":    "WINDOW_CUME_DIST",
	"lead":         "WINDOW_LEAD",
	"lag":          "WINDOW_LAG",
	"ntile":        "WINDOW_NTILE",
	"fill":         "WINDOW_FILL",
}

func (d *decoder) window(m Meta, r *record) *Window {
	w := &Window{
		Meta:        m,
		Catalog:     r.text("catalog"),
		Schema:      r.text("schema"),
		Name:        r.text("function_name"),
		Distinct:    r.flag("distinct"),
		IgnoreNulls: r.flag("ignore_nulls"),
	}
	r.must("function_name", w.Name != "")
	r.must("catalog", w.Catalog == "" || w.Schema != "")
	kind, special := windowTypes[w.Name]
	if !special {
		kind = "WINDOW_AGGREGATE"
	}
	oneOf(r, "type", kind)
	for _, v := range r.list("children") {
		w.Args = append(w.Args, d.item(v))
	}
	most := len(w.Args)
	switch kind {
	case "WINDOW_AGGREGATE":
		r.must("ignore_nulls", !w.IgnoreNulls)
	case "WINDOW_NTH_VALUE":
		most = 2
	default:
		most = 1
	}
	r.must("children", len(w.Args) <= most)
	// The second and third argument of lead and lag stand apart.
	for _, name := range []string{"offset_expr", "default_expr"} {
		if v := r.take(name); v != nil {
			r.must(name, (kind == "WINDOW_LEAD" || kind == "WINDOW_LAG") && (name == "offset_expr" || len(w.Args) == 2) && len(w.Args) > 0)
			w.Args = append(w.Args, d.item(v))
		}
	}
	w.OrderBy = d.orders(r.list("arg_orders"))
	r.must("arg_orders", w.OrderBy == nil || kind != "WINDOW_RANK_DENSE")
	w.Filter = d.optional(r.take("filter_expr"))
	r.must("distinct", !w.Distinct || !special && len(w.Args) > 0)
	r.must("filter_expr", !special || w.Filter == nil)
	w.Partition = d.exprs(r.list("partitions"))
	w.Order = d.orders(r.list("orders"))
	w.Frame = d.frame(r)
	return w
}

func (d *decoder) frame(r *record) Frame {
	f := Frame{
		Start:       oneOf(r, "start", bounds...),
		End:         oneOf(r, "end", bounds...),
		StartOffset: d.optional(r.take("start_expr")),
		EndOffset:   d.optional(r.take("end_expr")),
		Exclude:     oneOf(r, "exclude_clause", ExcludeNoOthers, ExcludeCurrentRow, ExcludeGroup, ExcludeTies),
	}
	r.must("start_expr", (f.StartOffset != nil) == f.Start.offset())
	r.must("end_expr", (f.EndOffset != nil) == f.End.offset())
	r.must("end", f.valid())
	return f
}

var bounds = []Bound{
	UnboundedPreceding, PrecedingRows, PrecedingRange, PrecedingGroups, CurrentRows, CurrentRange, CurrentGroups,
	FollowingRows, FollowingRange, FollowingGroups, UnboundedFollowing,
}

// parts returns where a bound lies and its unit, "" if it has none.
func (b Bound) parts() (side, unit string) {
	if i := strings.LastIndexByte(string(b), '_'); b != UnboundedPreceding && b != UnboundedFollowing {
		return string(b[:i]), string(b[i+1:])
	}
	return string(b), ""
}

func (b Bound) offset() bool { return strings.HasPrefix(string(b), "EXPR_") }

// valid reports whether the parser could have given f: its ends share a unit and
// are in order.
func (f Frame) valid() bool {
	start, unit := f.Start.parts()
	end, other := f.End.parts()
	sides := []string{"UNBOUNDED_PRECEDING", "EXPR_PRECEDING", "CURRENT_ROW", "EXPR_FOLLOWING", "UNBOUNDED_FOLLOWING"}
	return (unit == "" || other == "" || unit == other) && slices.Index(sides, start) <= slices.Index(sides, end) &&
		f.Start != UnboundedFollowing && f.End != UnboundedPreceding
}
