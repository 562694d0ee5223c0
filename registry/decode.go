package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"

	"sigs.k8s.io/yaml"
)

// maxInput bounds what Decode reads: a file of documents is written by hand.
const maxInput = 8 << 20

// divider is a line that separates YAML documents. In column 0 it cannot be
// part of any scalar (YAML 1.2.2, 9.1.2).
var divider = regexp.MustCompile(`(?m)^---(?:[ \t].*)?\r?$`)

// Decode reads documents from YAML (several divided by ---) or JSON (several
// one after the other, or an array) and checks the shape of each. It reports
// every fault of every document in one Refusal. Fields given twice are refused:
// two readers may see two different documents.
func Decode(r io.Reader) ([]Document, error) {
	docs, err := DecodeDrafts(r)
	if err != nil {
		return nil, err
	}
	var faults []Fault
	for _, d := range docs {
		faults = append(faults, checkShape(d)...)
	}
	if len(faults) > 0 {
		return nil, &Refusal{faults}
	}
	return docs, nil
}

// DecodeDrafts reads documents as Decode does and checks no more of their shape
// than that they are documents: what is a draft may lack much.
func DecodeDrafts(r io.Reader) ([]Document, error) {
	input, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("registry: read documents: %w", err)
	}
	if len(input) > maxInput {
		return nil, syntax("input is larger than %d bytes", "输入超过 %d 字节", maxInput)
	}
	raw, err := split(input)
	if err != nil {
		return nil, err
	}
	var docs []Document
	for i, text := range raw {
		d, err := decodeOne(text)
		if err != nil {
			return nil, syntax("document %d is not a document: it needs kind, name and spec, and each field once",
				"第 %d 个文档无法读取:须含 kind、name、spec,且字段不得重复", i+1)
		}
		docs = append(docs, d)
	}
	return docs, nil
}

func syntax(en, zh string, args ...any) error {
	t := say(en, zh, args...)
	return &Refusal{[]Fault{{Code: CodeSyntax, EN: t.en, ZH: t.zh}}}
}

// split returns each document of input as JSON.
func split(input []byte) ([]json.RawMessage, error) {
	var raw []json.RawMessage
	switch text := bytes.TrimSpace(input); {
	case len(text) == 0:
		return nil, syntax("no document", "没有文档")
	case text[0] == '[':
		if err := json.Unmarshal(text, &raw); err != nil {
			return nil, syntax("input is not JSON", "输入不是合法 JSON")
		}
	case text[0] == '{':
		dec := json.NewDecoder(bytes.NewReader(text))
		for {
			var one json.RawMessage
			if err := dec.Decode(&one); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, syntax("input is not JSON", "输入不是合法 JSON")
			}
			raw = append(raw, one)
		}
	default:
		for i, part := range divider.Split(string(input), -1) {
			one, err := yaml.YAMLToJSONStrict([]byte(part))
			if err != nil {
				return nil, syntax("part %d is not YAML, or a field is given twice", "第 %d 段不是合法 YAML,或字段重复", i+1)
			}
			if string(one) != "null" {
				raw = append(raw, one)
			}
		}
	}
	if len(raw) == 0 {
		return nil, syntax("no document", "没有文档")
	}
	return raw, nil
}

func decodeOne(text json.RawMessage) (Document, error) {
	if err := NoDuplicates(text); err != nil {
		return Document{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var d Document
	if err := dec.Decode(&d); err != nil {
		return Document{}, err
	}
	return d, nil
}

// NoDuplicates returns an error if an object in the JSON value that text begins
// with has a key twice, or twice apart from case: two readers may read two
// different things.
func NoDuplicates(text []byte) error { return noDuplicates(json.NewDecoder(bytes.NewReader(text)), 0) }

// noDuplicates reads one JSON value and returns an error if an object in it
// has a key twice, or twice apart from case: encoding/json takes either.
func noDuplicates(dec *json.Decoder, depth int) error {
	if depth > 64 {
		return errors.New("too deep")
	}
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	open, ok := tok.(json.Delim)
	if !ok {
		return nil
	}
	seen := make(map[string]bool)
	for dec.More() {
		if open == '{' {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			k := folded(key.(string))
			if seen[k] {
				return errors.New("duplicate key")
			}
			seen[k] = true
		}
		if err := noDuplicates(dec, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// folded returns what a key has in common with every key that encoding/json takes
// for the same field: it folds beyond ASCII as well, ſ to s and the Kelvin sign to k.
func folded(key string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, key)
}
