package sandbox_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"zonebox/sandbox"
	"zonebox/sandbox/internal/wire"
)

// TestADeliveryEndsWhereItsContentMust has a worker send batches without end: a
// file that got hold of its reader fills no disk.
func TestADeliveryEndsWhereItsContentMust(t *testing.T) {
	column := []sandbox.Column{{Name: "n", Type: "BIGINT"}}
	schema := wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: column})
	p := pool(t, sandbox.Config{Decoded: 1 << 20, Load: 10 * time.Second})
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Probe("endless " + string(join(schema, batch(t, make([]int64, 1000))))); err != nil {
		t.Fatal(err)
	}
	r, err := s.Read(t.Context(), sandbox.Delivery{Format: "csv", Columns: column, Source: strings.NewReader("n\n1\n")})
	var got int64
	for err == nil {
		rec, next := r.Next()
		if err = next; err == nil {
			got += 8 * rec.NumRows()
			rec.Release()
		}
	}
	if err == io.EOF || !errors.Is(err, sandbox.ErrOutput) || got > 1<<20 {
		t.Errorf("Next() after %d bytes = %v, want ErrOutput before 1 MiB", got, err)
	}
	// Small batches of an honest worker cost nothing beside their bytes.
	text := "n\n" + strings.Repeat("1\n", 100_000)
	if got, err := read(t, p, sandbox.Delivery{Format: "csv", Columns: column, Source: strings.NewReader(text)}); err != nil || len(got) != 100_000 {
		t.Errorf("Read() = %d rows, %v, want 100,000", len(got), err)
	}
}

// TestADeliveryEndsNoSoonerThanItsSource has a worker say that it has read all
// while the source still yields: the caller, told of the end, would read on
// beside the session.
func TestADeliveryEndsNoSoonerThanItsSource(t *testing.T) {
	column := []sandbox.Column{{Name: "n", Type: "BIGINT"}}
	schema := wire.AppendJSON(nil, wire.Schema, wire.SchemaMessage{Columns: column})
	p := pool(t, sandbox.Config{Load: 10 * time.Second})
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Probe("rogue " + string(join(schema, batch(t, []int64{1}), wire.AppendJSON(nil, wire.Done, wire.DoneMessage{Rows: 1})))); err != nil {
		t.Fatal(err)
	}
	source, writer := io.Pipe()
	defer writer.Close()
	r, err := s.Read(t.Context(), sandbox.Delivery{Format: "csv", Packing: "none", Columns: column, Source: source})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	rec.Release()
	if _, err := r.Next(); !errors.Is(err, sandbox.ErrProtocol) {
		t.Errorf("Next() of a delivery whose source has not ended = %v, want ErrProtocol", err)
	}
}
