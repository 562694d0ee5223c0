// Package release is the last door: what leaves the domain passes Check, then
// Hold, then Seal, in that order, and the types make the order compulsory. Only
// Check makes a Checked, only Hold and LoadHeld give a Held, only Seal makes an
// Artifact.
//
// What it guarantees. A row or a cell that rests on fewer than k entities does
// not leave, in no byte of the result and at no place in its order, and neither
// result nor error tells how many were withheld. Limits count what is left.
// Rows of a protected result leave in an order that depends on released values
// alone, unless the statement orders them. Tokens leave re-keyed. A held result
// is encrypted under a key of its own; when that key is destroyed, no copy can
// be read. A sealed file carries its source label in the clear (NJ19-27e),
// opens for one recipient, and is refused if a single byte of it was changed or
// another gate signed it.
//
// What it does not guarantee. It judges the counts it is given; that they count
// the right entities is the work of query/analysis. It does not see earlier
// releases. The size of a sealed file tells roughly how much is in it.
//
// BUG(order): ties of an ORDER BY over aggregates keep the order of the engine
// unless the plan names the outputs it orders by.
//
// Read Check first, then Held.Seal and Open.
//
// # File
//
// A sealed file is three lines of text and the ciphertext:
//
//	zonebox-release-2
//	{"columns":[…],"encryption":"…","form":"…","label":{…},"recipient_key":"…","signature":"…"}
//	{"digest":"…","signature":"…"}
//	…
//
// Line two, the header, is canonical JSON (RFC 8785). Line three holds the digest of
// the ciphertext and the gate's signature of line one, line two and that digest: by
// Ed25519 with SHA-256, or by SM2 with SM3, then with the SM2 key and the word of the
// gate's Ed25519 key for it. The ciphertext is HPKE (RFC 9180), or SM2 and SM4-GCM,
// by the recipient's key, and bound to the digest of the header, so that it opens
// under its own label only. Inside are the rows in one of Forms. No digest of the
// plaintext stands outside: small statistics could be guessed from it.
//
// Files of the first version say zonebox-release-1 and nothing of form and suites;
// they are read as ever.
package release

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Causes a caller may act on.
var (
	// ErrPlan says that the plan contradicts itself.
	ErrPlan = errors.New("plan is inconsistent")
	// ErrSchema says that a batch is not what the plan describes.
	ErrSchema = errors.New("batch does not match the plan")
	// ErrRawMatch says that a masked column holds a raw value; see RawMatchError.
	ErrRawMatch = errors.New("masked column holds a raw value")
	// ErrHold says that a held result is damaged, of another id, or closed for
	// good because its key is destroyed.
	ErrHold = errors.New("held result cannot be read")
	// ErrExists says that the id is held already.
	ErrExists = errors.New("already held")
	// ErrNoHold says that no result is held under the id.
	ErrNoHold = errors.New("no such hold")
	// ErrLabel says that the label lacks a part it must have.
	ErrLabel = errors.New("label is incomplete")
	// ErrRecipientKey says that a recipient's key is neither one public HPKE key of
	// the suite this package uses nor a public key of SM2.
	ErrRecipientKey = errors.New("recipient key is not usable")
	// ErrFormat says that the file is not a sealed release.
	ErrFormat = errors.New("not a sealed release")
	// ErrSignature says that the gate whose key was given did not sign this.
	ErrSignature = errors.New("signature is not the gate's")
	// ErrDigest says that the encrypted part of the file was changed.
	ErrDigest = errors.New("content differs from its signed digest")
	// ErrRecipient says that the file is sealed to someone else.
	ErrRecipient = errors.New("sealed to another recipient")
	// ErrForm says that there is no such form of content.
	ErrForm = errors.New("no such form")
	// ErrSuite says that there is no such way to sign.
	ErrSuite = errors.New("no such suite")
	// ErrApproved says that a result has other columns than its statement was
	// approved with.
	ErrApproved = errors.New("columns are not those that were approved")
	// ErrContent says that the content does not decrypt under its header.
	ErrContent = errors.New("content does not belong to its header")
)

// LimitError says that a result is larger than it may be. It does not say how
// large it is.
type LimitError struct {
	Code string // one of those below
	Cap  int64
}

// Codes of a LimitError.
const (
	RowCap    = "row_cap"
	RecordCap = "record_cap"
	CellCap   = "cell_cap"
	ByteCap   = "byte_cap"
)

func (e *LimitError) Error() string {
	return fmt.Sprintf("release: check result: more than %s %d allows", e.Code, e.Cap)
}

// RawMatchError names the place of a raw value in a masked column: the column
// and the row in the order of release, from 0. It does not hold the value.
type RawMatchError struct {
	Column string
	Row    int
}

func (e *RawMatchError) Error() string {
	return fmt.Sprintf("release: check column %q row %d: %v", e.Column, e.Row, ErrRawMatch)
}

func (e *RawMatchError) Unwrap() error { return ErrRawMatch }

// Forms in which a column leaves.
const (
	Clear      = "clear"
	Masked     = "masked"
	Token      = "token"
	GroupLabel = "group_label"
	Aggregate  = "aggregate"
	Constant   = "constant"
)

// Kinds of hidden columns.
const (
	// Group counts the entities of one protected reference behind the row, up
	// to its K: K stands for K or more, and more than K is not a count.
	Group = "group"
	// Cell counts the entities behind one output of the row in the same way.
	Cell = "cell"
	// Numbered holds the number of the group that the row is, as Judge knows it.
	Numbered = "rows"
)

// Column is one output of the statement.
type Column struct {
	Name  string
	Type  string // DuckDB's name, such as VARCHAR or DECIMAL(18,2)
	Form  string // one of Clear … Constant
	Level int
	// Technique is how the column was masked, as its header will say; "" if it
	// was not.
	Technique string
	Token     bool // re-keyed before it leaves; set for every column of form Token
	// Round is the base of whose multiples the numbers of an Aggregate leave, the nearest
	// ones; 0 leaves them as they are. A result is ordered by none that has it, nor by what
	// no output shows: its order would tell more.
	Round int64
}

// Hidden is one trailing column of the statement that the gate judges and
// strips.
type Hidden struct {
	Kind   string // Group, Cell or Numbered
	K      int    // least number of entities, at least 1; 0 where Numbered
	Output int    // the output a Cell guards
}

// Reached is what hidden columns tell of a row: its number, 0 if there is none, and
// of each Group and Cell, in their order, whether there are K entities.
type Reached struct {
	Number uint32
	K      []bool
}

// Withheld says that an output of a row becomes null, and by which rule.
type Withheld struct {
	Output int
	Rule   string // as Judge calls it; "" of a Cell under its K
}

// WithheldCell is one of a row that leaves, from 0 in the order of release.
type WithheldCell struct {
	Row int
	Withheld
}

// Plan says how the rows of one statement are judged. The zero value lets
// nothing out.
type Plan struct {
	Columns []Column
	Hidden  []Hidden // follow Columns in every batch, in this order

	Protected   bool // the statement uses a protected reference
	RecordLevel bool // and never aggregates it
	Ordered     bool // the rows come in the order the statement asks for

	// Order are the outputs that an ordered statement orders by: rows alike in
	// all of them tie. Required for an ordered record-level statement.
	// Required too for one of which a column is rounded.
	Order []int

	Limit, Offset *int64 // applied to what suppression leaves; nil is none

	RowCap    int64 // most rows of any result
	RecordCap int64 // most rows of a record-level result, beside RowCap
	CellCap   int64 // most rows times columns
	ByteCap   int64 // most bytes, as they lie in memory

	// Judge sees, once all rows have come, those that reached the K of every Group, and
	// returns for each what becomes null; nil blanks none. A row with keys
	// of which every Aggregate is null then goes. Its error ends the check. Required if a hidden
	// column is Numbered.
	Judge func([]Reached) ([][]Withheld, error)

	// RekeyToken returns the tokens of a column under the key of the release.
	// Required if a column is a token.
	RekeyToken func(alloc memory.Allocator, column int, tokens arrow.Array) (arrow.Array, error)

	// Match tells whether value is a raw value of the column. It is asked for
	// every string of every Masked and Token column as it would leave, with its row
	// in the order of release, from 0; nil asks nothing.
	Match func(column, row int, value string) bool

	// Inspect sees the rows as they leave, after every other rule has passed. Its
	// error ends the check. It keeps nothing of the record; nil sees nothing.
	Inspect func(arrow.RecordBatch) error

	// Allocator defaults to memory.DefaultAllocator.
	Allocator memory.Allocator
}

func (p Plan) check() error {
	if len(p.Columns) == 0 || p.RowCap < 0 || p.RecordCap < 0 || p.CellCap < 0 || p.ByteCap < 0 || p.RecordLevel && !p.Protected ||
		p.Limit != nil && *p.Limit < 0 || p.Offset != nil && *p.Offset < 0 {
		return ErrPlan
	}
	for _, c := range p.Columns {
		if !utf8.ValidString(c.Name) {
			return ErrPlan
		}
		switch c.Form {
		case Clear, Masked, GroupLabel, Aggregate, Constant, Token:
		default:
			return ErrPlan
		}
		if c.Round < 0 || c.Round > 0 && (c.Form != Aggregate || p.Ordered && len(p.Order) == 0) {
			return ErrPlan
		}
		if c.Token != (c.Form == Token) || c.Token && (c.Type != "VARCHAR" || p.RekeyToken == nil) {
			return ErrPlan
		}
	}
	if !p.Ordered && len(p.Order) > 0 || p.Ordered && p.RecordLevel && len(p.Order) == 0 {
		return ErrPlan
	}
	for _, output := range p.Order {
		if output < 0 || output >= len(p.Columns) || p.Columns[output].Token || p.Columns[output].Round > 0 {
			return ErrPlan
		}
	}
	for _, h := range p.Hidden {
		switch {
		case h.Kind == Group && h.K >= 1:
		case h.Kind == Numbered && h.K == 0 && p.Judge != nil:
		case h.Kind == Cell && h.K >= 1 && h.Output >= 0 && h.Output < len(p.Columns):
		default:
			return ErrPlan
		}
	}
	return nil
}

// Report tells the reviewers of a release what Check did. The numbers withheld
// are for them and never for the operator: each is a bit about a small group.
type Report struct {
	Rows            int64 // that leave
	RowsSuppressed  int64 // below k, or by Judge, before the limit
	CellsSuppressed int64 // likewise in rows that were not, before the limit
	MinGroup        int64 // so many entities or more of each reference stand behind every row that leaves; 0 if no Group was given
	MaxLevel        int   // of the columns, whether or not a row leaves

	// Withheld are the cells that are null by a rule in rows that leave, by row. One
	// stands there for each rule.
	Withheld []WithheldCell
}

// Checked is a result that passed Check. Release it after Hold.
type Checked struct {
	record arrow.RecordBatch
}

// NumRows returns the number of rows that leave.
func (c *Checked) NumRows() int64 { return c.record.NumRows() }

// Schema returns the names and types of the columns that leave.
func (c *Checked) Schema() *arrow.Schema { return c.record.Schema() }

// Release frees the rows.
func (c *Checked) Release() { c.record.Release() }
