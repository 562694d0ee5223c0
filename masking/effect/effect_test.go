package effect_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/masking/effect"
)

// table makes a record of text columns; - is a null.
func table(t *testing.T, rows ...string) arrow.RecordBatch {
	t.Helper()
	var columns [][]string
	for _, row := range rows {
		for i, v := range strings.Fields(row) {
			if i == len(columns) {
				columns = append(columns, nil)
			}
			columns[i] = append(columns[i], v)
		}
	}
	var fields []arrow.Field
	var arrays []arrow.Array
	for i, values := range columns {
		fields = append(fields, arrow.Field{Name: string(rune('a' + i)), Type: arrow.BinaryTypes.String, Nullable: true})
		arrays = append(arrays, text(t, values))
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(len(rows)))
}

func text(t *testing.T, values []string) arrow.Array {
	t.Helper()
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for _, v := range values {
		if v == "-" {
			b.AppendNull()
		} else {
			b.Append(v)
		}
	}
	a := b.NewArray()
	t.Cleanup(a.Release)
	return a
}

// Published examples: race, birth, gender, ZIP and problem (Sweeney 2002, figure
// 2), and ZIP, age, nationality and condition, first 4-anonymous, then 3-diverse
// (Machanavajjhala and others 2006, figures 2 and 3).
var (
	sweeney = []string{
		"Black 1965 m 0214* short_breath", "Black 1965 m 0214* chest_pain", "Black 1965 f 0213* hypertension", "Black 1965 f 0213* hypertension",
		"Black 1964 f 0213* obesity", "Black 1964 f 0213* chest_pain", "White 1964 m 0213* chest_pain", "White 1964 m 0213* obesity",
		"White 1964 m 0213* short_breath", "White 1967 m 0213* chest_pain", "White 1967 m 0213* chest_pain",
	}
	fourAnonymous = []string{
		"130** <30 * heart", "130** <30 * heart", "130** <30 * viral", "130** <30 * viral",
		"1485* >=40 * cancer", "1485* >=40 * heart", "1485* >=40 * viral", "1485* >=40 * viral",
		"130** 3* * cancer", "130** 3* * cancer", "130** 3* * cancer", "130** 3* * cancer",
	}
	threeDiverse = []string{
		"1305* <=40 * heart", "1305* <=40 * viral", "1305* <=40 * cancer", "1305* <=40 * cancer",
		"1485* >40 * cancer", "1485* >40 * heart", "1485* >40 * viral", "1485* >40 * viral",
		"1306* <=40 * heart", "1306* <=40 * viral", "1306* <=40 * cancer", "1306* <=40 * cancer",
	}
)

func TestPublishedExamplesOfAnonymityAndDiversity(t *testing.T) {
	for _, tt := range []struct {
		name          string
		rows          []string
		quasi         []int
		sensitive     int
		k, classes, l int64
		exposed       int64
	}{
		{"Sweeney, figure 2", sweeney, []int{0, 1, 2, 3}, 4, 2, 5, 1, 4},
		{"Machanavajjhala, figure 2", fourAnonymous, []int{0, 1, 2}, 3, 4, 3, 1, 4},
		{"Machanavajjhala, figure 3", threeDiverse, []int{0, 1, 2}, 3, 4, 3, 3, 0},
	} {
		record := table(t, tt.rows...)
		p, err := effect.Group(record, tt.quasi)
		if err != nil {
			t.Fatal(err)
		}
		d, err := p.Diversity(record.Column(tt.sensitive))
		if err != nil {
			t.Fatal(err)
		}
		a := p.Anonymity()
		if a.K != tt.k || a.Classes != tt.classes || d.L != tt.l || d.Exposed != tt.exposed || a.MaxRisk != 1/float64(tt.k) {
			t.Errorf("%s: %+v %+v, want k %d, classes %d, l %d, exposed %d", tt.name, a, d, tt.k, tt.classes, tt.l, tt.exposed)
		}
	}
	p, _ := effect.Group(table(t, threeDiverse...), []int{0, 1, 2})
	d, _ := p.Diversity(table(t, threeDiverse...).Column(3))
	if want := math.Exp2(1.5); math.Abs(d.EntropyL-want) > 1e-12 || d.Dominance != 0.5 { // shares 1/2, 1/4, 1/4
		t.Errorf("entropy l = %v, dominance %v, want %v, 0.5", d.EntropyL, d.Dominance, want)
	}
}

// TestAnonymityAndDiversityEqualBruteForce compares every pair of rows.
func TestAnonymityAndDiversityEqualBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	values := []string{"a", "b", "c", "-", "ab", "ba"}
	for range 400 {
		n, width := r.IntN(25), 1+r.IntN(4)
		var cells [][]string
		var rows []string
		for range n {
			var row []string
			for range width + 1 {
				row = append(row, values[r.IntN(1+r.IntN(len(values)))])
			}
			cells, rows = append(cells, row), append(rows, strings.Join(row, " "))
		}
		if n == 0 {
			continue
		}
		record := table(t, rows...)
		quasi := r.Perm(width)[:r.IntN(width+1)]
		p, err := effect.Group(record, quasi)
		if err != nil {
			t.Fatal(err)
		}
		a := p.Anonymity()
		d, err := p.Diversity(record.Column(width))
		if err != nil {
			t.Fatal(err)
		}
		k, l, unique, exposed, below := int64(n), int64(n), int64(0), int64(0), int64(0)
		firsts := int64(0)
		for i := range cells {
			size, first := int64(0), true
			kinds := map[string]bool{}
			for j := range cells {
				alike := true
				for _, q := range quasi {
					alike = alike && cells[i][q] == cells[j][q]
				}
				if alike {
					size++
					first = first && j >= i
					kinds[cells[j][width]] = true
				}
			}
			k, l = min(k, size), min(l, int64(len(kinds)))
			if size == 1 {
				unique++
			}
			if len(kinds) == 1 {
				exposed++
			}
			if size < 3 {
				below++
			}
			if first {
				firsts++
			}
		}
		var banded, classes int64
		for _, b := range a.Bands {
			banded, classes = banded+b.Rows, classes+b.Classes
		}
		if a.K != k || a.Classes != firsts || a.Unique != unique || d.L != l || d.Exposed != exposed || p.Below(3) != below || banded != int64(n) || classes != firsts {
			t.Fatalf("rows %q by %v: %+v %+v below %d, want k %d classes %d unique %d l %d exposed %d below %d",
				rows, quasi, a, d, p.Below(3), k, firsts, unique, l, exposed, below)
		}
		if d.EntropyL > float64(d.L)+1e-9 || d.EntropyL < 1-1e-9 {
			t.Fatalf("rows %q: entropy l %v beside l %d", rows, d.EntropyL, d.L)
		}
	}
}

func TestGrades(t *testing.T) {
	var many []string
	for range 20 {
		many = append(many, "3201 1980 x")
	}
	var one []string // a mean risk of 2 in 41, and one person alone
	for range 40 {
		one = append(one, "3201 1980 x")
	}
	one = append(one, "3201 1920 x")
	for _, tt := range []struct {
		name  string
		rows  []string
		c     effect.Columns
		o     effect.Options
		level int
		rule  effect.Rule
	}{
		{"a direct identifier", sweeney, effect.Columns{Direct: []int{4}, Quasi: []int{0}}, effect.Options{}, 1, effect.DirectPresent},
		{"a direct identifier in a statistic", sweeney, effect.Columns{Direct: []int{4}}, effect.Options{Aggregate: true}, 1, effect.DirectPresent},
		{"a direct identifier, all null", []string{"- a", "- a"}, effect.Columns{Direct: []int{0}, Quasi: []int{1}}, effect.Options{Threshold: 0.5}, 3, effect.RiskAcceptable},
		{"k of 2 at 0.05", sweeney, effect.Columns{Quasi: []int{0, 1, 2, 3}}, effect.Options{}, 2, effect.RiskAbove},
		{"k of 2 at 0.5", sweeney, effect.Columns{Quasi: []int{0, 1, 2, 3}}, effect.Options{Threshold: 0.5}, 3, effect.RiskAcceptable},
		{"k of 20 at 0.05", many, effect.Columns{Quasi: []int{0, 1}}, effect.Options{}, 3, effect.RiskAcceptable},
		{"k of 19 at 0.05", many[:19], effect.Columns{Quasi: []int{0, 1}}, effect.Options{}, 2, effect.RiskAbove},
		{"the worst class counts, not the mean", one, effect.Columns{Quasi: []int{0, 1}}, effect.Options{}, 2, effect.RiskAbove},
		{"a statistic", sweeney, effect.Columns{Quasi: []int{0, 1, 2, 3}}, effect.Options{Aggregate: true}, 4, effect.AggregateData},
	} {
		a, err := effect.Assess(table(t, tt.rows...), tt.c, tt.o)
		if err != nil || a.Level != tt.level || a.Rule != tt.rule {
			t.Errorf("%s: level %d by %s, %v, want %d by %s", tt.name, a.Level, a.Rule, err, tt.level, tt.rule)
		}
	}
}

func TestNoGradeInDoubt(t *testing.T) {
	record := table(t, sweeney...)
	for _, tt := range []struct {
		c    effect.Columns
		o    effect.Options
		want error
	}{
		{effect.Columns{Quasi: []int{5}}, effect.Options{}, effect.ErrColumn},
		{effect.Columns{Sensitive: []int{-1}}, effect.Options{}, effect.ErrColumn},
		{effect.Columns{Direct: []int{9}}, effect.Options{}, effect.ErrColumn},
		{effect.Columns{}, effect.Options{Threshold: math.NaN()}, effect.ErrParam},
		{effect.Columns{}, effect.Options{Threshold: 1.5}, effect.ErrParam},
	} {
		if a, err := effect.Assess(record, tt.c, tt.o); !errors.Is(err, tt.want) || a.Level != 0 {
			t.Errorf("Assess(%+v, %+v) = level %d, %v, want none, %v", tt.c, tt.o, a.Level, err, tt.want)
		}
	}
	lists := array.NewListBuilder(memory.DefaultAllocator, arrow.BinaryTypes.String)
	defer lists.Release()
	lists.AppendNull()
	a := lists.NewArray()
	defer a.Release()
	nested := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "a", Type: a.DataType(), Nullable: true}}, nil), []arrow.Array{a}, 1)
	if _, err := effect.Assess(nested, effect.Columns{Quasi: []int{0}}, effect.Options{}); !errors.Is(err, effect.ErrType) {
		t.Errorf("Assess over lists = %v, want ErrType", err)
	}
}

func TestEveryRecipeOfTodayHasATechnique(t *testing.T) {
	for kind, family := range map[string]effect.Family{
		"redact": effect.Suppression, "partial": effect.Suppression, "token": effect.Pseudonymizing,
		"date": effect.Generalizing, "number": effect.Generalizing, "region": effect.Generalizing,
	} {
		if got, ok := effect.TechniqueOf(kind); !ok || got.Family != family || got.Name == "" {
			t.Errorf("TechniqueOf(%s) = %v, %v, want %s", kind, got, ok, family)
		}
	}
	for _, kind := range masking.Kinds() {
		if _, ok := effect.TechniqueOf(kind); !ok {
			t.Errorf("recipes of kind %s have no technique", kind)
		}
	}
	if _, ok := effect.TechniqueOf("clear"); ok {
		t.Error("a column as it is has a technique")
	}
}

// A class of rows holds no more people than rows, and fewer where a person has
// several.
func TestSeveralRowsOfOnePersonAreOnePerson(t *testing.T) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for range 60 {
		b.Append("320102")
	}
	column := b.NewArray()
	defer column.Release()
	record := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "district", Type: arrow.BinaryTypes.String}}, nil), []arrow.Array{column}, 60)
	defer record.Release()
	for _, c := range []struct {
		each, people int64
		level        int
	}{{0, 60, 3}, {1, 60, 3}, {3, 20, 3}, {4, 15, 2}, {7, 9, 2}, {59, 2, 2}, {60, 1, 2}, {math.MaxInt64, 1, 2}} {
		a, err := effect.Assess(record, effect.Columns{Quasi: []int{0}}, effect.Options{RowsEach: c.each})
		if err != nil || a.People != c.people || a.Level != c.level || a.Risk != 1/float64(c.people) || a.Anonymity.K != 60 {
			t.Errorf("%d rows each: %+v (%v), want %d people and level %d", c.each, a, err, c.people, c.level)
		}
	}
}

// Nothing is in no class, whatever it is grouped by; and a null among the values
// of a dictionary is like a null among its codes.
func TestEmptyResultsAndNullsOfDictionaries(t *testing.T) {
	empty := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String}}, nil), []arrow.Array{text(t, nil)}, 0)
	for _, quasi := range [][]int{nil, {0}} {
		a, err := effect.Assess(empty, effect.Columns{Quasi: quasi, Sensitive: []int{0}, Tokens: []int{0}, Direct: []int{0}}, effect.Options{})
		if err != nil || a.Anonymity.Classes != 0 || a.People != 0 || a.Risk != 0 || a.Level != 3 || a.Diversity[0] != (effect.Diversity{}) || a.Tokens[0] != (effect.Spread{}) {
			t.Errorf("by %v: %+v, %v", quasi, a, err)
		}
	}
	codes := array.NewInt8Builder(memory.DefaultAllocator)
	codes.AppendValues([]int8{0, 1, 0, 1}, []bool{true, true, true, false})
	coded := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, codes.NewArray(), text(t, []string{"-", "x"}))
	record := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "a", Type: coded.DataType()}}, nil), []arrow.Array{coded}, 4)
	p, err := effect.Group(record, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	if a := p.Anonymity(); a.Classes != 2 || a.K != 1 || a.Unique != 1 {
		t.Errorf("three nulls and an x are %+v", a)
	}
}
