package registry_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"zonebox/registry"
)

var fluByTemplate = registry.Query{User: "olga", Zone: "medical", Scenario: "flu", Template: "flu-by-district"}

func TestTemplateNeedsItsOperatorAndTheRegulator(t *testing.T) {
	w := licensed(t)
	w.clock.tick()
	for _, signers := range [][]string{nil, {"olga"}, {"zoe"}, {"carol"}, {"olga", "carol"}, {"olga", "paul"}, {"olga", "oscar"}, {"zoe", "zack"}, {"zoe", "carol"}} {
		f := w.refused(registry.CodeSignature, "zoe", w.signed(template(), signers...))
		if f.Article != "NJ24-13" {
			t.Errorf("signed by %v: article %s, want NJ24-13", signers, f.Article)
		}
	}
	for _, by := range []string{"paul", "dave"} {
		w.refused(registry.CodeRole, by, w.signed(template(), "olga", "zoe"))
	}
	w.must("carol", organization("other", "operator"), person("otto", "other", "operator"),
		organization("transport", "industry_authority"), person("tina", "transport", "zone_regulator"))
	w.refused(registry.CodeRole, "otto", w.signed(template(), "olga", "zoe"))
	w.refused(registry.CodeRole, "tina", w.signed(template(), "olga", "zoe"))
	w.refused(registry.CodeSignature, "olga", w.signed(template(), "otto", "zoe"))
	w.refused(registry.CodeSignature, "olga", w.signed(template(), "olga", "tina"))
	w.must("olga", w.signed(template(), "olga", "zoe"))

	// So does every change of it: a statement nobody approved is no approved analysis.
	changed := template(set("sql", "SELECT count(*) FROM visits LIMIT $most"))
	w.refused(registry.CodeSignature, "olga", w.signed(changed, "olga"))
	w.must("zoe", w.signed(template(set("parameters.1.domain", map[string]any{"list": []string{"5"}})), "olga", "zoe"))
}

func TestTemplateLiesInsideItsScenario(t *testing.T) {
	w := licensed(t)
	for _, c := range []struct {
		what, code, path string
		change           edit
	}{
		{"no such scenario", registry.CodeReference, "/spec/scenario", set("scenario", "none")},
		{"before the scenario", registry.CodeScope, "/spec/from", set("from", "2025-12-31")},
		{"after the scenario", registry.CodeScope, "/spec/from", set("until", "2027-01-01")},
		{"the wrong way round", registry.CodeSchema, "/spec/from", set("from", "2026-12-01")},
		{"no statement", registry.CodeSchema, "/spec/sql", set("sql", "")},
		{"revoked at once", registry.CodeImmutable, "/spec", func(spec map[string]any) {
			spec["status"], spec["status_reason"] = "REVOKED", "停用"
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			if f := w.refused(c.code, "zoe", w.signed(template(c.change), "olga", "zoe")); f.Path != c.path {
				t.Errorf("fault at %s, want %s", f.Path, c.path)
			}
		})
	}
	w.must("zoe", w.signed(template(), "olga", "zoe"))
	other := scenario(set("title", "另一场景"))
	other.Name = "other"
	w.must("zoe", other)
	w.clock.tick()
	w.refused(registry.CodeImmutable, "zoe", w.signed(template(set("scenario", "other")), "olga", "zoe"))
	w.must("carol", w.signed(license(set("status", "TERMINATED"), set("status_reason", "第八条")), "carol", "zoe"))
	w.clock.tick()
	w.refused(registry.CodeScope, "zoe", w.signed(template(set("title", "改")), "olga", "zoe"))
}

func TestEitherOfThoseWhoAgreedRevokesATemplateAlone(t *testing.T) {
	revoked := template(set("status", "REVOKED"), set("status_reason", "停用"))
	for _, by := range []string{"olga", "zoe", "carol"} {
		w := licensed(t)
		w.must("zoe", w.signed(template(), "olga", "zoe"))
		w.refused(registry.CodeRole, "paul", revoked)
		w.refused(registry.CodeSchema, by, template(set("status", "REVOKED")))
		w.refused(registry.CodeImmutable, by, template(set("status", "REVOKED"), set("status_reason", "停用"), set("sql", "SELECT 1")))
		w.must(by, revoked)
		w.clock.tick()
		w.refused(registry.CodeImmutable, "zoe", w.signed(template(set("title", "恢复")), "olga", "zoe"))
		f, err := w.Enter(t.Context(), fluByTemplate)
		if err != nil || f.Template == nil || f.Template.Spec.Status != registry.StatusRevoked || f.Template.Version != 2 {
			t.Errorf("facts of a revoked template = %+v, %v: want version 2, REVOKED", f.Template, err)
		}
	}
}

func TestFactsHoldTheTemplateOfTheirScenarioOnly(t *testing.T) {
	w := granted(t)
	w.must("zoe", w.signed(template(), "olga", "zoe"))
	other := scenario()
	other.Name = "other"
	w.must("zoe", other)
	for _, c := range []struct {
		scenario, template string
		want               bool
	}{{"flu", "flu-by-district", true}, {"flu", "", false}, {"flu", "no-such", false}, {"other", "flu-by-district", false}} {
		f, err := w.Enter(t.Context(), registry.Query{User: "olga", Zone: "medical", Scenario: c.scenario, Template: c.template})
		if err != nil {
			t.Fatal(err)
		}
		if (f.Template != nil) != c.want {
			t.Errorf("template %q in scenario %s: %v, want %v", c.template, c.scenario, f.Template, c.want)
		}
	}
}

func TestParametersAreDeclaredSoundly(t *testing.T) {
	w := licensed(t)
	one := func(p map[string]any) edit { return set("parameters", []any{p}) }
	parameter := func(typ string, domain any) map[string]any {
		return map[string]any{"name": "p", "type": typ, "domain": domain}
	}
	list := func(items ...string) any { return map[string]any{"list": items} }
	between := func(low, high string) any {
		return map[string]any{"range": map[string]any{"min": low, "max": high}}
	}
	pattern := func(expression string) any {
		return map[string]any{"pattern": map[string]any{"expression": expression, "max_length": 5}}
	}
	for i, c := range []struct {
		what, path string // "" if it is accepted
		p          map[string]any
	}{
		{"a list of strings", "", parameter("string", list("a", "'; DROP TABLE visits; --"))},
		{"a list of decimals", "", parameter("decimal(5,2)", list("1", "2.5"))},
		{"a list with one decimal in two spellings", "/domain/list", parameter("decimal(5,2)", list("2.5", "2.50"))},
		{"a list of dates with none", "/domain/list", parameter("date", list("2026-02-30"))},
		{"a list of whole numbers with a fraction", "/domain/list", parameter("int64", list("1.0"))},
		{"no item", "/domain/list", parameter("string", list())},
		{"a range of days", "", parameter("date", between("2024-02-29", "2024-02-29"))},
		{"a range the wrong way round", "/domain/range", parameter("int64", between("10", "9"))},
		{"a range of numbers as text", "/domain/range", parameter("string", between("1", "2"))},
		{"a range to nowhere", "/domain/range", parameter("float64", between("0", "NaN"))},
		{"a range without an end", "/domain/range/max", parameter("int64", map[string]any{"range": map[string]any{"min": "1"}})},
		{"a pattern", "", parameter("string", pattern(`[A-Z][0-9]{2}`))},
		{"a pattern that breaks out of its anchors", "/domain/pattern", parameter("string", pattern(`a)|(?:.*`))},
		{"a pattern that is none", "/domain/pattern", parameter("string", pattern(`[`))},
		{"a pattern of numbers", "/domain/pattern", parameter("int64", pattern(`[0-9]`))},
		{"a pattern without a bound", "/domain/pattern/max_length", parameter("string", map[string]any{"pattern": map[string]any{"expression": ".*"}})},
		{"a province", "", parameter("string", map[string]any{"region": "32"})},
		{"a city", "", parameter("string", map[string]any{"region": "3201"})},
		{"half a city", "/domain/region", parameter("string", map[string]any{"region": "320"})},
		{"a region as a number", "/domain/region", parameter("int64", map[string]any{"region": "32"})},
		{"two domains", "/domain", parameter("string", map[string]any{"region": "32", "list": []string{"320102"}})},
		{"no domain", "/domain", map[string]any{"name": "p", "type": "string"}},
		{"a bool", "", map[string]any{"name": "p", "type": "bool"}},
		{"a bool with a domain", "/domain", parameter("bool", list("true"))},
		{"a default in the domain", "", map[string]any{"name": "p", "type": "int64", "domain": between("1", "9"), "default": "9"}},
		{"a default outside", "/default", map[string]any{"name": "p", "type": "int64", "domain": between("1", "9"), "default": "10"}},
		{"too many digits", "/type", parameter("decimal(2,3)", list("0"))},
		{"no type", "/type", map[string]any{"name": "p", "domain": list("a")}},
		{"another type", "/type", parameter("blob", list("a"))},
		{"a name with a quote", "/name", map[string]any{"name": `p"`, "type": "bool"}},
		{"a number as a name", "/name", map[string]any{"name": `1`, "type": "bool"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			w.clock.tick()
			d := template(one(c.p))
			d.Name = "t-" + strconv.Itoa(i)
			d = w.signed(d, "olga", "zoe")
			if c.path == "" {
				w.must("zoe", d)
				return
			}
			if f := w.refused(registry.CodeSchema, "zoe", d); f.Path != "/spec/parameters/0"+c.path {
				t.Errorf("fault at %s, want /spec/parameters/0%s", f.Path, c.path)
			}
		})
	}
	twice := parameter("string", list("a"))
	w.refused(registry.CodeSchema, "zoe", w.signed(template(set("parameters", []any{twice, twice})), "olga", "zoe"))
}

// Every refusal stands beside a neighbor that is accepted.
func TestAValueIsOfItsTypeAndInItsDomain(t *testing.T) {
	interval := func(low, high string) *registry.Domain {
		return &registry.Domain{Range: &registry.Range{Min: low, Max: high}}
	}
	any19 := interval("-9223372036854775808", "9223372036854775807")
	const no = "\x00"         // refused
	type is map[string]string // what comes of each text
	for _, c := range []struct {
		name   string
		p      registry.Parameter
		values is
	}{
		{"whole numbers", registry.Parameter{Type: "int64", Domain: any19}, is{
			"0": "0", "-1": "-1", "9223372036854775807": "9223372036854775807", "-9223372036854775808": "-9223372036854775808",
			"9223372036854775808": no, "-9223372036854775809": no, "": no, " 1": no, "1 ": no, "+1": no, "-0": no, "01": no, "1.0": no, "1e3": no,
			"0x10": no, "1_000": no, "١": no, "１": no, "NaN": no, "1;": no, "1--": no, "1/**/": no, "1\x00": no, "1\n": no,
		}},
		{"a range of whole numbers", registry.Parameter{Type: "int64", Domain: interval("1", "100")}, is{
			"1": "1", "100": "100", "0": no, "101": no, "-1": no, "99999999999999999999999": no}},
		{"decimals", registry.Parameter{Type: "decimal(6,2)", Domain: interval("-9999.99", "9999.99")}, is{
			"1": "1.00", "1.5": "1.50", "1.50": "1.50", "-0.00": "0.00", "-0": "0.00", "-0.01": "-0.01", "9999.99": "9999.99",
			"10000": no, "1.505": no, "1.500": no, ".5": no, "1.": no, "1,5": no, "1e2": no, "NaN": no, "Infinity": no, "+1": no, "00": no}},
		{"fractions only", registry.Parameter{Type: "decimal(2,2)", Domain: interval("0", "0.99")}, is{
			"0": "0.00", "0.99": "0.99", "1": no, "0.991": no}},
		{"wide decimals", registry.Parameter{Type: "decimal(38,0)", Domain: interval("0", strings.Repeat("9", 38))}, is{
			strings.Repeat("9", 38): strings.Repeat("9", 38), "1" + strings.Repeat("0", 38): no}},
		{"a range of decimals", registry.Parameter{Type: "decimal(6,2)", Domain: interval("2", "10")}, is{
			"2.00": "2.00", "10": "10.00", "1.99": no, "10.01": no}},
		{"floats", registry.Parameter{Type: "float64", Domain: interval("-1e300", "1e300")}, is{
			"1": "1", "1.50": "1.5", "-0": "0", "1e2": "100", "1E-7": "1e-07",
			"NaN": no, "nan": no, "Inf": no, "-inf": no, "Infinity": no, "1e999": no, "1e301": no, "0x1p3": no, "1_0": no, "1e": no, ".5": no, "1d": no}},
		{"flags", registry.Parameter{Type: "bool"}, is{
			"true": "true", "false": "false", "TRUE": no, "t": no, "1": no, "": no, "true ": no, "true OR 1": no}},
		{"days", registry.Parameter{Type: "date", Domain: interval("0001-01-01", "9999-12-31")}, is{
			"2024-02-29": "2024-02-29", "0001-01-01": "0001-01-01", "9999-12-31": "9999-12-31",
			"2023-02-29": no, "2024-2-9": no, "24-02-09": no, "2024-13-01": no, "0000-01-01": no, "10000-01-01": no, "2024-02-29 ": no,
			"2024-02-29 00:00:00": no, "2024/02/29": no, "today": no, "epoch": no, "infinity": no, "-infinity": no, "2024-02-29 (BC)": no, "２０２４-02-29": no}},
		{"a range of days", registry.Parameter{Type: "date", Domain: interval("2024-01-01", "2024-12-31")}, is{
			"2024-01-01": "2024-01-01", "2024-12-31": "2024-12-31", "2023-12-31": no, "2025-01-01": no}},
		{"moments", registry.Parameter{Type: "timestamp", Domain: interval("2024-01-01 00:00:00", "2024-01-01 23:59:59.5")}, is{
			"2024-01-01 00:00:00": "2024-01-01 00:00:00", "2024-01-01 08:00:00.250": "2024-01-01 08:00:00.25", "2024-01-01 23:59:59.5": "2024-01-01 23:59:59.5",
			"2024-01-01 23:59:59.500000": "2024-01-01 23:59:59.5", "2024-01-01 23:59:59.51": no, "2024-01-01 23:59:59.6": no, "2024-01-02 00:00:00": no,
			"2024-01-01T00:00:00": no, "2024-01-01": no, "2024-01-01 24:00:00": no, "2024-01-01 8:00:00": no, "2024-01-01 08:00:00,5": no,
			"2024-01-01 08:00:00.1234567": no, "2024-01-01 08:00:00.": no, "2024-01-01 08:00:00+08": no, "now": no}},
		{"a list", registry.Parameter{Type: "string", Domain: &registry.Domain{List: []string{"J06", "I10", "o'clock", ""}}}, is{
			"J06": "J06", "o'clock": "o'clock", "": "", "j06": no, "J06 ": no, "J06' OR '1'='1": no, "J0６": no, "J06\x00": no, "J06\u200b": no}},
		{"a list of decimals", registry.Parameter{Type: "decimal(4,1)", Domain: &registry.Domain{List: []string{"1.5", "2"}}}, is{
			"1.5": "1.5", "2": "2.0", "2.0": "2.0", "2.5": no, "2.00": no}},
		{"a pattern", registry.Parameter{Type: "string", Domain: &registry.Domain{Pattern: &registry.Pattern{Expression: "[A-Z][0-9]{2}|周[一二]", MaxLength: 9}}}, is{
			"J06": "J06", "周一": "周一", "J061": no, "xJ06": no, "J06\n": no, "\nJ06": no, "J06' --": no, "": no}},
		{"a pattern of whatever is short", registry.Parameter{Type: "string", Domain: &registry.Domain{Pattern: &registry.Pattern{Expression: `(?s).*`, MaxLength: 5}}}, is{
			"一二三四五": "一二三四五", "'; --": "'; --", `$$"\`: `$$"\`, "一二三四五六": no, "a\x00b": no, "a\tb": no, "\x1b[2J": no, "\xff": no, "\u0085": no}},
		{"a pattern that says where lines end", registry.Parameter{Type: "string", Domain: &registry.Domain{Pattern: &registry.Pattern{Expression: `(?m)^a$`, MaxLength: 9}}}, is{
			"a": "a", "a\nb": no, "b\na": no, "ab": no}},
		{"a city's districts", registry.Parameter{Type: "string", Domain: &registry.Domain{Region: "3201"}}, is{
			"320102": "320102", "320100": "320100", "320200": no, "32010": no, "3201020": no, "3201": no, "32010２": no, "3201%": no, "3201__": no, "320102\n": no}},
		{"a province", registry.Parameter{Type: "string", Domain: &registry.Domain{Region: "32"}}, is{
			"320200": "320200", "330100": no, "32": no}},
		{"no domain but for flags", registry.Parameter{Type: "string"}, is{"": no, "a": no}},
		{"an empty domain", registry.Parameter{Type: "string", Domain: &registry.Domain{}}, is{"": no, "a": no}},
		{"a list of nothing", registry.Parameter{Type: "string", Domain: &registry.Domain{List: []string{}}}, is{"": no, "a": no}},
		{"a type nobody knows", registry.Parameter{Type: "blob", Domain: &registry.Domain{List: []string{"a"}}}, is{"a": no}},
		{"a range of flags", registry.Parameter{Type: "bool", Domain: interval("false", "true")}, is{"true": no, "false": no}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for text, want := range c.values {
				got, err := c.p.Value(text)
				if want == no {
					if err != registry.ErrValue || got != "" { // as it is: nothing of the text is wrapped around it
						t.Errorf("Value(%q) = %q, %v: want it refused", text, got, err)
					}
					continue
				}
				if err != nil || got != want {
					t.Errorf("Value(%q) = %q, %v: want %q", text, got, err, want)
				}
				if again, err := c.p.Value(got); again != got || err != nil {
					t.Errorf("Value(%q) = %q, %v: want the same again", got, again, err)
				}
			}
		})
	}
	long := registry.Parameter{Type: "string", Domain: &registry.Domain{Pattern: &registry.Pattern{Expression: `.*`, MaxLength: 200}}}
	if _, err := long.Value(strings.Repeat("域", 200)); err != nil {
		t.Errorf("200 characters: %v", err)
	}
	for _, text := range []string{strings.Repeat("域", 201), strings.Repeat("9", 1<<20)} {
		if _, err := long.Value(text); !errors.Is(err, registry.ErrValue) {
			t.Errorf("a value of %d bytes = %v, want it refused", len(text), err)
		}
	}
}

func TestTakesTellsTheDomain(t *testing.T) {
	for _, c := range []struct {
		p      registry.Parameter
		en, zh string
	}{
		{registry.Parameter{Type: "bool"}, "true or false", "true 或 false"},
		{registry.Parameter{Type: "string", Domain: &registry.Domain{List: []string{"a", "b"}}}, "string: one of a, b", "string,取值之一:a, b"},
		{registry.Parameter{Type: "int64", Domain: &registry.Domain{Range: &registry.Range{Min: "1", Max: "9"}}}, "int64 from 1 to 9", "int64,自 1 至 9"},
		{registry.Parameter{Type: "string", Domain: &registry.Domain{Pattern: &registry.Pattern{Expression: "a+", MaxLength: 3}}},
			"text of at most 3 characters that matches a+", "不超过 3 个字符且匹配 a+ 的文本"},
		{registry.Parameter{Type: "string", Domain: &registry.Domain{Region: "3201"}}, "six-digit division code beginning with 3201", "以 3201 开头的六位行政区划代码"},
	} {
		if en, zh := c.p.Takes(); en != c.en || zh != c.zh {
			t.Errorf("Takes = %q, %q, want %q, %q", en, zh, c.en, c.zh)
		}
	}
}
