package sandbox_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/sandbox"
	"zonebox/sandbox/internal/wire"
)

// join concatenates frames.
func join(frames ...[]byte) []byte {
	var out []byte
	for _, f := range frames {
		out = append(out, f...)
	}
	return out
}

// batch encodes one column of BIGINT as a worker does.
func batch(t *testing.T, values []int64, opts ...ipc.Option) []byte {
	t.Helper()
	schema, err := wire.ArrowSchema([]sandbox.Column{{Name: "n", Type: "BIGINT"}})
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.Int64Builder).AppendValues(values, nil)
	rec := b.NewRecordBatch()
	defer rec.Release()
	payload, err := ipc.GetRecordBatchPayload(rec, opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer payload.Release()
	var out frameBuffer
	if _, err := payload.WritePayload(&out); err != nil {
		t.Fatal(err)
	}
	return wire.Append(nil, wire.Batch, out)
}

type frameBuffer []byte

func (b *frameBuffer) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }

func TestARogueWorkerIsNotBelieved(t *testing.T) {
	p := pool(t, sandbox.Config{Wall: 5 * time.Second})
	schema := wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: []sandbox.Column{{Name: "n", Type: "BIGINT"}}})
	done := func(rows int64) []byte { return wire.AppendJSON(nil, wire.Done, wire.DoneMessage{Rows: rows}) }
	fault := func(code string) []byte {
		return wire.AppendJSON(nil, wire.Fault, wire.FaultMessage{Code: code, Offset: -1, Column: -1})
	}
	huge := binary.LittleEndian.AppendUint32(nil, wire.MaxFrame+1)
	var text *sandbox.StatementError
	for _, c := range []struct {
		rule   string
		answer []byte
		want   error
	}{
		{"control", join(schema, batch(t, []int64{1, 2}), done(2)), nil},
		{"a frame too large", append(huge, byte(wire.Schema)), sandbox.ErrProtocol},
		{"an unknown frame", wire.Append(nil, 200, nil), sandbox.ErrProtocol},
		{"a batch before its schema", join(batch(t, []int64{1}), done(1)), sandbox.ErrProtocol},
		{"a type that does not cross", wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: []sandbox.Column{{Name: "n", Type: "BLOB"}}}), sandbox.ErrProtocol},
		{"no columns", wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{}), sandbox.ErrProtocol},
		{"a schema that is no JSON", wire.Append(nil, wire.Schema, []byte("{")), sandbox.ErrProtocol},
		{"another type than announced", join(wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: []sandbox.Column{{Name: "n", Type: "VARCHAR"}}}), batch(t, []int64{1}), done(1)), sandbox.ErrProtocol},
		{"more columns than sent", join(wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: []sandbox.Column{{Name: "n", Type: "BIGINT"}, {Name: "m", Type: "BIGINT"}}}), batch(t, []int64{1}), done(1)), sandbox.ErrProtocol},
		{"a compressed batch", join(schema, batch(t, make([]int64, 10_000), ipc.WithZstd()), done(10_000)), sandbox.ErrProtocol},
		{"an empty batch", join(schema, batch(t, nil), done(0)), sandbox.ErrProtocol},
		{"noise for a batch", join(schema, wire.Append(nil, wire.Batch, []byte("\xff\xff\xff\xff\x10\x00\x00\x00noise and noise and noise"))), sandbox.ErrProtocol},
		{"nothing for a batch", join(schema, wire.Append(nil, wire.Batch, nil)), sandbox.ErrProtocol},
		{"a count that is not the rows'", join(schema, batch(t, []int64{1}), done(2)), sandbox.ErrProtocol},
		{"two schemas", join(schema, schema), sandbox.ErrProtocol},
		{"a schema with a field more", wire.Append(nil, wire.Schema, []byte(`{"columns":[{"name":"n","type":"BIGINT"}],"more":1}`)), sandbox.ErrProtocol},
		{"a schema with a field twice", wire.Append(nil, wire.Schema, []byte(`{"columns":[{"name":"m","name":"n","type":"BIGINT"}]}`)), sandbox.ErrProtocol},
		{"a schema with a field in capitals", wire.Append(nil, wire.Schema, []byte(`{"columns":[{"NAME":"n","type":"BIGINT"}]}`)), sandbox.ErrProtocol},
		{"a schema with white space", wire.Append(nil, wire.Schema, []byte(`{"columns":[{"name":"n","type":"BIGINT"}]} `)), sandbox.ErrProtocol},
		{"a name that is not UTF-8", wire.Append(nil, wire.Schema, []byte("{\"columns\":[{\"name\":\"\xff\",\"type\":\"BIGINT\"}]}")), sandbox.ErrProtocol},
		{"too many columns", wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: slices.Repeat([]sandbox.Column{{Name: "n", Type: "BIGINT"}}, wire.MaxColumns+1)}), sandbox.ErrProtocol},
		{"a schema of five megabytes", wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: []sandbox.Column{{Name: strings.Repeat("n", 5<<20), Type: "BIGINT"}}}), sandbox.ErrProtocol},
		{"an end of two kilobytes", join(schema, wire.Append(nil, wire.Done, []byte(strings.Repeat(" ", 2000)+`{"rows":0}`))), sandbox.ErrProtocol},
		{"rows twice", join(schema, batch(t, []int64{1}), wire.Append(nil, wire.Done, []byte(`{"rows":7,"rows":1}`))), sandbox.ErrProtocol},
		{"no rows told", join(schema, wire.Append(nil, wire.Done, []byte(`{}`))), sandbox.ErrProtocol},
		{"a fault with a text", wire.Append(nil, wire.Fault, []byte(`{"code":"memory","offset":-1,"column":-1,"text":"x"}`)), sandbox.ErrProtocol},
		{"a code of its own", fault("李四 13800000000"), sandbox.ErrProtocol},
		{"a code of another kind of request", fault("brotli"), sandbox.ErrProtocol},
		{"more rows than allowed", join(schema, batch(t, make([]int64, 101)), done(101)), sandbox.ErrOutput},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s, err := p.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if _, err := s.Probe("rogue " + string(c.answer)); err != nil {
				t.Fatal(err)
			}
			_, err = rows(s.Execute(t.Context(), `SELECT 1`, [32]byte{}, sandbox.Limits{Rows: 100}))
			if !errors.Is(err, c.want) || errors.As(err, &text) {
				t.Errorf("Execute() = %v, want %v", err, c.want)
			}
		})
	}
}

func TestATreeIsBounded(t *testing.T) {
	s := start(t, sandbox.Config{})
	if _, err := s.Probe("trees"); err != nil {
		t.Fatal(err)
	}
	if tree, err := s.Parse(t.Context(), `SELECT 1`); !errors.Is(err, sandbox.ErrProtocol) {
		t.Errorf("Parse() = %d bytes, %v, want ErrProtocol", len(tree), err)
	}
}

func TestAFaultPointsIntoTheStatementOnly(t *testing.T) {
	p := pool(t, sandbox.Config{})
	for _, c := range []struct{ told, want int }{{3, 3}, {8, 8}, {9, -1}, {1 << 40, -1}, {-1, -1}, {-9, -1}} {
		s, err := p.Start(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Probe("rogue " + string(wire.AppendJSON(nil, wire.Fault, wire.FaultMessage{Code: "syntax", Offset: c.told, Column: -1}))); err != nil {
			t.Fatal(err)
		}
		_, err = s.Parse(t.Context(), `SELECT 1`)
		var refused *sandbox.StatementError
		if !errors.As(err, &refused) || refused.Offset != c.want {
			t.Errorf("Parse() with a fault at %d = %v, want byte %d", c.told, err, c.want)
		}
		_ = s.Close()
	}
}
