package raw_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/internal/raw"
)

func batch(t *testing.T) raw.Batch {
	t.Helper()
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.Append("Alice")
	a := b.NewArray()
	defer a.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "name", Type: arrow.BinaryTypes.String}}, nil)
	return raw.Seal(array.NewRecordBatch(schema, []arrow.Array{a}, 1))
}

func TestUnmaskedRowsDoNotPrint(t *testing.T) {
	b := batch(t)
	defer b.Release()
	if got := fmt.Sprint(b.Open()); !strings.Contains(got, "Alice") {
		t.Fatalf("control: the opened batch prints %q, want it to contain the planted value", got)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for name, text := range map[string]string{
			"value":   fmt.Sprintf(verb, b),
			"pointer": fmt.Sprintf(verb, &b),
			"nested":  fmt.Sprintf(verb, struct{ B raw.Batch }{b}),
		} {
			if strings.Contains(text, "Alice") || strings.Contains(text, "416c696365") {
				t.Errorf("%s with %s prints the value: %s", name, verb, text)
			}
		}
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "rows", b)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "rows", b)
	if strings.Contains(log.String(), "Alice") || !strings.Contains(log.String(), "unmasked rows") {
		t.Errorf("log = %s", log.String())
	}
	if text, err := json.Marshal(b); err == nil {
		t.Errorf("json.Marshal = %s, want an error", text)
	}
}

func TestTheZeroBatchReleases(*testing.T) { raw.Batch{}.Release() }

func TestColumnTypes(t *testing.T) {
	for column, want := range map[string]string{
		"string": "utf8", "int64": "int64", "float64": "float64", "bool": "bool",
		"date": "date32", "timestamp": "timestamp[us]", "decimal(18,2)": "decimal(18, 2)",
		"decimal(38, 38)": "decimal(38, 38)", "decimal(1,0)": "decimal(1, 0)",
	} {
		got, err := raw.Type(column)
		if err != nil || got.String() != want {
			t.Errorf("Type(%q) = %v, %v, want %s", column, got, err, want)
		}
	}
	for _, column := range []string{"", "String", "int32", "decimal", "decimal(", "decimal(5)", "decimal(39,2)",
		"decimal(0,0)", "decimal(4,5)", "decimal(4,-1)", "decimal(4,2", "decimal(4,2,1)", "decimal(a,b)", "timestamp[ns]"} {
		if got, err := raw.Type(column); err == nil {
			t.Errorf("Type(%q) = %v, want an error", column, got)
		}
	}
}
