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

// The forms of a release: without hidden cells, and with them after the others.
const (
	encoding       = 1
	encodingHidden = 2
)

// Append appends the release in a form that [Parse] reads: about a byte for each row
// where cells are dense. Measures of the same cells are written once. Equal releases
// have equal bytes.
func (r Release) Append(b []byte) []byte {
	form := byte(encoding)
	if len(r.Hidden) > 0 {
		form = encodingHidden
	}
	b = append(b, form)
	b = appendMeasures(appendText(appendText(b, r.ID), r.Population), r.Cells)
	if form == encodingHidden {
		b = appendMeasures(b, r.Hidden)
	}
	return b
}

func appendMeasures(b []byte, measures map[string][][]uint32) []byte {
	names := slices.Sorted(maps.Keys(measures))
	b = binary.AppendUvarint(b, uint64(len(names)))
	for i, name := range names {
		b = appendText(b, name)
		same := slices.IndexFunc(names[:i], func(other string) bool {
			return slices.EqualFunc(measures[other], measures[name], slices.Equal[[]uint32])
		})
		b = binary.AppendUvarint(b, uint64(same+1))
		if same >= 0 {
			continue
		}
		b = binary.AppendUvarint(b, uint64(len(measures[name])))
		for _, rows := range measures[name] {
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
	form := p.number()
	if form != encoding && form != encodingHidden {
		return Release{}, fmt.Errorf("%w: of form %d", ErrEncoding, form)
	}
	r := Release{ID: p.text(), Population: p.text()}
	var err error
	if r.Cells, err = p.measures(); err != nil {
		return Release{}, err
	}
	if form == encodingHidden {
		if r.Hidden, err = p.measures(); err != nil {
			return Release{}, err
		}
		p.bad = p.bad || len(r.Hidden) == 0
	}
	if p.bad || len(p.rest) > 0 {
		return Release{}, fmt.Errorf("%w: cut short or too long", ErrEncoding)
	}
	return r, nil
}

func (p *parser) measures() (map[string][][]uint32, error) {
	out := map[string][][]uint32{}
	var names []string
	for range p.length() {
		name := p.text()
		same := p.number()
		switch {
		case p.bad || same > uint64(len(names)) || len(names) > 0 && name <= names[len(names)-1]:
			return nil, fmt.Errorf("%w: measure %d", ErrEncoding, len(names))
		case same > 0:
			out[name] = out[names[same-1]]
		default:
			out[name] = p.cells()
		}
		names = append(names, name)
	}
	return out, nil
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
