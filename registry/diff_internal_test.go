package registry

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// neutral are the fields, by kind, of which no change gives anybody more: what people
// are told, what never changes once it is applied, and why something changed.
var neutral = map[string]string{
	KindOrganization: "title kind provider_type security_officer security_department",
	KindPerson:       "real_name organization",
	KindZone:         "quota_bytes title kind responsible responsible/*/stage responsible/*/person",
	KindDataset: `title zone provider collector auditor category category/kind category/code category/lead category/co_builders share_reason open_reason open_ground legal_basis
		source/acquired source/update_frequency status_reason change_reason key columns columns/*/name columns/*/title columns/*/nullable columns/*/item columns/*/authoritative columns/*/standard`,
	KindCall:         "title zone status scenarios conditions window/from window/until",
	KindLicense:      "zone operator status_reason course award_method award_ref fee",
	KindSupply:       "from_zone to_zone dataset basis status_reason from_zreg/by from_zreg/org from_zreg/at to_zreg/by to_zreg/org to_zreg/at prov/by prov/org prov/at",
	KindScenario:     "license title purpose_code purpose_class",
	KindGrant:        "scenario dataset status_reason zreg/by zreg/org zreg/at prov/by prov/org prov/at",
	KindPartner:      "organization license status_reason",
	KindTemplate:     "scenario title title_en status_reason",
	KindNegativeList: "title change_reason items/*/reason items/*/basis",
	KindSourceRuling: "datasets element authoritative collector basis",
	KindQualityRules: "",
	KindRetention:    "reason",
	KindRestriction:  "status_reason reason clause alert",
	KindException:    "zone reason basis status_reason city/by city/org city/at zreg/by zreg/org zreg/at prov/by prov/org prov/at",
}

// Every field of every kind says which way it loosens, or is listed above: a new one
// is decided upon. A request grants nothing, whatever it says.
func TestEveryFieldSaysWhichWayItLoosens(t *testing.T) {
	text, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]map[string]any `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	var leaves func(node map[string]any, path string, out *[]string)
	resolve := func(node map[string]any) map[string]any {
		for {
			name, ok := node["$ref"].(string)
			if !ok {
				return node
			}
			node = schema.Defs[name[strings.LastIndex(name, "/")+1:]]
		}
	}
	leaves = func(node map[string]any, path string, out *[]string) {
		node = resolve(node)
		properties, object := node["properties"].(map[string]any)
		for _, key := range []string{"allOf", "anyOf", "oneOf"} {
			all, _ := node[key].([]any)
			for _, n := range all {
				leaves(n.(map[string]any), path, out)
			}
			object = object || len(all) > 0
		}
		for name, n := range properties {
			if n, ok := n.(map[string]any); ok {
				leaves(n, strings.TrimPrefix(path+"/"+name, "/"), out)
			}
		}
		if items, ok := node["items"].(map[string]any); ok && resolve(items)["properties"] != nil {
			leaves(items, path+"/*", out)
		}
		if !object && path != "" && !slices.Contains(*out, path) {
			*out = append(*out, path)
		}
	}
	for _, kind := range kinds {
		spec, _ := schema.Defs[kind]["properties"].(map[string]any)["spec"].(map[string]any)
		if spec == nil {
			t.Fatalf("%s has no spec in the schema", kind)
		}
		var all []string
		leaves(spec, "", &all)
		if len(all) == 0 {
			t.Errorf("%s has no fields", kind)
		}
		listed := strings.Fields(neutral[kind])
		for _, path := range all {
			if kind == KindRequest {
				continue
			}
			if told := directionOf(kind, path) != Neutral; told == slices.Contains(listed, path) {
				t.Errorf("%s %s: says which way it loosens: %v, listed as neutral: %v", kind, path, told, !told)
			}
		}
		for _, path := range listed {
			if !slices.Contains(all, path) {
				t.Errorf("%s has no field %s", kind, path)
			}
		}
	}
}
