package quality

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Bounds of a contract, which is written by hand.
const (
	maxContract = 1 << 20
	maxRules    = 1000
	maxList     = 10000 // values of one list
	maxText     = 1000  // bytes of one of them
)

// Decode reads the rules of a dataset from a data contract (ODCS v3.1, as JSON;
// from YAML by a reader that refuses fields given twice). The contract has one
// schema object, of the dataset's name. Its rules are those under quality, of the
// object and of its properties, and what properties say of themselves: required,
// unique, primaryKey and relationships.
//
// Parts of a contract that set no rule (servers, team, price, …) are read over.
// Everything else is taken or refused: a rule that nobody checks is worse than
// none. The error is Faults.
func Decode(contract []byte, dataset string) (Rules, error) {
	if len(contract) > maxContract {
		return Rules{}, Faults{{"", "契约过大", "the contract is too large"}}
	}
	d := json.NewDecoder(bytes.NewReader(contract))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return Rules{}, Faults{{"", "契约不是合法 JSON", "the contract is not JSON"}}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Rules{}, Faults{{"", "契约之后还有内容", "something follows the contract"}}
	}
	r := &reader{rules: Rules{Dataset: dataset}, ids: map[string]bool{}}
	r.contract(r.object("", tree))
	if len(r.faults) > 0 {
		return Rules{}, r.faults
	}
	return r.rules, nil
}

// reader collects rules and faults of one contract.
type reader struct {
	rules  Rules
	ids    map[string]bool
	faults Faults
}

func (r *reader) fault(path, zh, en string, args ...any) {
	if len(r.faults) < 100 {
		r.faults = append(r.faults, Fault{path, fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)})
	}
}

// An object is a JSON object of which fields are taken one by one; those that
// are left at its end are unknown.
type object struct {
	r      *reader
	path   string
	fields map[string]any
}

func (r *reader) object(path string, v any) object {
	m, ok := v.(map[string]any)
	if !ok {
		r.fault(path, "须为对象", "must be an object")
	}
	return object{r, path, m}
}

func (o object) at(name string) string { return o.path + "/" + pointer(name) }

func pointer(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}

// take returns a field and marks it as known.
func (o object) take(name string) (any, bool) {
	v, ok := o.fields[name]
	delete(o.fields, name)
	return v, ok
}

// skip marks fields as known that set no rule.
func (o object) skip(names ...string) {
	for _, n := range names {
		delete(o.fields, n)
	}
}

// refuse faults fields that are known and not supported.
func (o object) refuse(zh, en string, names ...string) {
	for _, n := range names {
		if _, ok := o.take(n); ok {
			o.r.faults = append(o.r.faults, Fault{o.at(n), zh, en})
		}
	}
}

// end faults what was not taken.
func (o object) end() {
	var rest []string
	for n := range o.fields {
		rest = append(rest, n)
	}
	slices.Sort(rest)
	for _, n := range rest {
		o.r.fault(o.at(clip(n)), "ODCS v3.1 没有该字段", "ODCS v3.1 has no such field")
	}
}

func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

// text returns a field that must be text of at most maxText bytes, or "".
func (o object) text(name string) string {
	v, ok := o.take(name)
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok || len(s) > maxText || strings.ContainsAny(s, "\x00\r\n\u2028\u2029") {
		o.r.fault(o.at(name), "须为单行文本,不超过 %d 字节", "must be one line of text, at most %d bytes", maxText)
		return ""
	}
	return s
}

func (o object) flag(name string) bool {
	v, ok := o.take(name)
	if !ok {
		return false
	}
	b, ok := v.(bool)
	if !ok {
		o.r.fault(o.at(name), "须为 true 或 false", "must be true or false")
	}
	return b
}

func (o object) list(name string) []any {
	v, ok := o.take(name)
	if !ok {
		return nil
	}
	l, ok := v.([]any)
	if !ok || len(l) > maxList {
		o.r.fault(o.at(name), "须为列表,至多 %d 项", "must be a list, at most %d long", maxList)
		return nil
	}
	return l
}

// names returns a list of one or more column names.
func (o object) names(name string) []string {
	var out []string
	l := o.list(name)
	for i, v := range l {
		s, ok := v.(string)
		if !ok || s == "" || slices.Contains(out, s) {
			o.r.fault(fmt.Sprintf("%s/%d", o.at(name), i), "须为列名,且不重复", "must be the name of a column, and named once")
			continue
		}
		out = append(out, s)
	}
	return out
}

// The parts of a contract that set no rule.
var (
	contractSkips = []string{"name", "tenant", "tags", "servers", "dataProduct", "description", "domain", "support", "price", "team", "roles",
		"slaDefaultElement", "slaProperties", "authoritativeDefinitions", "customProperties", "contractCreatedTs"}
	elementSkips  = []string{"id", "physicalName", "physicalType", "description", "businessName", "authoritativeDefinitions", "tags", "customProperties"}
	propertySkips = []string{"classification", "encryptedName", "transformSourceObjects", "transformLogic", "transformDescription", "examples",
		"criticalDataElement", "partitioned", "partitionKeyPosition"}
	qualitySkips = []string{"businessImpact", "tags", "customProperties", "authoritativeDefinitions", "method"}
)

func (r *reader) contract(o object) {
	if o.fields == nil {
		return
	}
	if v := o.text("apiVersion"); v != "v3.1.0" {
		r.fault(o.at("apiVersion"), "须为 v3.1.0", "must be v3.1.0")
	}
	if v := o.text("kind"); v != "DataContract" {
		r.fault(o.at("kind"), "须为 DataContract", "must be DataContract")
	}
	for _, name := range []string{"id", "version", "status"} {
		if o.text(name) == "" {
			r.fault(o.at(name), "缺少该字段", "is missing")
		}
	}
	o.skip(contractSkips...)
	schema := o.list("schema")
	o.end()
	if len(schema) != 1 {
		r.fault("/schema", "须恰有一项,即本数据集 %s", "must have exactly one object, this dataset %s", r.rules.Dataset)
		return
	}
	r.schema(r.object("/schema/0", schema[0]))
}

func (r *reader) schema(o object) {
	if name := o.text("name"); name != r.rules.Dataset {
		r.fault(o.at("name"), "须为本数据集的名称 %s", "must be the name of this dataset, %s", r.rules.Dataset)
	}
	o.skip(elementSkips...)
	o.skip("dataGranularityDescription", "logicalType")
	for i, v := range o.list("quality") {
		r.rule(r.object(fmt.Sprintf("%s/quality/%d", o.path, i), v), "")
	}
	var keys []keyColumn
	for i, v := range o.list("properties") {
		r.property(r.object(fmt.Sprintf("%s/properties/%d", o.path, i), v), &keys)
	}
	for i, v := range o.list("relationships") {
		r.relationship(r.object(fmt.Sprintf("%s/relationships/%d", o.path, i), v), "")
	}
	r.primaryKey(o.at("properties"), keys)
	o.end()
}

// keyColumn is a column of the primary key with its place.
type keyColumn struct {
	name     string
	position float64
}

func (r *reader) property(o object, keys *[]keyColumn) {
	name := o.text("name")
	if name == "" {
		r.fault(o.at("name"), "缺少列名", "the column's name is missing")
		return
	}
	o.skip(elementSkips...)
	o.skip(propertySkips...)
	o.skip("logicalType")
	o.refuse("不支持:请写成 quality 下的 invalidValues 规则", "is not supported: write a rule invalidValues under quality", "logicalTypeOptions")
	o.refuse("不支持嵌套的列", "nested columns are not supported", "properties", "items")
	implied := func(field string, m Metric, d Dimension) {
		r.add(Rule{Path: o.at(field), Dimension: d, Severity: Error, Metric: m, Columns: []string{name}, Test: Test{Operator: MustBe}}, "", field)
	}
	if o.flag("required") {
		implied("required", NullValues, Completeness)
	}
	if o.flag("unique") {
		implied("unique", DuplicateValues, Accuracy)
	}
	key, position := o.flag("primaryKey"), o.number("primaryKeyPosition")
	if key {
		*keys = append(*keys, keyColumn{name, position})
	}
	for i, v := range o.list("quality") {
		r.rule(r.object(fmt.Sprintf("%s/quality/%d", o.path, i), v), name)
	}
	for i, v := range o.list("relationships") {
		r.relationship(r.object(fmt.Sprintf("%s/relationships/%d", o.path, i), v), name)
	}
	o.end()
}

// number returns a field that must be a finite number; 0 if it is absent.
func (o object) number(name string) float64 {
	v, ok := o.take(name)
	if !ok {
		return 0
	}
	f, ok := finite(v)
	if !ok {
		o.r.fault(o.at(name), "须为数值", "must be a number")
	}
	return f
}

func finite(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// primaryKey makes the rules of the columns that are the key: none is empty, and
// together they are unique.
func (r *reader) primaryKey(path string, keys []keyColumn) {
	if len(keys) == 0 {
		return
	}
	slices.SortStableFunc(keys, func(a, b keyColumn) int {
		switch {
		case a.position < b.position:
			return -1
		case a.position > b.position:
			return 1
		}
		return 0
	})
	var columns []string
	for _, k := range keys {
		columns = append(columns, k.name)
		r.add(Rule{Path: path, Dimension: Completeness, Severity: Error, Metric: NullValues, Columns: []string{k.name}, Test: Test{Operator: MustBe}}, "", "primaryKey")
	}
	r.add(Rule{Path: path, Dimension: Accuracy, Severity: Error, Metric: DuplicateValues, Columns: columns, Test: Test{Operator: MustBe}}, "", "primaryKey")
}

// add names a rule and keeps it. what says where an unnamed one comes from.
func (r *reader) add(rule Rule, id, what string) {
	if len(r.rules.Rules) >= maxRules {
		r.fault(rule.Path, "规则多于 %d 条", "more than %d rules", maxRules)
		return
	}
	if id != "" && r.ids[id] {
		r.fault(rule.Path, "规则标识 %s 重复", "the rule id %s stands twice", id)
		return
	}
	if id == "" {
		id = strings.Join(append(slices.Clone(rule.Columns), string(rule.Metric)), ".")
		if what != "" {
			id += "." + what
		}
		for base, n := id, 2; r.ids[id]; n++ {
			id = fmt.Sprintf("%s.%d", base, n)
		}
	}
	r.ids[id] = true
	rule.ID = id
	r.rules.Rules = append(r.rules.Rules, rule)
}
