package zone

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"

	"zonebox/masking"
)

// Consented is the people whose rows a projection may show: a set of subject tags,
// of which it holds no identifier. It is immutable and safe for concurrent use.
type Consented struct {
	digest   [sha256.Size]byte
	subjects masking.Subjects
	tags     []masking.SubjectTag // sorted, each once
	starts   []uint32             // of the tags by their first 16 bits
}

// NewConsented returns the set of the tags that subjects gave. It takes tags over.
func NewConsented(subjects masking.Subjects, tags []masking.SubjectTag) *Consented {
	slices.SortFunc(tags, func(a, b masking.SubjectTag) int { return bytes.Compare(a[:], b[:]) })
	c := &Consented{subjects: subjects, tags: slices.Compact(tags), starts: make([]uint32, 1<<16+1)}
	sum := sha256.New()
	sum.Write([]byte("zonebox consented v1"))
	for i := range c.tags {
		sum.Write(c.tags[i][:])
		c.starts[int(binary.BigEndian.Uint16(c.tags[i][:]))+1]++
	}
	for i := range len(c.starts) - 1 {
		c.starts[i+1] += c.starts[i]
	}
	c.digest = [sha256.Size]byte(sum.Sum(nil))
	return c
}

// Digest names the set: equal sets, and no others, have equal digests.
func (c *Consented) Digest() [sha256.Size]byte { return c.digest }

// Len returns how many people are in the set.
func (c *Consented) Len() int { return len(c.tags) }

// has reports whether a tag is in the set. Tags are as good as random, so that
// those that share their first bits are few.
func (c *Consented) has(tag masking.SubjectTag) bool {
	at := int(binary.BigEndian.Uint16(tag[:]))
	_, found := slices.BinarySearchFunc(c.tags[c.starts[at]:c.starts[at+1]], tag, func(a, b masking.SubjectTag) int { return bytes.Compare(a[:], b[:]) })
	return found
}

// people is who of a version consented: a bit an entity code. Rows without a key
// are nobody's, and in no set.
type people struct{ bits []byte }

// consenting returns the people of the version that are in the set.
func (v *view) consenting() (*people, error) {
	tags, err := v.subjectTags()
	if err != nil {
		return nil, err
	}
	p := &people{bits: make([]byte, bitutil.BytesForBits(int64(len(tags))))}
	for code, tag := range tags {
		if v.consented.has(tag) {
			bitutil.SetBit(p.bits, code)
		}
	}
	return p, nil
}

// consentable returns an error unless the version says whose its rows are.
func (v *view) consentable() error {
	if v.entity < 0 || v.column(EntityColumn) < 0 {
		return fmt.Errorf("zone: consents of %s/%s: %w", v.zone, v.dataset, ErrEntity)
	}
	if v.Columns[v.entity].Shredded {
		return v.shreddedError(v.entity)
	}
	return nil
}

// subjectTags returns the tags of the people of the version, by entity code. What
// it found out for one projection it knows for the next: of a person 16 bytes.
func (v *view) subjectTags() ([]masking.SubjectTag, error) {
	key := v.consented.subjects.ID()
	parts := []string{"subjects", string(key[:])}
	for _, c := range v.Columns[v.entity].Chunks {
		parts = append(parts, string(c.Digest))
	}
	id := sha256.Sum256(binding(parts...))
	if tags, ok := v.store.subjects.get(id); ok {
		return tags, nil
	}
	var tags []masking.SubjectTag
	var known []byte // a bit a code
	for segment := range v.Segments {
		err := v.entitiesOf(segment, func(codes *array.Uint32) error {
			keys, err := v.decode(v.entity, segment)
			if err != nil {
				return err
			}
			defer keys.Release()
			return v.consented.subjects.Tags(keys, func(row int) bool {
				if codes.IsNull(row) {
					return false
				}
				code := int(codes.Value(row))
				if code >= len(tags) {
					tags = append(tags, make([]masking.SubjectTag, code+1-len(tags))...)
					known = append(known, make([]byte, int(bitutil.BytesForBits(int64(code+1)))-len(known))...)
				}
				first := !bitutil.BitIsSet(known, code)
				bitutil.SetBit(known, code)
				return first
			}, func(row int, tag masking.SubjectTag) { tags[codes.Value(row)] = tag })
		})
		if err != nil {
			return nil, fmt.Errorf("zone: consents of %s/%s: %w", v.zone, v.dataset, err)
		}
	}
	v.store.subjects.put(id, v.zone, tags, int64(len(tags))*int64(len(masking.SubjectTag{}))+256)
	return tags, nil
}

// entitiesOf calls f with the entity codes of a segment.
func (v *view) entitiesOf(segment int, f func(*array.Uint32) error) error {
	arr, err := v.decode(v.column(EntityColumn), segment)
	if err != nil {
		return err
	}
	defer arr.Release()
	codes, ok := arr.(*array.Uint32)
	if !ok {
		return fmt.Errorf("entity codes of %s: %w", arr.DataType(), ErrEntity)
	}
	return f(codes)
}

// consentedRows takes out of met the rows of people who are not in the set.
func (v *view) consentedRows(segment int, met *selection) (*selection, error) {
	who, err := v.who()
	if err != nil {
		return nil, err
	}
	out := &selection{bits: make([]byte, bitutil.BytesForBits(int64(v.Segments[segment])))}
	err = v.entitiesOf(segment, func(codes *array.Uint32) error {
		for row, code := range codes.Uint32Values() {
			if codes.IsValid(row) && bitutil.BitIsSet(who.bits, int(code)) {
				bitutil.SetBit(out.bits, row)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range out.bits {
		if met.bits != nil {
			out.bits[i] &= met.bits[i]
		}
		out.count += bits.OnesCount8(out.bits[i])
	}
	switch out.count {
	case 0:
		return noRows, nil
	case v.Segments[segment]:
		return &selection{digest: allRows, count: out.count}, nil
	}
	out.digest = sha256.Sum256(binding("rows", string(out.bits)))
	return out, nil
}
