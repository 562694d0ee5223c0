package zone_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/zone"
)

// under is a projection in the name of a license.
func under(license string, info zone.Info, columns ...zone.Project) zone.Projection {
	p := projection(info, columns...)
	p.Keys.Scope = license
	return p
}

func shifted(column string, days int) zone.Project {
	return zone.Project{Name: column, Recipe: &masking.Recipe{Kind: "shift", Days: days}}
}

func noisy(column string, spread float64) zone.Project {
	return zone.Project{Name: column, Recipe: &masking.Recipe{Kind: "noise", Spread: spread}}
}

// none is the move of a row without a value.
const none = 1 << 30

// moves returns by how much a projection of one column moves each of raw.
func moves(t *testing.T, s *zone.Store, p zone.Projection, raw []string, between func(from, to string) int) []int {
	t.Helper()
	got := strings.Fields(mustRead(t, s, p))
	if len(got) != len(raw) {
		t.Fatalf("%d rows, want %d", len(got), len(raw))
	}
	out := make([]int, len(raw))
	for i, to := range got {
		if out[i] = none; to != "-" {
			out[i] = between(raw[i], to)
		}
	}
	return out
}

// days returns the moves of visit_date.
func days(t *testing.T, s *zone.Store, p zone.Projection) []int {
	t.Helper()
	raw := []string{"2024-05-01", "2024-05-02", "2024-06-30", "2023-12-31", "", "1970-01-01", "2024-05-31", "2024-02-29"}
	return moves(t, s, p, raw, func(from, to string) int {
		a, err1 := time.Parse(time.DateOnly, from)
		b, err2 := time.Parse(time.DateOnly, to)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return int(b.Sub(a).Hours()) / 24
	})
}

// numbers returns the moves of visits.
func numbers(t *testing.T, s *zone.Store, p zone.Projection) []int {
	t.Helper()
	return moves(t, s, p, []string{"7", "12", "", "40", "0", "-1", "100", "19"}, func(from, to string) int {
		a, err1 := strconv.Atoi(from)
		b, err2 := strconv.Atoi(to)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return b - a
	})
}

func equal(a, b []int) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// The dates of a subject move by the same days wherever a license shows them,
// however often; under another license by others. Rows without entity are null.
func TestDatesOfASubjectMoveAlikeUnderALicense(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits) // entities 5 1 2 - 5 5 1 9, the fifth without a date
	by := days(t, s, under("l1", info, shifted("visit_date", 300)))
	if by[0] != by[5] || by[1] != by[6] || by[3] != none || by[4] != none {
		t.Fatalf("moves = %v: want those of 5 alike, of 1 alike, none without entity or date", by)
	}
	if by[0] == by[1] || by[1] == by[2] || by[2] == by[7] {
		t.Errorf("moves = %v: subjects move alike", by)
	}
	for i, move := range by {
		if move == 0 || move != none && (move > 300 || move < -300) {
			t.Errorf("row %d moves by %d days", i, move)
		}
	}
	other := spec
	other.Dataset = "referrals"
	large := roomy(t, t.TempDir(), memory.DefaultAllocator) // one segment, its entities a dictionary
	for what, got := range map[string][]int{
		"asked again":                 days(t, s, under("l1", info, shifted("visit_date", 300))),
		"the same data loaded again":  days(t, s, under("l1", load(t, s, spec, visits), shifted("visit_date", 300))),
		"in segments of another size": days(t, large, under("l1", load(t, large, spec, visits), shifted("visit_date", 300))),
		"another dataset of the zone": days(t, s, under("l1", load(t, s, other, visits), shifted("visit_date", 300))),
	} {
		if !equal(got, by) {
			t.Errorf("%s: moves %v, want %v", what, got, by)
		}
	}
	key := under("l1", info, shifted("visit_date", 300))
	key.Keys.Token = bytes.Repeat([]byte{8}, 32)
	for what, p := range map[string]zone.Projection{
		"another license": under("l2", info, shifted("visit_date", 300)),
		"another key":     key,
		"another recipe":  under("l1", info, shifted("visit_date", 301)),
	} {
		got := days(t, s, p)
		if got[0] == by[0] || got[1] == by[1] || got[2] == by[2] || got[7] == by[7] || got[0] != got[5] || got[3] != none {
			t.Errorf("%s: moves %v, of l1 %v", what, got, by)
		}
	}
}

// Two masks of one value must not be multiples of one draw: from v+d and v+2d
// anybody reads off v.
func TestDrawsOfTwoRecipesAreIndependent(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	for what, pair := range map[string][2][]int{
		"shift": {days(t, s, under("l", info, shifted("visit_date", 300))), days(t, s, under("l", info, shifted("visit_date", 600)))},
		"noise": {numbers(t, s, under("l", info, noisy("visits", 1000))), numbers(t, s, under("l", info, noisy("visits", 2000)))},
	} {
		for i, one := range pair[0] {
			if off := pair[1][i] - 2*one; one != none && off >= -2 && off <= 2 {
				t.Errorf("%s, row %d: moves %d and %d", what, i, one, pair[1][i])
			}
		}
	}
}

// Noise is of license, dataset and column: the columns of a row do not move
// alike, nor do two datasets.
func TestNoiseIsOfLicenseDatasetAndColumn(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	by := numbers(t, s, under("l1", info, noisy("visits", 1000)))
	if by[0] != by[4] || by[0] != by[5] || by[1] != by[6] || by[3] != none || by[2] != none {
		t.Fatalf("moves = %v: want those of 5 alike, of 1 alike, none without entity or number", by)
	}
	for what, p := range map[string]zone.Projection{
		"asked again": under("l1", info, noisy("visits", 1000)), "loaded again": under("l1", load(t, s, spec, visits), noisy("visits", 1000)),
	} {
		if got := numbers(t, s, p); !equal(got, by) {
			t.Errorf("%s: moves %v, want %v", what, got, by)
		}
	}
	dataset, column := spec, spec
	dataset.Dataset = "referrals"
	column.Columns = append([]zone.ColumnSpec(nil), spec.Columns...)
	column.Columns[3].Name = "stays"
	for what, p := range map[string]zone.Projection{
		"another license": under("l2", info, noisy("visits", 1000)),
		"another dataset": under("l1", load(t, s, dataset, visits), noisy("visits", 1000)),
		"another column":  under("l1", load(t, s, column, strings.ReplaceAll(visits, `"visits"`, `"stays"`)), noisy("stays", 1000)),
	} {
		got := numbers(t, s, p)
		if got[0] == by[0] || got[1] == by[1] || got[7] == by[7] || got[0] != got[5] {
			t.Errorf("%s: moves %v, of l1 %v", what, got, by)
		}
	}
}

// Rows in scope have the masks that they have among all rows.
func TestScopeChangesNoDraw(t *testing.T) {
	s := roomy(t, t.TempDir(), memory.DefaultAllocator)
	info := load(t, s, spec, visits)
	whole := strings.Split(mustRead(t, s, under("l", info, shifted("seen", 30), noisy("paid", 2.5))), "\n")
	p := under("l", info, shifted("seen", 30), noisy("paid", 2.5))
	p.Scope = []zone.Condition{{"district", []string{"320106"}}} // rows 0, 1, 5, 7
	if got, want := mustRead(t, s, p), strings.Join([]string{whole[0], whole[1], whole[5], whole[7], ""}, "\n"); got != want {
		t.Errorf("in scope %q, want %q", got, want)
	}
}

// Needs are judged by what is delivered, which is known once it was made.
func TestDrawnMasksAreJudgedByTheirMasks(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	masked := strings.Fields(mustRead(t, s, under("l", info, shifted("visit_date", 3000))))
	s.Forget(info.Zone)
	need := func(op, value string) zone.Projection {
		p := under("l", info, shifted("visit_date", 3000))
		p.Needs = [][]zone.Need{{{Column: "visit_date", Type: "date", Op: op, Values: []string{value}}}}
		return p
	}
	if got := given(t, s, need("<", "1900-01-01")); got != "3 3 2" {
		t.Errorf("before they were made: pieces of %s rows, want all", got)
	}
	if got := given(t, s, need("<", "1900-01-01")); got != "" {
		t.Errorf("a day before all: pieces of %s rows, want none", got)
	}
	for i, value := range masked { // every delivered value is found, in whichever segment
		if value == "-" {
			continue
		}
		if got := mustRead(t, s, need("=", value)); !strings.Contains(got, value) {
			t.Errorf("row %d: a segment with %s was left out", i, value)
		}
	}
	others := under("l2", info, shifted("visit_date", 3000))
	others.Needs = need("<", "1900-01-01").Needs
	if got := given(t, s, others); got != "3 3 2" {
		t.Errorf("another license: pieces of %s rows, want all", got)
	}
}

// What is kept by ID is kept by license.
func TestAnIDOfDrawsDependsOnTheLicense(t *testing.T) {
	s := roomy(t, t.TempDir(), memory.DefaultAllocator)
	info := load(t, s, spec, visits)
	seen := map[[sha256.Size]byte]string{}
	for what, p := range map[string]zone.Projection{
		"a shift": under("l1", info, shifted("visit_date", 30)), "of another license": under("l2", info, shifted("visit_date", 30)),
		"further": under("l1", info, shifted("visit_date", 31)), "of another version": under("l1", load(t, s, spec, visits), shifted("visit_date", 30)),
	} {
		id := ids(t, s, p)["visit_date"]
		if seen[id] != "" {
			t.Errorf("%s and %s share an ID", what, seen[id])
		}
		seen[id] = what
	}
	token := zone.Project{Name: "id_number", Recipe: &masking.Recipe{Kind: "token"}}
	if ids(t, s, under("l1", info, token))["id_number"] != ids(t, s, under("l2", info, token))["id_number"] {
		t.Error("tokens of two licenses are kept apart: they are equal")
	}
}

func TestDrawsAreRefusedWhere(t *testing.T) {
	s := open(t, t.TempDir())
	info := load(t, s, spec, visits)
	nobody := spec
	nobody.Dataset, nobody.Entity = "beds", ""
	for why, tt := range map[string]struct {
		p    zone.Projection
		want error
	}{
		"a shift without license":   {under("", info, shifted("visit_date", 30)), masking.ErrKey},
		"noise without license":     {under("", info, noisy("visits", 5)), masking.ErrKey},
		"a shuffle without license": {under("", info, zone.Project{Name: "district", Recipe: &masking.Recipe{Kind: "shuffle"}}), masking.ErrKey},
		"a shuffle":                 {under("l", info, zone.Project{Name: "district", Recipe: &masking.Recipe{Kind: "shuffle"}}), masking.ErrKey},
		"a shift without entity":    {under("l", load(t, s, nobody, visits), shifted("visit_date", 30)), zone.ErrEntity},
		"noise without entity":      {under("l", load(t, s, nobody, visits), noisy("visits", 5)), zone.ErrEntity},
		"a shift of a text":         {under("l", info, shifted("district", 30)), masking.ErrRecipe},
	} {
		if got, err := read(t, s, tt.p); !errors.Is(err, tt.want) || got != "" {
			t.Errorf("%s: %q, %v, want %v", why, got, err, tt.want)
		}
	}
}

// Tokens under a bridge equal those of the zone it leads to, and are kept apart
// from the zone's own.
func TestTokensOfABridgeAreThoseOfTheOtherZone(t *testing.T) {
	s := open(t, t.TempDir())
	other := spec
	other.Zone = "census"
	info, elsewhere := load(t, s, spec, visits), load(t, s, other, visits)
	there := masking.Keys{Token: bytes.Repeat([]byte{9}, 32)}
	q := projection(elsewhere, zone.Project{Name: "id_number", Recipe: &masking.Recipe{Kind: "token"}})
	q.Keys = there
	want := mustRead(t, s, q)
	own := projection(info, zone.Project{Name: "id_number", Recipe: &masking.Recipe{Kind: "token"}})
	p := projection(info, zone.Project{Name: "id_number", Recipe: &masking.Recipe{Kind: "token", Domain: "census"}})
	p.Bridges = map[string]masking.Keys{"census": there}
	if got := mustRead(t, s, p); got != want {
		t.Errorf("tokens of the bridge %q, of the other zone %q", got, want)
	}
	if got := mustRead(t, s, own); got == want {
		t.Error("control: the zone's own tokens are the other's")
	}
	large := roomy(t, t.TempDir(), memory.DefaultAllocator)
	at := load(t, large, spec, visits)
	own.Version, own.Manifest, p.Version, p.Manifest = at.Version, at.Manifest, at.Version, at.Manifest
	own.Keys = there // one key under two names is told apart as well
	if ids(t, large, own)["id_number"] == ids(t, large, p)["id_number"] {
		t.Error("own tokens and those of a bridge share an ID")
	}
	p.Bridges = map[string]masking.Keys{"transport": there}
	if got, err := read(t, large, p); !errors.Is(err, masking.ErrKey) || got != "" {
		t.Errorf("without the key of the domain: %q, %v", got, err)
	}
}
