package ast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestAHostileTreeIsCheapToRefuse gives the decoder the documents that cost it
// most.
func TestAHostileTreeIsCheapToRefuse(t *testing.T) {
	wide := func(unit string, n int) string { return "[" + strings.Repeat(unit+",", n) + unit + "]" }
	fields := make([]string, maxFields)
	for i := range fields {
		fields[i] = fmt.Sprintf(`"%02d":0`, i)
	}
	object := "{" + strings.Join(fields, ",") + "}"
	names := make([]string, maxFields)
	for i := range names {
		names[i] = fmt.Sprintf(`"%s%02d":0`, strings.Repeat("x", 1_000_000), i)
	}
	for _, c := range []struct {
		rule string
		tree string
	}{
		{"as many numbers as allowed", wide("12345678901234567890", maxValues-2)},
		{"as many texts as allowed", wide(`"abcdefghijklmnopq"`, maxValues-2)},
		{"as many empty lists as allowed", wide(`[]`, maxValues-2)},
		{"objects of as many fields as allowed", wide(object, maxValues/(maxFields+1)-1)},
		{"long names that begin alike", "{" + strings.Join(names, ",") + "}"},
		{"one value too many", wide("0", maxValues)},
		{"one text", `"` + strings.Repeat("x", maxBytes-2) + `"`},
		{"one text of escapes", `"` + strings.Repeat(`\u0001`, maxBytes/6-1) + `"`},
		{"one number", strings.Repeat("1", maxBytes)},
		{"nothing but depth", strings.Repeat("[", maxBytes)},
		{"white space", strings.Repeat(" ", maxBytes-1) + "0"},
	} {
		if len(c.tree) > maxBytes {
			t.Fatalf("%s: %d bytes, which the session refuses already", c.rule, len(c.tree))
		}
		text := []byte(c.tree)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		_, err := Decode(text)
		took := time.Since(begun)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("Decode() of %s succeeded", c.rule)
		}
		if size := after.TotalAlloc - before.TotalAlloc; size > 400<<20 || took > 10*time.Second {
			t.Errorf("Decode() of %s took %v and allocated %d MB in all", c.rule, took, size>>20)
		}
	}
}

func TestATextLongerThanAStatementIsRefused(t *testing.T) {
	for _, c := range []struct {
		text string
		want error
	}{
		{strings.Repeat("x", maxText), nil},
		{strings.Repeat("x", maxText+1), ErrLimit},
		{strings.Repeat(`\n`, maxText), nil},
		{strings.Repeat(`\n`, maxText+1), ErrLimit},
	} {
		if _, err := parse([]byte(`"` + c.text + `"`)); !errors.Is(err, c.want) {
			t.Errorf("parse() of a text of %d bytes = %v, want %v", len(c.text), err, c.want)
		}
	}
}

// standard reads one value as encoding/json does, objects as *object.
func standard(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var value func() (any, error)
	value = func() (any, error) {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		switch tok {
		case json.Delim('{'):
			o := &object{}
			for dec.More() {
				name, err := dec.Token()
				if err != nil {
					return nil, err
				}
				v, err := value()
				if err != nil {
					return nil, err
				}
				*o = append(*o, field{name.(string), v})
			}
			_, err = dec.Token()
			return o, err
		case json.Delim('['):
			list := []any{}
			for dec.More() {
				v, err := value()
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, err = dec.Token()
			return list, err
		}
		return tok, nil
	}
	v, err := value()
	if err == nil {
		if _, end := dec.Token(); end != io.EOF {
			return nil, ErrDocument
		}
	}
	return v, err
}

// FuzzParse compares with encoding/json: what parse accepts, both read alike;
// what only encoding/json accepts breaks one of parse's own rules.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob("testdata/fuzz/FuzzParse/*")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := parse(text)
		runtime.ReadMemStats(&after)
		if size := after.TotalAlloc - before.TotalAlloc; size > uint64(64<<10+150*len(text)) {
			t.Errorf("parse() of %d bytes allocated %d", len(text), size)
		}
		if err != nil {
			if json.Valid(text) && !strict(text) {
				return
			}
			if json.Valid(text) {
				t.Errorf("parse(%q) = %v, and encoding/json reads it", text, err)
			}
			return
		}
		want, err := standard(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("parse(%q) = %v, encoding/json says %v, %v", text, got, want, err)
		}
	})
}

// strict reports whether a valid document might be within parse's own rules; it
// errs on the side of no.
func strict(text []byte) bool {
	if bytes.Contains(text, []byte(`\u`)) || bytes.Count(text, []byte("{")) > 0 || len(text) > maxLevels {
		return false
	}
	return utf8.Valid(text)
}
