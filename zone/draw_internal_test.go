package zone

import (
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
)

// A version written before manifests named the entity reads as ever; what is to
// be masked by entity is refused, since nothing says by whom.
func TestAManifestThatDoesNotNameTheEntityIsRead(t *testing.T) {
	s := crashStore(t, t.TempDir())
	l, err := s.Begin(crashSpec)
	if err != nil {
		t.Fatal(err)
	}
	l.manifest.Entity = ""
	b := array.NewRecordBuilder(memory.DefaultAllocator, l.schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).Append("x")
	b.Field(1).(*array.Int64Builder).Append(7)
	rec := b.NewRecordBatch()
	defer rec.Release()
	if err := l.Append(rec); err != nil {
		t.Fatal(err)
	}
	info, err := l.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := Projection{Zone: "z", Dataset: "d", Version: info.Version, Manifest: info.Manifest, Entity: true, Columns: []Project{{Name: "b"}},
		Keys: masking.Keys{Token: make([]byte, masking.KeySize), Scope: "a license"}}
	pieces := 0
	for piece, err := range s.Project(t.Context(), p) {
		if err != nil || len(piece.Columns) != 2 {
			t.Fatalf("Project = %v, %v", piece, err)
		}
		pieces++
	}
	if pieces != 1 {
		t.Fatalf("%d pieces, want 1", pieces)
	}
	p.Columns[0].Recipe = &masking.Recipe{Kind: "noise", Spread: 3}
	for _, err := range s.Project(t.Context(), p) {
		if !errors.Is(err, ErrEntity) {
			t.Errorf("noise = %v, want ErrEntity", err)
		}
	}
}

// A mask per entity is made of two chunks, and its ID says which.
func TestAnIDOfDrawsDependsOnTheEntities(t *testing.T) {
	id := func(entities string, recipe masking.Recipe) [32]byte {
		k, err := masking.Compile("int64", recipe, masking.Keys{Token: make([]byte, masking.KeySize), Scope: "a license"})
		if err != nil {
			t.Fatal(err)
		}
		m := manifest{manifestBody: manifestBody{Columns: []columnBody{
			{Name: "a", Chunks: []chunk{{Digest: []byte(entities)}}}, {Name: "b", Chunks: []chunk{{Digest: []byte("numbers")}}},
		}}}
		v := &view{manifest: &m, plan: []planned{{Column: masking.Column{Name: "b", Kernel: &k}, chunk: 1}}}
		return v.id(0, 0, &selection{})
	}
	noise, grid := masking.Recipe{Kind: "noise", Spread: 3}, masking.Recipe{Kind: "number", Width: 3}
	if id("some", noise) == id("others", noise) {
		t.Error("noise of other entities has the same ID")
	}
	if id("some", grid) != id("others", grid) {
		t.Error("a mask that no entity decides has an ID of its entities")
	}
}
