package registry

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON Schema (2020-12) of all kinds of documents, for
// editors and for the API's description. The schema of one kind is at
// #/$defs/<Kind>.
func Schema() []byte { return bytes.Clone(schemaJSON) }

// schemas compiles the embedded schema once. It is part of the program: if it
// does not compile, that is the programmer's mistake.
var schemas = sync.OnceValue(func() map[string]*jsonschema.Schema {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaJSON))
	if err != nil {
		panic("registry: schema.json: " + err.Error())
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("zonebox:///registry/schema.json", doc); err != nil {
		panic("registry: schema.json: " + err.Error())
	}
	all := make(map[string]*jsonschema.Schema)
	for _, k := range kinds {
		all[k] = c.MustCompile("zonebox:///registry/schema.json#/$defs/" + k)
	}
	return all
})

// checkShape returns the faults of d against the schema of its kind.
func checkShape(d Document) []Fault {
	fault := func(path, article string, t text) Fault {
		return Fault{CodeSchema, d.Kind, d.Name, path, t.zh, t.en, article}
	}
	schema, ok := schemas()[d.Kind]
	if !ok {
		return []Fault{fault("/kind", "", say("kind must be one of %s", "kind 须为 %s 之一", strings.Join(kinds, ", ")))}
	}
	if len(d.Spec) == 0 {
		return []Fault{fault("/spec", "", say("spec is missing", "缺少 spec"))}
	}
	if err := noDuplicates(json.NewDecoder(bytes.NewReader(d.Spec)), 0); err != nil {
		return []Fault{fault("/spec", "", say("spec is not JSON, or a field is given twice", "spec 不是合法 JSON,或字段重复"))}
	}
	plain, err := json.Marshal(d)
	if err != nil {
		return []Fault{fault("", "", say("the document is not JSON", "文档不是合法 JSON"))}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(plain))
	if err != nil {
		return []Fault{fault("", "", say("the document is not JSON", "文档不是合法 JSON"))}
	}
	var invalid *jsonschema.ValidationError
	switch err := schema.Validate(value); {
	case err == nil:
		return nil
	case !errors.As(err, &invalid):
		return []Fault{fault("", "", say("the document cannot be checked", "文档无法校验"))}
	}
	var faults []Fault
	for _, leaf := range leaves(invalid) {
		for _, f := range describe(value, leaf) {
			faults = append(faults, fault(f.path, articleOf(d.Kind, f.path), f.text))
		}
	}
	return faults
}

// leaves returns the innermost causes, which are what a person can mend. The
// branches of "oneOf" and "if" are not told apart: the innermost cause says it.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var all []*jsonschema.ValidationError
	for _, c := range e.Causes {
		all = append(all, leaves(c)...)
	}
	return all
}

type finding struct {
	path string
	text text
}

// describe puts one schema error into words. It never repeats the value found:
// the library's own texts do.
func describe(document any, e *jsonschema.ValidationError) []finding {
	path := pointer(e.InstanceLocation)
	where := nameAt(document, e.InstanceLocation)
	one := func(t text) []finding {
		if where != "" {
			t = text{where + ": " + t.en, where + ":" + t.zh}
		}
		return []finding{{path, t}}
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		var all []finding
		for _, m := range k.Missing {
			f := one(say("%s is missing", "缺少 %s", m))
			f[0].path += "/" + escape(m)
			all = append(all, f...)
		}
		return all
	case *kind.AdditionalProperties:
		var all []finding
		for _, p := range k.Properties {
			f := one(say("unknown field", "未知字段"))
			f[0].path += "/" + escape(p)
			all = append(all, f...)
		}
		return all
	case *kind.Type:
		return one(say("must be %s", "类型须为 %s", strings.Join(k.Want, " or ")))
	case *kind.Enum:
		want := make([]string, len(k.Want))
		for i, w := range k.Want {
			want[i] = fmt.Sprint(w)
		}
		if strings.HasSuffix(path, "/recipe/kind") {
			return one(say("must be one of %s: what can be undone, or lets real values stand, is not granted",
				"须为 %s 之一:可还原的方式,以及会留下真实值的方式,不得用于授权", strings.Join(want, ", ")))
		}
		if path == "/spec/status" && slices.Contains(want, StatusRetired) {
			return one(say("must be one of %s; what is not to be in force yet is handed in with catalogue submit", "须为 %s 之一;尚不发布的条目用 catalogue submit 报送", strings.Join(want, ", ")))
		}
		return one(say("must be one of %s", "须为 %s 之一", strings.Join(want, ", ")))
	case *kind.Const:
		return one(say("must be %v", "须为 %v", k.Want))
	case *kind.Pattern:
		return one(say("must match %s", "须匹配 %s", k.Want))
	case *kind.Format:
		return one(say("must be a %s", "须为 %s 格式", k.Want))
	case *kind.MinLength, *kind.MinItems, *kind.MinProperties:
		return one(say("must not be empty", "不得为空"))
	case *kind.MaxLength, *kind.MaxItems, *kind.MaxProperties:
		return one(say("is too long", "过长"))
	case *kind.Minimum, *kind.ExclusiveMinimum:
		return one(say("is too small", "过小"))
	case *kind.Maximum, *kind.ExclusiveMaximum:
		return one(say("is too large", "过大"))
	case *kind.UniqueItems:
		return one(say("must not repeat an item", "不得有重复项"))
	case *kind.FalseSchema:
		return one(say("is not allowed here", "此处不允许"))
	}
	return one(say("has not the expected shape", "不符合要求的格式"))
}

func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func pointer(location []string) string {
	var b strings.Builder
	for _, s := range location {
		b.WriteString("/" + escape(s))
	}
	return b.String()
}

// nameAt returns "column <name>" if location is inside the column list of a
// dataset or grant: a person looks for the name, not for the position.
func nameAt(document any, location []string) string {
	if len(location) < 3 || !slices.Equal(location[:2], []string{"spec", "columns"}) {
		return ""
	}
	i, err := strconv.Atoi(location[2])
	if err != nil {
		return ""
	}
	root, _ := document.(map[string]any)
	spec, _ := root["spec"].(map[string]any)
	columns, _ := spec["columns"].([]any)
	if i < 0 || i >= len(columns) {
		return ""
	}
	column, _ := columns[i].(map[string]any)
	name, ok := column["name"].(string)
	if !ok {
		return ""
	}
	return "column " + name
}

// articles tells which article asks for a field, by kind and last
// part of the path.
var articles = map[string]map[string]string{
	KindOrganization: {"/org_form": "NJ24-03", "/credit_code": "NJ24-03", "/security_officer": "NJ24-08", "/security_department": "NJ24-08"},
	KindPerson:       {"/roles": "NJ24-04", "/organization": "NJ24-04"},
	KindZone:         {"/kind": "NJ24-05", "/domain": "NJ24-05", "/regulator": "NJ24-06", "/responsible": "NJ24-22", "/token_algorithm": "NJ24-14", "/quota_bytes": "NJ24-05"},
	KindDataset: {
		"/level": "NJ24-14", "/class": "NJ24-14", "/secret_flag": "NJ24-02", "/personal_info": "NJ24-02",
		"/category": "JM19-10", "/format": "JM19-10", "/share_mode": "JM19-10", "/share_type": "NJ19-21", "/update_frequency": "JM19-10", "/use_requirements": "JM19-10", "/collector": "YC22-09", "/auditor": "YC22-09",
		"/share_reason": "NJ19-21", "/legal_basis": "NJ19-21", "/open_reason": "NJ19-24", "/open_ground": "NJ19-24", "/review_due": "YC22-18",
		"/cause_code": "JM19-30", "/element": "NJ19-19", "/status": "NJ19-16", "/status_reason": "NJ19-18",
		"/open_type": "NJ24-02", "/public_safety": "NJ24-16", "/provider_type": "NJ24-03", "/acquired": "NJ19-27", "/source": "NJ19-27",
	},
	KindSourceRuling: {"/datasets": "NJ19-17", "/collector": "NJ19-17", "/basis": "NJ19-17", "/element": "NJ19-19", "/authoritative": "NJ19-19"},
	KindNegativeList: {"/items": "YC22-18", "/reason": "YC22-18", "/basis": "YC22-18", "/dataset": "YC22-18", "/column": "YC22-18", "/element": "YC22-18", "/class": "YC22-18"},
	KindCall:         {"/window": "NJ24-07", "/scenarios": "NJ24-07", "/conditions": "NJ24-07"},
	KindLicense: {
		"/sections": "NJ24-11", "/subject_and_object": "NJ24-11", "/content": "NJ24-11", "/procedure": "NJ24-11",
		"/scope": "NJ24-11", "/term": "NJ24-11", "/responsibility": "NJ24-11", "/supervision": "NJ24-11",
		"/termination": "NJ24-11", "/start": "NJ24-12", "/end": "NJ24-12", "/status_reason": "NJ24-12", "/signatures": "NJ24-10",
	},
	KindRestriction: {"/reason": "YC22-35", "/clause": "NJ24-12", "/degree": "YC22-35", "/status_reason": "NJ24-12", "/target": "NJ24-23", "/level": "NJ24-23"},
	KindSupply:      {"/from_zone": "NJ24-05", "/to_zone": "NJ24-05", "/columns": "NJ24-05", "/basis": "NJ24-05", "/from_zreg": "NJ24-05", "/to_zreg": "NJ24-05", "/prov": "NJ24-05"},
	KindException: {"/relaxes": "NJ24-14", "/value": "NJ24-14", "/reason": "NJ24-14", "/basis": "NJ24-14", "/from": "NJ24-14", "/until": "NJ24-14", "/city": "NJ24-14", "/zreg": "NJ24-14",
		"/prov": "NJ24-14", "/status_reason": "NJ24-14", "/scenario": "NJ24-14"},
	KindScenario: {"/purpose_code": "NJ24-13", "/purpose_class": "NJ24-13", "/recipients": "SY20-23"},
	KindPartner: {"/security_officer": "NJ24-06", "/confidentiality_ref": "YC22-40", "/scenarios": "NJ24-06", "/organization": "NJ24-06",
		"/status_reason": "NJ24-06", "/signatures": "NJ24-06"},
	KindRequest:      {"/purpose_code": "NJ24-13", "/columns": "NJ24-15", "/mode": "NJ24-14", "/recipe": "NJ24-14", "/recipe/kind": "NJ24-14", "/recipe/length": "NJ24-14", "/access": "NJ19-22", "/commitments": "YC22-19"},
	KindQualityRules: {"/contract": "JM19-14", "/gate": "JM19-14"},
	KindTemplate:     {"/sql": "NJ24-13", "/domain": "NJ24-13", "/signatures": "NJ24-13"},
	KindGrant:        {"/zreg": "NJ24-15", "/prov": "NJ24-15", "/mode": "NJ24-14", "/recipe": "NJ24-14", "/recipe/kind": "NJ24-14", "/recipe/length": "NJ24-14", "/permissions": "NJ24-14", "/signatures": "NJ24-15"},
}

func articleOf(kind, path string) string {
	for field, article := range articles[kind] {
		if strings.HasSuffix(path, field) {
			return article
		}
	}
	return ""
}
