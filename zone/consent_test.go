package zone_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/zone"
)

// consented returns the set of the people with these identifiers.
func consented(t *testing.T, a masking.Algorithm, ids ...string) *zone.Consented {
	t.Helper()
	subjects, err := masking.NewSubjects(masking.Keys{Token: bytes.Repeat([]byte{9}, 32), Algorithm: a})
	if err != nil {
		t.Fatal(err)
	}
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(ids, nil)
	arr := b.NewArray()
	defer arr.Release()
	var tags []masking.SubjectTag
	if err := subjects.Tags(arr, nil, func(_ int, tag masking.SubjectTag) { tags = append(tags, tag) }); err != nil {
		t.Fatal(err)
	}
	return zone.NewConsented(subjects, tags)
}

func visitsOf(text string) string {
	var got []string
	for _, line := range strings.Fields(text) {
		first, _, _ := strings.Cut(line, "|")
		got = append(got, first)
	}
	return strings.Join(got, " ")
}

// The rows of whoever is not in the set are in no projection and in no count,
// whatever else the projection asks for and whatever it gave before; a row that is
// nobody's is in none of them.
func TestRowsOfPeopleWithoutConsentAreNotGiven(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits) // entities 5 1 2 - 5 5 1 9
	const person = "32010619700101000"
	in := []zone.Condition{{"district", []string{"320106"}}}
	for _, tt := range []struct {
		name  string
		set   *zone.Consented
		scope []zone.Condition
		only  []int64
		want  string
	}{
		{"no set asked for", nil, nil, nil, "7 12 - 40 0 -1 100 19"},
		{"nobody", consented(t, ""), nil, nil, ""},
		{"one person", consented(t, "", person+"1"), nil, nil, "12 100"},
		{"a person of several rows", consented(t, "", person+"5"), nil, nil, "7 0 -1"},
		{"somebody else", consented(t, "", person+"7"), nil, nil, ""},
		{"nobody's row is nobody's", consented(t, "", "", person+"9"), nil, nil, "19"},
		{"everybody", consented(t, "", person+"1", person+"2", person+"5", person+"9"), nil, nil, "7 12 - 0 -1 100 19"},
		{"within the scope", consented(t, "", person+"1", person+"5"), in, nil, "7 12 -1"},
		{"of some rows", consented(t, "", person+"1", person+"5"), nil, []int64{1, 2, 3, 4}, "12 0"},
		{"by another algorithm", consented(t, masking.HMACSM3, person+"1"), nil, nil, "12 100"},
		{"one person, again", consented(t, "", person+"1"), nil, nil, "12 100"},
	} {
		p := projection(info, zone.Project{Name: "visits"}, zone.Project{Name: "id_number", Recipe: &masking.Recipe{Kind: "partial", KeepLast: 2}})
		p.Consented, p.Scope, p.Only = tt.set, tt.scope, tt.only
		got := visitsOf(mustRead(t, s, p))
		if got != tt.want {
			t.Errorf("%s: rows %q, want %q", tt.name, got, tt.want)
		}
		if n, err := s.Count(t.Context(), p); err != nil || int(n) != len(strings.Fields(tt.want)) {
			t.Errorf("%s: Count = %d, %v, want %d", tt.name, n, err, len(strings.Fields(tt.want)))
		}
	}
}

// What is given agrees with what counting by hand gives, on worlds of chance.
func TestConsentsAgreeWithBruteForce(t *testing.T) {
	const worlds = 60
	for seed := range uint64(worlds) {
		draw := rand.New(rand.NewPCG(seed, 7))
		s := open(t, t.TempDir())
		people := 1 + draw.IntN(12)
		var text, want []string
		yes := map[int]bool{}
		var ids []string
		for person := range people {
			if yes[person] = draw.IntN(2) == 0; yes[person] {
				ids = append(ids, fmt.Sprintf("P%03d", person))
			}
		}
		inScope := draw.IntN(2) == 0
		for row := range 1 + draw.IntN(30) {
			person, district := draw.IntN(people+1), draw.IntN(2)
			id := "null"
			if person < people {
				id = fmt.Sprintf("%q", fmt.Sprintf("P%03d", person))
			}
			text = append(text, fmt.Sprintf(`{"id_number":%s,"district":"%d","visits":%d}`, id, district, row))
			if person < people && yes[person] && (!inScope || district == 1) {
				want = append(want, fmt.Sprint(row))
			}
		}
		info := load(t, s, spec, "["+strings.Join(text, ",")+"]")
		p := projection(info, zone.Project{Name: "visits"})
		p.Consented = consented(t, "", ids...)
		if inScope {
			p.Scope = []zone.Condition{{"district", []string{"1"}}}
		}
		for range 2 { // made, then remembered
			if got := visitsOf(mustRead(t, s, p)); got != strings.Join(want, " ") {
				t.Fatalf("seed %d: rows %s, want %s", seed, got, strings.Join(want, " "))
			}
		}
	}
}

// Rows of which nothing says whose they are are not given to anybody's consent.
func TestConsentsOfRowsThatAreNobodysAreRefused(t *testing.T) {
	s := open(t, t.TempDir())
	open := spec
	open.Entity = ""
	info := load(t, s, open, visits)
	p := projection(info, zone.Project{Name: "visits"})
	p.Consented = consented(t, "", "320106197001010001")
	if _, err := read(t, s, p); !errors.Is(err, zone.ErrEntity) {
		t.Errorf("Project() = %v, want ErrEntity", err)
	}
}

// Sets of the same people are one, in whatever order they come.
func TestADigestNamesASetOfPeople(t *testing.T) {
	a, b, c := consented(t, "", "1", "2", "2"), consented(t, "", "2", "1"), consented(t, "", "1")
	if a.Digest() != b.Digest() || a.Len() != 2 {
		t.Errorf("the digests of one set differ, or it has %d people, want 2", a.Len())
	}
	if a.Digest() == c.Digest() {
		t.Error("sets of different people have one digest")
	}
}
