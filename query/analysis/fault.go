package analysis

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"

	"zonebox/query/ast"
)

// Fault is one reason why a statement is refused.
type Fault struct {
	Code           string
	Start, End     int // byte span in the statement; both -1 if it has no place
	ZH, EN         string
	HintZH, HintEN string // the smallest grant or rewrite that would pass, "" if there is none
	Articles       []string
	Path           []string // from the output to the offending column
	About          string   // what the texts name
	Want           *Want    // the grant that would lift this fault, nil if none does
}

// Want is what a grant would have to give beyond what it gives: permissions on a
// column, or, without any, the column itself or a masked form of it.
type Want struct {
	Ref
	Permissions []string
}

// Refusal is the error of a statement that must not run, with every fault found,
// in the order of their places.
//
// Known is what is certain of the statement all the same: tables, columns and
// functions that it names. What is not there may be in the statement.
type Refusal struct {
	Faults    []Fault
	Known     Facts
	Protected bool // reads a protected table, as far as that is known
}

// Error names the codes only: fault texts name columns, which not every reader
// of an error may see.
func (r *Refusal) Error() string {
	codes := make([]string, len(r.Faults))
	for i, f := range r.Faults {
		codes[i] = f.Code
	}
	return "analysis: statement refused: " + strings.Join(codes, ", ")
}

// Codes of faults. They are stable.
const (
	UnknownName           = "UNKNOWN_NAME"
	AmbiguousName         = "AMBIGUOUS_NAME"
	ReservedName          = "RESERVED_NAME"
	NotGranted            = "NOT_GRANTED"
	NoEntityKey           = "NO_ENTITY_KEY"
	OuterName             = "OUTER_NAME"
	UnsupportedSyntax     = "UNSUPPORTED_SYNTAX"
	TooComplex            = "TOO_COMPLEX"
	TypeMismatch          = "TYPE_MISMATCH"
	MayRaise              = "MAY_RAISE"
	FunctionNotAllowed    = "FUNCTION_NOT_ALLOWED"
	NotGrouped            = "NOT_GROUPED"
	MisplacedAggregate    = "MISPLACED_AGGREGATE"
	ComputeOnlyProjected  = "COMPUTE_ONLY_PROJECTED"
	ComputeOnlyPredicate  = "COMPUTE_ONLY_PREDICATE"
	ComputeOnlyExpression = "COMPUTE_ONLY_EXPRESSION"
	ComputeOnlyRecords    = "COMPUTE_ONLY_RECORDS"
	ComputeOnlyGroup      = "COMPUTE_ONLY_GROUP"
	ComputeOnlyOrder      = "COMPUTE_ONLY_ORDER"
	GroupLabelNotPublic   = "GROUP_LABEL_NOT_PUBLIC"
	TokenNotBare          = "TOKEN_NOT_BARE"
	TokenOrder            = "TOKEN_ORDER"
	AggregateReveals      = "AGGREGATE_REVEALS"
	AggregateNotGranted   = "AGGREGATE_NOT_GRANTED"
	AggregateArgument     = "AGGREGATE_ARGUMENT"
	PerEntityAggregate    = "PER_ENTITY_AGGREGATE"
	ConditionSpansTables  = "CONDITION_SPANS_TABLES"
	JoinNotEqui           = "JOIN_NOT_EQUI"
	JoinSourceNotPlain    = "JOIN_SOURCE_NOT_PLAIN"
	LimitUnderProtected   = "LIMIT_UNDER_PROTECTED"
	ParameterUnknown      = "PARAMETER_UNKNOWN"
	ParameterUnused       = "PARAMETER_UNUSED"
	ParameterPlace        = "PARAMETER_PLACE"
	OrderNotOutput        = "ORDER_NOT_OUTPUT"
	SetOverProtected      = "SET_OVER_PROTECTED"
	SubqueryProtected     = "SUBQUERY_PROTECTED"
)

// wording is what a code means: a sentence in each language, with %s for the name
// it is about, what would help, and the articles the rule serves.
type wording struct {
	zh, en, hintZH, hintEN string
	articles               []string
}

var (
	scope13   = []string{"NJ24-13"}
	level14   = []string{"NJ24-14"}
	both1416  = []string{"NJ24-14", "NJ24-16"}
	domain16  = []string{"NJ24-16"}
	anything3 = []string{"NJ24-13", "NJ24-14", "NJ24-16"}
)

// manyGroupings is what GROUP BY does that groups by more than one list.
const manyGroupings = "ROLLUP, CUBE, GROUPING SETS"

// instead says what to write for what is not supported, in both languages, where there
// is another way to ask for the same.
var instead = map[string][2]string{
	manyGroupings: {"每个分组层次写一个 SELECT … GROUP BY,用 UNION ALL 相接,或分几个语句提问",
		"write one SELECT … GROUP BY for each list of columns and put them together by UNION ALL, or ask several statements"},
}

// texts explains every code.
var texts = map[string]wording{
	UnknownName:   {"名称不存在或不可用:%s", "unknown name: %s", "", "", scope13},
	AmbiguousName: {"名称有歧义:%s", "ambiguous name: %s", "请写成 表.列,或更换别名", "write it as table.column or choose another alias", scope13},
	ReservedName:  {"名称不得以两个下划线开头:%s", "a name must not start with two underscores: %s", "请更换名称", "choose another name", domain16},
	NotGranted: {"本场景未获授权使用该列:%s", "this scenario has no grant for the column %s", "申请对 %s 的最小授权(COMPUTE_ONLY 或 MASKED)",
		"ask for the smallest grant on %s (COMPUTE_ONLY or MASKED)", scope13},
	NoEntityKey: {"受保护的表未登记主体键,无法保证最小人数:%s", "the protected table %s declares no entity key, so no minimum group can be kept",
		"请数据提供单位登记主体键", "the provider must declare the entity key", level14},
	OuterName: {"涉及受保护的表时,表达式中的子查询不得使用外层查询的列:%s", "beside protected tables a subquery in an expression must not use a column of the query around it: %s",
		"在 FROM 的子查询中按该列分组聚合,再以等值条件连接", "aggregate by that column in a subquery of FROM, and join on it", both1416},
	UnsupportedSyntax:  {"不支持的语法:%s", "unsupported syntax: %s", "改用受支持的写法", "write it in a supported way", domain16},
	TooComplex:         {"语句过于复杂:%s", "the statement is too complex: %s", "请拆分语句", "split the statement", domain16},
	TypeMismatch:       {"类型不一致,转换可能失败:%s", "types differ and the conversion could fail: %s", "两边写成同一类型(脱敏列多为文本,常量须加引号),或用 TRY_CAST 写明转换", "give both sides one type (most masked columns are text: quote the constant), or write the conversion with TRY_CAST", domain16},
	MayRaise:           {"该表达式可能报错,而报错会泄露信息:%s", "the expression could raise an error, which would reveal a bit: %s", "请在子查询中聚合,在外层计算", "aggregate in a subquery and compute outside", both1416},
	FunctionNotAllowed: {"许可清单不允许在此使用该函数:%s", "the reviewed list does not allow the function %s here", "改用清单许可的函数", "use a function that the list allows", domain16},
	NotGrouped:         {"未分组的列只能出现在聚合函数中:%s", "%s must appear in GROUP BY or inside an aggregate", "加入 GROUP BY", "add it to GROUP BY", domain16},
	MisplacedAggregate: {"此处不能使用聚合函数:%s", "the aggregate %s is not allowed here", "在子查询中聚合,或写进 HAVING", "aggregate in a subquery, or write the condition into HAVING", domain16},
	ComputeOnlyProjected: {"仅供计算的列不得输出:%s", "the compute-only column %s must not leave",
		"在许可之内聚合或分组,或申请 MASKED 授权:%s", "aggregate it or group by it as far as permitted, or ask for a MASKED grant on %s", both1416},
	ComputeOnlyPredicate: {"仅供计算的列不得用于此条件:%s", "the compute-only column %s must not be used in this condition",
		"申请许可 %s", "ask for the permission %s", both1416},
	ComputeOnlyExpression: {"仅供计算的列只能裸用,不得参与表达式:%s", "the compute-only column %s must stand bare, not inside an expression",
		"直接对该列聚合;条件(WHERE、FILTER)中只在许可之内与常量比较", "aggregate the bare column; in a condition (WHERE, FILTER) compare it with constants only, as far as permitted", both1416},
	ComputeOnlyRecords:  {"仅供计算的列不得决定输出哪些记录:%s", "the compute-only column %s must not decide which records leave", "改用聚合结果", "ask for an aggregate instead", both1416},
	ComputeOnlyGroup:    {"仅供计算的列不得分组:%s", "the compute-only column %s must not be a group key", "申请许可 groupkey:%s", "ask for the permission groupkey on %s", both1416},
	ComputeOnlyOrder:    {"仅供计算的列不得排序:%s", "the compute-only column %s must not decide an order", "申请许可 order:%s", "ask for the permission order on %s", both1416},
	GroupLabelNotPublic: {"三级及以上的分组标签须属于公开代码表:%s", "the group label %s is no public code list and must not leave", "不输出该标签,或申请 MASKED 授权:%s", "leave the label out, or ask for a MASKED grant on %s", level14},
	TokenNotBare:        {"标识令牌只能原样使用:%s", "the token %s must stand bare", "只输出、连接、分组或与令牌比较", "only select, join, group or compare it for equality", both1416},
	TokenOrder:          {"不得按标识令牌排序:%s", "the token %s must not decide an order", "去掉该排序键", "drop the sort key", both1416},
	AggregateReveals:    {"该聚合会给出个体的值:%s", "the aggregate %s would show the value of one entity", "改用 sum、avg 或 count", "use sum, avg or count", both1416},
	AggregateNotGranted: {"该列未获此聚合许可:%s", "the grant does not permit this aggregate: %s", "申请许可 %s", "ask for the permission %s", both1416},
	AggregateArgument: {"受保护表上的聚合参数必须是裸列:%s", "over protected tables an aggregate takes a bare column of theirs: %s",
		"把条件写进 FILTER,把计算放到聚合之后", "put conditions into FILTER and computations after the aggregate", anything3},
	PerEntityAggregate: {"按主体分组的聚合不得带 FILTER 或可空参数:%s", "an aggregate per entity must have no FILTER and no nullable argument: %s",
		"把条件写进 WHERE", "put the condition into WHERE", both1416},
	ConditionSpansTables: {"涉及受保护表的条件只能用到一张表,或是两个裸列相等:%s", "over protected tables a condition may use one table, or equate two bare columns: %s",
		"拆成多个以 AND 连接的条件", "split it into conditions joined by AND", both1416},
	JoinNotEqui:        {"受保护的表须以等值条件连接:%s", "protected tables must be joined by equal columns: %s", "补充等值连接条件", "add an equality to the join", both1416},
	JoinSourceNotPlain: {"与受保护表连接的子查询不得自带连接:%s", "a subquery joined with a protected table must not contain a join: %s", "直接连接各表", "join the tables themselves", both1416},
	ParameterUnknown: {"语句使用了未声明的参数:$%s", "the statement uses a parameter that is not declared: $%s",
		"只有模板可以带参数,且须先声明其类型与取值范围", "only a template has parameters, each declared with its type and domain", scope13},
	ParameterUnused: {"声明的参数未在语句中使用:$%s", "a declared parameter is not used in the statement: $%s",
		"在语句中使用该参数,或从模板中删去", "use it in the statement, or take it out of the template", scope13},
	ParameterPlace: {"涉及受保护的表时,参数只能作为比较的常量,或最外层的 LIMIT、OFFSET:$%s", "beside protected tables a parameter stands only as the constant of a comparison, or as LIMIT or OFFSET of the outermost query: $%s",
		"直接与列比较(=、<、>、IN、BETWEEN),不加函数、运算或转换", "compare it with a column by =, <, >, IN or BETWEEN, without functions, arithmetic or casts", both1416},
	LimitUnderProtected: {"聚合前不得对受保护的行使用 LIMIT:%s", "LIMIT must not cut rows of a protected table before they are aggregated: %s",
		"把 LIMIT 移到最外层", "move LIMIT to the outermost query", both1416},
	SetOverProtected: {"受保护的行不得参与 %s,只可 UNION ALL", "rows of protected tables may be put together by UNION ALL only, not by %s",
		"先在子查询中聚合,或改用 UNION ALL", "aggregate in the inputs first, or use UNION ALL", both1416},
	SubqueryProtected: {"表达式中的子查询须先聚合受保护的行:%s", "a subquery in an expression must aggregate the protected rows it reads: %s",
		"在子查询中聚合,或改写为等值连接", "aggregate inside it, or write it as a join on equal columns", both1416},
	OrderNotOutput: {"记录级结果只能按输出列排序:%s", "record-level answers may be ordered by output columns only: %s", "把该排序键加入输出", "add the sort key to the output", both1416},
}

// maxFaults bounds how many are told: finding the place of each takes time.
const maxFaults = 500

// fault records a fault of code at node. name fills the sentence and, where the
// hint has a place for it, hint does.
func (a *analyzer) fault(code string, node ast.Node, name, hint string, path ...string) {
	t, ok := texts[code]
	if !ok {
		panic("analysis: fault code " + code + " has no text")
	}
	if !a.trial && len(a.faults) >= maxFaults {
		return
	}
	if what, known := instead[name]; known && code == UnsupportedSyntax {
		t.hintZH, t.hintEN = what[0], what[1]
	}
	f := Fault{Code: code, Start: -1, End: -1, ZH: fill(t.zh, name), EN: fill(t.en, name),
		HintZH: fill(t.hintZH, hint), HintEN: fill(t.hintEN, hint), Articles: t.articles, Path: path, About: name,
		Want: a.want(code, cmp.Or(hint, name))}
	if f.Want != nil && len(path) == 0 {
		f.Path = []string{f.Want.Table + "." + f.Want.Column}
	}
	if node != nil {
		f.Start, f.End = a.span(node)
	}
	for _, g := range a.faults { // one expression may be judged in two roles
		if g.Code == f.Code && g.Start == f.Start && g.End == f.End && g.EN == f.EN {
			return
		}
	}
	a.faults = append(a.faults, f)
}

// lifted are the faults that a grant can lift, with the permission it takes where
// the fault's hint does not say.
var lifted = map[string]string{
	NotGranted: "", ComputeOnlyProjected: "", GroupLabelNotPublic: "", ComputeOnlyExpression: "", ComputeOnlyRecords: "",
	ComputeOnlyPredicate: "", AggregateNotGranted: "", ComputeOnlyGroup: "groupkey", ComputeOnlyOrder: "order",
}

// want reads a hint, "permission, permission table.column", back into what to ask
// for.
func (a *analyzer) want(code, hint string) *Want {
	permission, ok := lifted[code]
	if !ok {
		return nil
	}
	for _, t := range a.tables {
		for i := range t.Columns {
			ref := Ref{t.Name, t.Columns[i].Name}
			before, ok := strings.CutSuffix(hint, ref.Table+"."+ref.Column)
			if !ok || before != "" && !strings.HasSuffix(before, " ") {
				continue
			}
			w := &Want{Ref: ref}
			for _, p := range append(strings.FieldsFunc(before, func(r rune) bool { return r == ',' || r == ' ' }), permission) {
				if p != "" {
					w.Permissions = append(w.Permissions, p)
				}
			}
			return w
		}
	}
	return nil
}

func fill(s, name string) string {
	if strings.Contains(s, "%s") {
		return fmt.Sprintf(s, name)
	}
	return s
}

// refusal returns what was found. root is the statement as far as it was lowered,
// nil if it was not.
func (a *analyzer) refusal(root *block) *Refusal {
	a.faults = slices.DeleteFunc(slices.Clone(a.faults), a.follows)
	sort.SliceStable(a.faults, func(i, j int) bool { return a.faults[i].Start < a.faults[j].Start })
	if root != nil {
		for _, it := range root.items {
			for _, s := range it.val.from {
				a.facts.columns[s.String()] = true
			}
		}
	}
	out := &Refusal{Faults: a.faults, Known: a.known()}
	for name := range a.facts.tables {
		out.Protected = out.Protected || a.tables[fold(name)].protected
	}
	return out
}

// follows reports whether f is only a consequence of another fault: what has no
// name has no type either, and is no column.
func (a *analyzer) follows(f Fault) bool {
	return (f.Code == TypeMismatch || f.Code == AggregateArgument) && slices.ContainsFunc(a.faults, func(g Fault) bool {
		return unnamed(g) && f.Start >= 0 && f.Start <= g.Start && g.End <= f.End
	})
}

// unnamed reports whether a fault is that something has no meaning here.
func unnamed(f Fault) bool {
	return slices.Contains([]string{UnknownName, OuterName, NotGranted, AmbiguousName, FunctionNotAllowed}, f.Code)
}

// meaningless reports whether a fault is on record that n has no meaning.
func (a *analyzer) meaningless(n ast.Node) bool {
	start, end := a.span(n)
	return start >= 0 && slices.ContainsFunc(a.faults, func(f Fault) bool { return unnamed(f) && start <= f.Start && f.End <= end })
}

func withOf(n ast.Node) []ast.CTE {
	switch n := n.(type) {
	case *ast.Select:
		return n.With
	case *ast.SetOperation:
		return n.With
	case *ast.Recursive:
		return n.With
	}
	return nil
}
