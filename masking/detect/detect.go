// Package detect finds identifiers of people and organizations in text and in
// columns: resident identity numbers, unified social credit codes, telephone
// numbers, bank cards, plates, passports, e-mail and network addresses, and
// names and postal addresses of the mainland.
//
// A Scanner finds them in free text and says where; a Profiler reads a column
// and proposes what class it holds and the level it should have at least. Read
// Scanner.Scan first, then Profiler.Profile.
//
// What it guarantees: a hit lies inside the text on the boundaries of
// characters, hits do not overlap, and no value of a column is kept in or can be
// got from a profile, which holds counts. A proposed level can raise a given
// level and not lower it.
//
// What it does not: nothing found is no proof that nothing is there. Names and
// addresses are found by dictionaries, sounds of one character are not looked
// up, numbers written in words, spaced out digit by digit or hidden between
// letters are missed. Whoever wants to smuggle a value out gets past a detector;
// the checks on lineage are for that one. The levels and thresholds here are
// defaults for a city pack to replace.
package detect

import (
	"slices"
	"unsafe"
)

// A Class is the kind of what was found.
type Class uint8

// The classes, in the order in which one is preferred to the next where a text
// can be either with equal score.
const (
	None          Class = iota
	ResidentID          // GB 11643, 18 or 15 characters
	CreditCode          // GB 32100
	Mobile              // mobile number, with or without country code
	BankCard            // ISO/IEC 7812
	Landline            // fixed line with area code
	Organization        // GB 11714
	Passport            // of the People's Republic
	Permit              // travel permits to and from Hong Kong, Macao, Taiwan
	Plate               // vehicle license plate
	Email               //
	Network             // IPv4 and IPv6 address
	PostalAddress       // address of a place people live, work or do business at
	PersonName          //
	classCount
)

var classNames = [classCount]string{
	"none", "resident_id", "credit_code", "mobile", "bank_card", "landline", "organization_code", "passport",
	"travel_permit", "plate", "email", "network_address", "postal_address", "person_name",
}

// String returns the code of c as catalogues spell it, such as resident_id.
func (c Class) String() string {
	if c < classCount {
		return classNames[c]
	}
	return classNames[None]
}

// MarshalText returns the code of c.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a code. One it does not know, of a later list, is None.
func (c *Class) UnmarshalText(code []byte) error {
	*c = None
	for i, name := range classNames {
		if name == string(code) {
			*c = Class(i)
		}
	}
	return nil
}

// Personal reports whether what is of the class is about a person: all but the
// codes of organizations.
func (c Class) Personal() bool { return (All &^ Of(CreditCode, Organization)).Has(c) }

// Checksummed reports whether one character of what is of the class checks the
// others.
func (c Class) Checksummed() bool {
	return Of(ResidentID, CreditCode, BankCard, Organization).Has(c)
}

// Set is a set of classes.
type Set uint32

// Of returns the set of the classes.
func Of(classes ...Class) Set {
	var s Set
	for _, c := range classes {
		s |= 1 << c
	}
	return s
}

// All is every class.
const All = Set(1<<classCount - 2)

// Has reports whether c is in s.
func (s Set) Has(c Class) bool { return s>>c&1 == 1 }

// numeric are the classes of numbers: every member holds a digit, but for a few
// organization codes.
const numeric = Set(1<<ResidentID | 1<<CreditCode | 1<<Mobile | 1<<BankCard | 1<<Landline | 1<<Organization |
	1<<Passport | 1<<Permit | 1<<Plate)

// Evidence tells what speaks for and against a hit.
type Evidence uint16

// Bits of Evidence.
const (
	Checked   Evidence = 1 << iota // its check characters are right
	Unchecked                      // it has a check character, which is wrong
	Place                          // its region, area or division is a known one
	Birthday                       // it holds a day of the calendar
	For                            // the nearest keyword before it names its class
	Against                        // the nearest keyword names something else: an order, a serial number
	Wide                           // it is written in full-width characters
	Grouped                        // its digits are set in groups
	Attached                       // letters or signs stick to it
)

// A Hit is an identifier found in a text.
type Hit struct {
	Class      Class
	Score      uint8 // how sure, 0 to 100; 50 is where most hits are right
	Evidence   Evidence
	Start, End int // of its bytes in the text
}

// DefaultThreshold is the score under which a Scanner keeps silent: numbers with
// a check character that holds, and mobile numbers, are over it by themselves,
// cards, fixed lines and passports with a keyword.
const DefaultThreshold = 50

// Options say what a Scanner looks for. The zero value is every class at
// DefaultThreshold.
type Options struct {
	Classes   Set   // 0: All
	Threshold uint8 // 0: DefaultThreshold; 1 reports every suspicion
}

// A Scanner finds identifiers in text. It holds no text and is safe for
// concurrent use.
type Scanner struct {
	classes   Set
	threshold uint8
	header    Set // classes that the name of the column speaks for
	not       Set // and against
	known     [][]byte
}

// New returns a scanner.
func New(o Options) *Scanner {
	s := &Scanner{classes: o.Classes & All, threshold: o.Threshold}
	if o.Classes == 0 {
		s.classes = All
	}
	if s.threshold == 0 {
		s.threshold = DefaultThreshold
	}
	return s
}

// Under returns a scanner for the values of the column with the header, which
// counts as a keyword before each of them.
func (s *Scanner) Under(header string) *Scanner {
	u := *s
	u.header, u.not = headerClasses(header)
	return &u
}

// Called is Under for a header that somebody chose who may have something to
// hide: one that names an order or a serial number speaks against nothing.
func (s *Scanner) Called(header string) *Scanner {
	u := s.Under(header)
	u.not = 0
	return u
}

// Knowing returns a scanner that passes over identifiers which stand in one of the
// texts, as numbers of their own and not as digits of longer ones: those that
// whoever gets the answer wrote into the question.
func (s *Scanner) Knowing(texts ...string) *Scanner {
	k := *s
	k.known = slices.Clip(k.known)
	for _, text := range texts {
		k.known = append(k.known, []byte(text))
	}
	return &k
}

// ScanString is Scan over a string.
func (s *Scanner) ScanString(dst []Hit, text string) []Hit {
	// Scan does not write to text and keeps nothing of it.
	return s.Scan(dst, unsafe.Slice(unsafe.StringData(text), len(text)))
}
