package masking

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"zonebox/masking/prf"
)

// A SubjectTag stands for a person wherever somebody is named outside the rows
// themselves, as in the registry of consents: 128 bits of the zone's Algorithm
// over the identifier, under a key of its own use.
type SubjectTag [prf.TagSize]byte

// Subjects computes subject tags. It is safe for concurrent use.
type Subjects struct{ mac mac }

// NewSubjects returns the tags under k.Token, which is made for nothing else, by
// k.Algorithm. It returns an error wrapping ErrKey or ErrAlgorithm.
func NewSubjects(k Keys) (Subjects, error) {
	m, err := k.Algorithm.mac(k.Token, "subject", "")
	if err != nil {
		return Subjects{}, fmt.Errorf("masking: subjects: %w", err)
	}
	return Subjects{m}, nil
}

// ID names the key and the algorithm: other Subjects have another one.
func (s Subjects) ID() SubjectTag {
	var id SubjectTag
	s.mac.Sum(id[:], nil, []int32{0, 0}) // no identifier is empty
	return id
}

// subjectBlock is how many identifiers are in the cipher at once.
const subjectBlock = 4096

// Tags calls give with the tag of every value of arr that is not null and that
// wanted, if it is not nil, wants, in order. Identifiers are taken as they are
// written, without folding or normalization, a whole number in decimal digits,
// so that one of a text and one of a column of numbers are the same person.
//
// It returns an error wrapping ErrInput unless arr is of strings or int64.
func (s Subjects) Tags(arr arrow.Array, wanted func(row int) bool, give func(row int, tag SubjectTag)) error {
	switch arr.(type) {
	case *array.String, *array.Int64:
	default:
		return fmt.Errorf("masking: subjects of %s: %w", arr.DataType(), ErrInput)
	}
	canonical := Canonical(arr)
	var scratch [48]byte
	data, offsets, rows := []byte(nil), []int32{0}, []int(nil)
	tags := make([]byte, subjectBlock*prf.TagSize)
	flush := func() {
		s.mac.Sum(tags[:len(rows)*prf.TagSize], data, offsets)
		for i, row := range rows {
			give(row, SubjectTag(tags[i*prf.TagSize:]))
		}
		clear(data)
		data, offsets, rows = data[:0], offsets[:1], rows[:0]
	}
	for row := range arr.Len() {
		if arr.IsNull(row) || wanted != nil && !wanted(row) {
			continue
		}
		data = append(data, canonical(scratch[:0], row)...)
		offsets, rows = append(offsets, int32(len(data))), append(rows, row)
		if len(rows) == subjectBlock {
			flush()
		}
	}
	if len(rows) > 0 {
		flush()
	}
	return nil
}
