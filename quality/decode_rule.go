package quality

import (
	"fmt"
	"math"
	"regexp/syntax"
	"slices"
	"strings"
)

// dimensionOf maps the dimensions of ODCS to the six: uniqueness is part of
// accuracy in GB/T 36344 (数据重复率, 数据唯一性), coverage of completeness.
var dimensionOf = map[string]Dimension{
	"accuracy": Accuracy, "completeness": Completeness, "conformity": Conformity, "consistency": Consistency,
	"coverage": Completeness, "timeliness": Timeliness, "uniqueness": Accuracy,
}

// rule reads one entry of quality, of the column named or of the rows.
func (r *reader) rule(o object, column string) {
	if o.fields == nil {
		return
	}
	rule := Rule{Path: o.path, Description: o.text("description")}
	id, name := o.text("id"), o.text("name")
	if id == "" {
		id = name
	}
	if len(id) > 100 {
		r.fault(o.path, "规则标识不得超过 100 字节", "the id of a rule has at most 100 bytes")
	}
	o.skip(qualitySkips...)
	o.refuse("不支持:网关每日检查一次,规则不得自定时间", "is not supported: the gate checks once a day, a rule sets no time of its own", "schedule", "scheduler")
	o.refuse("已废弃,请用 metric", "is deprecated: use metric", "rule")
	if column != "" {
		rule.Columns = []string{column}
	}
	kind := o.text("type")
	switch kind {
	case "", "library":
	case "text":
		o.skip("metric", "dimension", "severity", "unit") // for people: nothing is measured
		o.end()
		return
	case "sql":
		r.fault(o.at("type"), "不支持 sql 规则:原始数据不接受查询语句,请用 library 指标", "rules of type sql are not supported: no statement runs over raw rows; use a metric of the library")
		return
	case "custom":
		r.fault(o.at("type"), "不支持其他引擎的规则:请用 library 指标,内置校验器写作 arguments.validator", "rules for other engines are not supported: use a metric of the library; built-in validators are arguments.validator")
		return
	default:
		r.fault(o.at("type"), "须为 library 或 text", "must be library or text")
		return
	}
	r.severity(o, &rule)
	r.test(o, &rule)
	dimension := o.text("dimension")
	rule.Metric = Metric(o.text("metric"))
	r.arguments(o, &rule, column)
	o.end()
	if dimension != "" {
		d, ok := dimensionOf[dimension]
		if !ok {
			r.fault(o.at("dimension"), "须为 accuracy、completeness、conformity、consistency、coverage、timeliness 或 uniqueness",
				"must be accuracy, completeness, conformity, consistency, coverage, timeliness or uniqueness")
		}
		rule.Dimension = d
	}
	r.add(rule, id, "")
}

func (r *reader) severity(o object, rule *Rule) {
	switch s := o.text("severity"); s {
	case "":
		rule.Severity = Error
	case "error", "warning", "info":
		rule.Severity = Severity(s)
	default:
		r.fault(o.at("severity"), "须为 error、warning 或 info", "must be error, warning or info")
	}
}

// test reads unit and operator: exactly one is required.
func (r *reader) test(o object, rule *Rule) {
	switch o.text("unit") {
	case "", "rows":
	case "percent":
		rule.Percent = true
	default:
		r.fault(o.at("unit"), "须为 rows 或 percent", "must be rows or percent")
	}
	found := 0
	for _, op := range []Operator{MustBe, MustNotBe, GreaterThan, GreaterOrEqual, LessThan, LessOrEqual} {
		if _, ok := o.fields[string(op)]; ok {
			found++
			rule.Test = Test{Operator: op, A: o.number(string(op))}
		}
	}
	for _, op := range []Operator{Between, NotBetween} {
		if _, ok := o.fields[string(op)]; !ok {
			continue
		}
		found++
		pair := o.list(string(op))
		rule.Test = Test{Operator: op}
		if len(pair) != 2 {
			r.fault(o.at(string(op)), "须为两个数", "must be two numbers")
			continue
		}
		a, okA := finite(pair[0])
		b, okB := finite(pair[1])
		if !okA || !okB || a >= b {
			r.fault(o.at(string(op)), "须为两个数,小者在前", "must be two numbers, the smaller first")
		}
		rule.Test.A, rule.Test.B = a, b
	}
	if found != 1 {
		r.fault(o.path, "须恰有一个比较: %s", "needs exactly one of %s", operatorsInText)
	}
}

// arguments reads what the metric is of, and its default dimension.
func (r *reader) arguments(o object, rule *Rule, column string) {
	args := object{r, o.at("arguments"), nil}
	if v, ok := o.take("arguments"); ok {
		args = r.object(o.at("arguments"), v)
	}
	needsColumn := true
	switch rule.Metric {
	case NullValues:
		rule.Dimension = Completeness
	case MissingValues:
		rule.Dimension = Completeness
		r.missing(args, rule)
	case InvalidValues:
		needsColumn = false
		r.invalid(args, rule, column)
	case DuplicateValues:
		rule.Dimension, needsColumn = Accuracy, false
		r.several(args, rule, column)
	case RowCount:
		rule.Dimension, needsColumn = Completeness, false
		if column != "" {
			r.fault(o.at("metric"), "rowCount 属于整个数据集,不属于一列", "rowCount is of the dataset, not of a column")
		}
		if rule.Percent {
			r.fault(o.at("unit"), "rowCount 没有百分比", "rowCount has no percentage")
		}
	case "":
		r.fault(o.at("metric"), "缺少 metric", "is missing")
		return
	default:
		r.fault(o.at("metric"), "须为 nullValues、missingValues、invalidValues、duplicateValues 或 rowCount",
			"must be nullValues, missingValues, invalidValues, duplicateValues or rowCount")
		return
	}
	if needsColumn && column == "" {
		r.fault(o.at("metric"), "该指标属于一列,请写在 properties 下", "this metric is of a column: write it under properties")
	}
	args.end()
}

// several reads the columns of a rule of the rows, which belong together.
func (r *reader) several(args object, rule *Rule, column string) {
	if column != "" {
		return
	}
	if rule.Columns = args.names("properties"); len(rule.Columns) == 0 {
		r.fault(args.at("properties"), "缺少列", "is missing: the columns that are compared together")
	}
}

func (r *reader) missing(args object, rule *Rule) {
	list := args.list("missingValues")
	if len(list) == 0 {
		r.fault(args.at("missingValues"), "缺少视为缺失的取值", "is missing: the values that count as missing")
	}
	rule.NotNull = true
	for i, v := range list {
		if v == nil {
			rule.NotNull = false
			continue
		}
		if s, ok := r.constant(fmt.Sprintf("%s/%d", args.at("missingValues"), i), v); ok {
			rule.Missing = append(rule.Missing, s)
		}
	}
}

// constant returns a value of a list as text: text, a number as it is written,
// true or false.
func (r *reader) constant(path string, v any) (string, bool) {
	s, ok := "", true
	switch v := v.(type) {
	case string:
		s = v
	case interface{ String() string }: // json.Number
		s = v.String()
	case bool:
		s = fmt.Sprint(v)
	default:
		ok = false
	}
	if !ok || len(s) > maxText {
		r.fault(path, "须为文本、数值、true 或 false,不超过 %d 字节", "must be text, a number, true or false, at most %d bytes", maxText)
		return "", false
	}
	return s, true
}

func (r *reader) invalid(args object, rule *Rule, column string) {
	rule.Dimension = Conformity
	if v, ok := args.take("references"); ok {
		rule.Dimension = Consistency
		to := r.object(args.at("references"), v)
		rule.References = &Reference{Dataset: to.text("dataset"), Columns: to.names("properties")}
		to.end()
		r.several(args, rule, column)
		r.paired(args.path, rule)
		return
	}
	if column == "" {
		r.fault(args.path, "须写在 properties 下,或给出 references", "write it under properties, or name references")
		return
	}
	criteria := 0
	if _, ok := args.fields["validValues"]; ok {
		criteria++
		rule.Valid = []string{}
		for i, v := range args.list("validValues") {
			if s, ok := r.constant(fmt.Sprintf("%s/%d", args.at("validValues"), i), v); ok {
				rule.Valid = append(rule.Valid, s)
			}
		}
	}
	if _, ok := args.fields["pattern"]; ok {
		criteria++
		rule.Pattern = args.text("pattern")
		switch states, err := statesOf(rule.Pattern); {
		case err != nil || rule.Pattern == "":
			r.fault(args.at("pattern"), "不是合法的 RE2 表达式", "is not an RE2 expression")
		case states > maxStates:
			r.fault(args.at("pattern"), "展开为 %[1]d 个状态,不得超过 %[2]d;请缩短重复次数或拆成几条规则", "has %[1]d states, %[2]d at most; repeat less in it or make several rules of it", states, maxStates)
		}
	}
	for _, end := range []struct {
		name  string
		bound *string
	}{{"min", &rule.Min}, {"max", &rule.Max}} {
		name, bound := end.name, end.bound
		v, ok := args.take(name)
		if !ok {
			continue
		}
		criteria++
		rule.Dimension = Accuracy
		if s, ok := r.constant(args.at(name), v); ok {
			*bound = s
		}
		if *bound == "" {
			r.fault(args.at(name), "须为数值或日期", "must be a number or a date")
		}
	}
	if _, ok := args.fields["validator"]; ok {
		criteria++
		rule.Validator = args.text("validator")
		if !slices.Contains(Validators(), rule.Validator) {
			r.fault(args.at("validator"), "须为 %[1]s 之一", "must be one of %[1]s", strings.Join(Validators(), ", "))
		}
	}
	if criteria == 0 {
		r.fault(args.path, "须有 validValues、pattern、min、max、validator 或 references", "needs validValues, pattern, min, max, validator or references")
	}
}

// paired faults a reference whose two sides do not fit.
func (r *reader) paired(path string, rule *Rule) {
	if to := rule.References; to.Dataset == "" || len(to.Columns) == 0 || len(to.Columns) != len(rule.Columns) {
		r.fault(path, "引用须写明数据集与数目相同的列", "a reference names a dataset and as many columns as refer to it")
	}
}

// relationship reads a foreign key, of the column named or of several.
func (r *reader) relationship(o object, column string) {
	if o.fields == nil {
		return
	}
	rule := Rule{Path: o.path, Dimension: Consistency, Severity: Error, Metric: InvalidValues, Test: Test{Operator: MustBe}, References: &Reference{}}
	if t := o.text("type"); t != "" && t != "foreignKey" {
		r.fault(o.at("type"), "须为 foreignKey", "must be foreignKey")
	}
	o.skip("customProperties")
	if column != "" {
		rule.Columns = []string{column}
	} else {
		for _, from := range r.references(o, "from") {
			if from[0] != r.rules.Dataset {
				r.fault(o.at("from"), "须为本数据集的列", "must be columns of this dataset")
			}
			rule.Columns = append(rule.Columns, from[1])
		}
	}
	for i, to := range r.references(o, "to") {
		if i > 0 && to[0] != rule.References.Dataset {
			r.fault(o.at("to"), "须为同一数据集的列", "must be columns of one dataset")
		}
		rule.References.Dataset = to[0]
		rule.References.Columns = append(rule.References.Columns, to[1])
	}
	o.end()
	r.paired(o.path, &rule)
	r.add(rule, "", "relationship")
}

// references reads one or several "dataset.column".
func (r *reader) references(o object, name string) [][2]string {
	v, _ := o.take(name)
	list, several := v.([]any)
	if !several {
		list = []any{v}
	}
	var out [][2]string
	for _, one := range list {
		s, _ := one.(string)
		dot := strings.LastIndexByte(s, '.') // names of datasets may hold one
		if dot <= 0 || dot == len(s)-1 || len(list) > math.MaxUint8 {
			r.fault(o.at(name), "须写作 数据集.列", "must be dataset.column")
			return nil
		}
		out = append(out, [2]string{s[:dot], s[dot+1:]})
	}
	return out
}

// maxStates bounds what a pattern compiles to: a value is matched in time that is
// proportional to it, some 10 µs a byte at worst.
const maxStates = 256

// statesOf returns to how many states a pattern compiles.
func statesOf(pattern string) (int, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0, err
	}
	return len(prog.Inst), nil
}
