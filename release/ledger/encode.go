package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrEncoding reports bytes that [Release.Append] did not write.
var ErrEncoding = errors.New("ledger: release cannot be read")

const encoding = 1

// Append appends the release in a form that [Parse] reads: about a byte for each row
// where cells are dense. Measures of the same cells are written once. Equal releases
// have equal bytes.
func (r Release) Append(b []byte) []byte {
	b = append(b, encoding)
	b = appendText(appendText(b, r.ID), r.Population)
	names := slices.Sorted(maps.Keys(r.Cells))
	b = binary.AppendUvarint(b, uint64(len(names)))
	for i, name := range names {
		b = appendText(b, name)
		same := slices.IndexFunc(names[:i], func(other string) bool {
			return slices.EqualFunc(r.Cells[other], r.Cells[name], slices.Equal[[]uint32])
		})
		b = binary.AppendUvarint(b, uint64(same+1))
		if same >= 0 {
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(r.Cells[name])))
		for _, rows := range r.Cells[name] {
			b = binary.AppendUvarint(b, uint64(len(rows)))
			last := uint32(0)
			for _, row := range rows {
				b = binary.AppendUvarint(b, uint64(row-last))
				last = row
			}
		}
	}
	return b
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Parse reads what [Release.Append] wrote. Measures that were written once share their
// cells. The error wraps ErrEncoding.
func Parse(b []byte) (Release, error) {
	p := parser{rest: b}
	if p.number() != encoding {
		return Release{}, fmt.Errorf("%w: not of form %d", ErrEncoding, encoding)
	}
	r := Release{ID: p.text(), Population: p.text(), Cells: map[string][][]uint32{}}
	var names []string
	for range p.length() {
		name := p.text()
		same := p.number()
		switch {
		case p.bad || same > uint64(len(names)) || len(names) > 0 && name <= names[len(names)-1]:
			return Release{}, fmt.Errorf("%w: measure %d", ErrEncoding, len(names))
		case same > 0:
			r.Cells[name] = r.Cells[names[same-1]]
		default:
			r.Cells[name] = p.cells()
		}
		names = append(names, name)
	}
	if p.bad || len(p.rest) > 0 {
		return Release{}, fmt.Errorf("%w: cut short or too long", ErrEncoding)
	}
	return r, nil
}

// parser takes numbers from the front. Once one is bad all are 0.
type parser struct {
	rest []byte
	bad  bool
}

func (p *parser) number() uint64 {
	if len(p.rest) > 0 && p.rest[0] < 0x80 {
		v := p.rest[0]
		p.rest = p.rest[1:]
		return uint64(v)
	}
	v, n := binary.Uvarint(p.rest)
	if n <= 0 {
		p.bad, p.rest = true, nil
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

// length returns a number of things that take at least a byte each.
func (p *parser) length() int {
	n := p.number()
	if n > uint64(len(p.rest)) {
		p.bad, p.rest = true, nil
		return 0
	}
	return int(n)
}

func (p *parser) text() string {
	n := p.length()
	s := string(p.rest[:n])
	p.rest = p.rest[n:]
	return s
}

func (p *parser) cells() [][]uint32 {
	cells := make([][]uint32, p.length())
	for i := range cells {
		cells[i] = make([]uint32, p.length())
		at := uint64(0)
		for n := range cells[i] {
			d := p.number()
			if d > 1<<32-1-at {
				p.bad, p.rest = true, nil
				return nil
			}
			at += d
			cells[i][n] = uint32(at)
		}
	}
	return cells
}
