package api

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"zonebox/query/querytest"
)

// hidden are titles that neither operator is ever told, and that stand in no request.
var hidden = map[string][]string{
	"li.op":  {"金融数据运营有限公司", "企业纳税"},
	"jin.op": {"惠医数据运营有限公司", "人口基本信息"},
}

// malformedRequests sends requests made from the OpenAPI document and broken in one
// place: each is answered, none by a fault of the gate or with anything that its sender
// may not see.
func malformedRequests(t *testing.T, w *world) {
	const n = 30_000
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var doc struct {
		Paths      map[string]map[string]described
		Components struct{ Schemas map[string]*schema }
	}
	if w.ask(t, querytest.Founder, http.MethodGet, "/v1/openapi", "") != "ok" {
		t.Fatalf("no document: %s", w.last)
	}
	if err := json.Unmarshal(w.last, &doc); err != nil {
		t.Fatal(err)
	}
	m := &breaker{r: r, schemas: doc.Components.Schemas, names: []string{"persons", "taxes", "medical", "finance", "medical-2026", "finance-2026", "li.op", "jin.op", "license", "organization", "dataset"}}
	for _, name := range w.names {
		m.names = append(m.names, name)
	}
	slices.Sort(m.names)
	type operation struct {
		method, path string
		described
	}
	var ops []operation
	for path, methods := range doc.Paths {
		for method, op := range methods {
			ops = append(ops, operation{strings.ToUpper(method), path, op})
		}
	}
	slices.SortFunc(ops, func(a, b operation) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	if len(ops) < 90 {
		t.Fatalf("%d operations: the test shows nothing", len(ops))
	}
	var there string // to who may see them
	for _, kind := range []string{"organization", "dataset"} {
		w.ask(t, querytest.Founder, http.MethodGet, "/v1/documents/"+kind, "")
		there += string(w.last)
	}
	for person, words := range hidden {
		for _, word := range words {
			if !strings.Contains(there, word) {
				t.Fatalf("%s, hidden from %s, is not there", word, person)
			}
		}
	}
	codes := map[string]int{}
	for range n {
		op := ops[r.IntN(len(ops))]
		person := persons[r.IntN(len(persons))]
		uri, body := m.request(op.path, op.described)
		code := w.ask(t, person, op.method, uri, body)
		codes[code]++
		if w.status >= http.StatusInternalServerError {
			t.Errorf("seed %d: %s %s %.300q as %s = %d %s", seed, op.method, uri, body, person, w.status, code)
		}
		for _, word := range hidden[person] {
			if strings.Contains(string(w.last), word) {
				t.Errorf("seed %d: %s %s %.300q as %s tells of %s: %.300s", seed, op.method, uri, body, person, word, w.last)
			}
		}
	}
	t.Logf("%d requests: %v", n, codes)
	if codes["bad"] < n/4 || codes["ok"] == 0 {
		t.Errorf("the requests were of one kind: %v", codes)
	}
}

// described is what the document says of an operation, as far as it is broken.
type described struct {
	Parameters  []struct{ Name, In string }
	RequestBody *struct {
		Content map[string]struct{ Schema *schema }
	}
}

type schema struct {
	Ref        string `json:"$ref"`
	Type       any    // one, or a list with "null"
	Properties map[string]*schema
	Items      *schema
}

// breaker makes requests that fit a schema but for what is broken.
type breaker struct {
	r       *rand.Rand
	schemas map[string]*schema
	names   []string
}

// nasty are texts that readers stumble over.
var nasty = []string{"", " ", "..", "%00", "\x00", "a/b", "/", "null", "true", "0", "-1", "1e400", "99999999999999999999", "'; DROP TABLE x; --", "\u202e", "ﬀ", "张三", "𝕊",
	"\ufeff", strings.Repeat("长", 3000), "{}", "[]", "\"", "2026-13-45", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"}

func (b *breaker) text() string {
	if b.r.IntN(2) == 0 {
		return b.names[b.r.IntN(len(b.names))]
	}
	return nasty[b.r.IntN(len(nasty))]
}

func (b *breaker) request(path string, op described) (uri, body string) {
	values := url.Values{}
	for _, p := range op.Parameters {
		switch p.In {
		case "path":
			text := b.text()
			if text == "" {
				text = "x"
			}
			path = strings.Replace(path, "{"+p.Name+"}", url.PathEscape(text), 1)
		case "query":
			if text := b.text(); b.r.IntN(3) > 0 {
				if p.Name == "request" {
					text = base64.RawURLEncoding.EncodeToString([]byte(b.json(map[string]any{"sha256": text, "dataset": b.text()})))
				}
				values.Set(p.Name, text)
			}
		}
	}
	if b.r.IntN(10) == 0 {
		values.Set(b.text(), b.text())
	}
	uri = "/v1" + path
	if len(values) > 0 {
		uri += "?" + values.Encode()
	}
	if op.RequestBody == nil {
		if b.r.IntN(5) == 0 {
			body = b.text()
		}
		return uri, body
	}
	for kind, of := range op.RequestBody.Content {
		if kind == "application/json" {
			return uri, b.json(b.value(of.Schema, 0))
		}
	}
	return uri, b.text()
}

// value is of a schema, or of another type, and its fields now and then too few or too
// many.
func (b *breaker) value(s *schema, depth int) any {
	for s != nil && s.Ref != "" {
		s = b.schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]]
	}
	if s == nil || depth > 6 || b.r.IntN(12) == 0 {
		return []any{nil, true, 0, -1.5, 1e300, b.text(), []any{b.text()}, map[string]any{b.text(): b.text()}}[b.r.IntN(8)]
	}
	kind := s.Type
	if list, ok := kind.([]any); ok && len(list) > 0 {
		kind = list[0]
	}
	switch kind {
	case "string":
		return b.text()
	case "integer", "number":
		return []any{0, 1, -1, 1 << 40, 0.5, uint64(1) << 63}[b.r.IntN(6)]
	case "boolean":
		return b.r.IntN(2) == 0
	case "array":
		out := []any{}
		for range b.r.IntN(3) {
			out = append(out, b.value(s.Items, depth+1))
		}
		return out
	case "object":
		out := map[string]any{}
		for name, p := range s.Properties {
			if b.r.IntN(6) > 0 {
				out[name] = b.value(p, depth+1)
			}
		}
		if b.r.IntN(10) == 0 {
			out[b.text()] = b.text()
		}
		return out
	}
	return b.text()
}

// json is a value's text, now and then not quite.
func (b *breaker) json(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // of what value made
	}
	text := string(raw)
	switch b.r.IntN(20) {
	case 0:
		return text[:b.r.IntN(len(text)+1)]
	case 1:
		return text + text
	case 2:
		return strings.Replace(text, "{", `{"x":1,"x":2,`, 1)
	case 3:
		return strings.Replace(text, `"`, "\"\xff", 1)
	case 4:
		return fmt.Sprintf("%s%s%s", strings.Repeat("[", 20_000), text, strings.Repeat("]", 20_000))
	}
	return text
}
