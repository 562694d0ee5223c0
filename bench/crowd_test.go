package bench_test

import (
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/query/analysis"
	"zonebox/sandbox"
)

const (
	leastGroup   = 10 // k of every protected table
	crowdSegment = 1 << 20
	crowdSites   = 8825
)

// A crowd is invented persons, firms and visits in sealed memory, as the gate
// attaches them.
type crowd struct {
	tables []sandbox.Table
	segs   map[string][]sandbox.Segment
}

// A feature is a column of whole or, if unit is set, fractional numbers.
type feature struct {
	name  string
	whole func(row int64) int64
	unit  func(row int64) float64
	nulls bool // one row in eight
}

// mixed returns bits that look random, the same for the same column and row (the
// finalizer of SplitMix64, Steele et al. 2014).
func mixed(column, row int64) uint64 {
	z := uint64(column)*0x9E3779B97F4A7C15 + uint64(row)*0xD1342543DE82EF95
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

func share(column, row int64) float64 { return float64(mixed(column, row)>>11) / (1 << 53) }

// newCrowd makes a crowd with so many visits. In a skewed one the visits of a
// person fall with the person's number: of ten million the first has 100,000.
func newCrowd(tb testing.TB, rows int64, skewed bool) *crowd {
	tb.Helper()
	persons, firms := max(rows/10, 1), max(rows/500, 1)
	person := func(row int64) int64 {
		u := share(1, row)
		if skewed {
			u = u * u * u
		}
		return int64(u * float64(persons))
	}
	key := func(name string, column, groups int64) feature {
		return feature{name: name, whole: func(row int64) int64 { return int64(mixed(column, row) % uint64(max(groups, 1))) }}
	}
	cluster := func(name string, of int64) feature {
		return feature{name: name, whole: func(row int64) int64 { return person(row) / of }}
	}
	ward := func(row int64) int64 { return int64(mixed(20, row) % 3000) }
	c := &crowd{segs: map[string][]sandbox.Segment{}}
	c.add(tb, "visits", rows, person,
		feature{name: "person", whole: person}, key("firm", 2, firms), key("g7", 3, 7), key("g16", 4, 16), key("g9k", 5, crowdSites),
		key("g100", 6, rows/100), key("g11", 7, rows/11), key("g5", 8, rows/5), cluster("c5", 5), cluster("c12", 12),
		feature{name: "x", unit: func(row int64) float64 { return share(9, row) }},
		feature{name: "y", unit: func(row int64) float64 { return share(10, row) }, nulls: true},
		feature{name: "f", unit: func(row int64) float64 { return share(11, row) }})
	one := func(row int64) int64 { return row }
	c.add(tb, "persons", persons, one, feature{name: "person", whole: one}, feature{name: "ward", whole: ward},
		feature{name: "age", whole: func(row int64) int64 { return int64(mixed(21, row) % 90) }})
	c.add(tb, "firms", firms, one, feature{name: "firm", whole: one}, key("branch", 22, 3200))
	c.add(tb, "sites", 3*crowdSites, nil, feature{name: "site", whole: func(row int64) int64 { return row / 3 }},
		feature{name: "copy", whole: func(row int64) int64 { return row % 3 }}, feature{name: "region", whole: func(row int64) int64 { return row / 3 % 500 }})
	tb.Cleanup(func() {
		for _, segs := range c.segs {
			for _, g := range segs {
				if err := g.Close(); err != nil {
					tb.Errorf("close: %v", err)
				}
			}
		}
	})
	return c
}

// add seals a table; entity numbers whom a row is about, nil for nobody.
func (c *crowd) add(tb testing.TB, name string, rows int64, entity func(int64) int64, features ...feature) {
	tb.Helper()
	t := sandbox.Table{Name: name}
	var fields []arrow.Field
	field := func(name, typ string, dt arrow.DataType) {
		t.Columns = append(t.Columns, sandbox.Column{Name: name, Type: typ})
		fields = append(fields, arrow.Field{Name: name, Type: dt, Nullable: true})
	}
	for _, f := range features {
		if f.unit != nil {
			field(f.name, "DOUBLE", arrow.PrimitiveTypes.Float64)
		} else {
			field(f.name, "BIGINT", arrow.PrimitiveTypes.Int64)
		}
	}
	if entity != nil {
		field("__entity", "UINTEGER", arrow.PrimitiveTypes.Uint32)
		field("__row", "UINTEGER", arrow.PrimitiveTypes.Uint32)
	}
	for from := int64(0); from < rows; from += crowdSegment {
		to := min(rows, from+crowdSegment)
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
		b.Reserve(int(to - from))
		for row := from; row < to; row++ {
			for i, f := range features {
				switch {
				case f.nulls && mixed(int64(i)+40, row)%8 == 0:
					b.Field(i).AppendNull()
				case f.unit != nil:
					b.Field(i).(*array.Float64Builder).Append(f.unit(row))
				default:
					b.Field(i).(*array.Int64Builder).Append(f.whole(row))
				}
			}
			if entity != nil {
				b.Field(len(features)).(*array.Uint32Builder).Append(uint32(entity(row) % math.MaxUint32))
				b.Field(len(features) + 1).(*array.Uint32Builder).Append(uint32(row))
			}
		}
		batch := b.NewRecordBatch()
		g, err := sandbox.SealBatch(batch)
		batch.Release()
		b.Release()
		if err != nil {
			tb.Fatalf("seal %s: %v", name, err)
		}
		c.segs[name] = append(c.segs[name], g)
	}
	c.tables = append(c.tables, t)
}

// catalog is what the zone says of the crowd: all but the sites are protected,
// every column is granted as it is.
func (c *crowd) catalog() analysis.Catalog {
	var cat analysis.Catalog
	keys := map[string]string{"visits": "person", "persons": "person", "firms": "firm"}
	for _, t := range c.tables {
		out := analysis.Table{Name: t.Name, Personal: keys[t.Name] != "", Entity: keys[t.Name], K: leastGroup}
		for _, col := range t.Columns {
			if !strings.HasPrefix(col.Name, "__") {
				out.Columns = append(out.Columns, analysis.Column{Name: col.Name, Type: col.Type, Level: 2, Mode: analysis.Clear, Granted: true, Nullable: col.Name == "y"})
			}
		}
		cat.Tables = append(cat.Tables, out)
	}
	return cat
}

// read is a table cut to the columns a statement reads, with its segments.
func (c *crowd) read(name string, columns []string, entity, row bool) (sandbox.Table, []sandbox.Segment) {
	wanted := map[string]bool{"__entity": entity, "__row": row}
	for _, n := range columns {
		wanted[n] = true
	}
	for _, t := range c.tables {
		if t.Name != name {
			continue
		}
		out := sandbox.Table{Name: name}
		segs := make([]sandbox.Segment, len(c.segs[name]))
		for i, g := range c.segs[name] {
			segs[i].Rows = g.Rows
		}
		for j, col := range t.Columns {
			if !wanted[col.Name] {
				continue
			}
			out.Columns = append(out.Columns, col)
			for i, g := range c.segs[name] {
				segs[i].Columns = append(segs[i].Columns, g.Columns[j])
			}
		}
		return out, segs
	}
	panic("bench: no table " + name)
}
