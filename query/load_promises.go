package query

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/registry"
)

// promises observes what the catalogue promises of the values: no nulls where
// there are none, and only the codes that are public.
type promises struct {
	columns []registry.Column
	codes   []map[string]bool // by column; nil if it has no code list
	rows    int64             // seen
}

func newPromises(entry registry.Dataset) *promises {
	p := &promises{columns: entry.Columns, codes: make([]map[string]bool, len(entry.Columns))}
	for i, c := range entry.Columns {
		if len(c.PublicCodes) > 0 {
			p.codes[i] = map[string]bool{}
			for _, v := range c.PublicCodes {
				p.codes[i][v] = true
			}
		}
	}
	return p
}

// Add returns an error that names the first row and column of batch, whose
// columns are the entry's, that break a promise.
func (p *promises) Add(batch arrow.RecordBatch) error {
	for i, c := range p.columns {
		col := batch.Column(i)
		if !c.Nullable && col.NullN() > 0 {
			return refused(fmt.Sprintf("列 %s 不允许空值,却有空值", c.Name), fmt.Sprintf("column %s must not be empty, and is", c.Name), "NJ24-20")
		}
		if p.codes[i] == nil {
			continue
		}
		for r := range col.Len() {
			if col.IsNull(r) || p.codes[i][codeOf(col, r)] {
				continue
			}
			return refused(fmt.Sprintf("第 %d 行列 %s 的值不在公开代码表内", p.rows+int64(r)+1, c.Name),
				fmt.Sprintf("row %d: the value of column %s is not in its public code list", p.rows+int64(r)+1, c.Name), "NJ24-14")
		}
	}
	p.rows += batch.NumRows()
	return nil
}

func codeOf(col arrow.Array, r int) string {
	if s, ok := col.(*array.String); ok {
		return s.Value(r)
	}
	return col.ValueStr(r)
}
