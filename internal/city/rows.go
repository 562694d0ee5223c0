package city

import "math/bits"

// Days since 1970-01-01.
const (
	birthFrom = -10957 // 1940-01-01
	birthDays = 30680  // to 2023-12-31
	eventFrom = 19358  // 2023-01-01
	eventDays = 731    // to 2024-12-31
)

// Streams keep the registers' random numbers apart.
const (
	personStream = iota + 1
	personIDStream
	visitStream
	enterpriseStream
	creditStream
	tripStream
)

const (
	sequences   = 999 // digits 15 to 17 of an identity number, 001 to 999
	creditSpace = 31 * 31 * 31 * 31 * 31 * 31
)

// boardHours is when people take the bus: twice as often at either end of the
// working day.
var boardHours = [...]int64{5, 6, 6, 7, 7, 7, 7, 8, 8, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 17, 17, 17, 18, 18, 18, 19, 20, 21, 22}

// generator draws rows. buf is reused for each text cell.
type generator struct {
	seed       uint64
	population int64
	ids        permutation
	credits    permutation
	buf        []byte
}

func newGenerator(seed uint64, population int64) *generator {
	return &generator{
		seed: seed, population: population,
		ids:     newPermutation(seed, personIDStream, uint64(len(birthRegions))*birthDays*sequences),
		credits: newPermutation(seed, creditStream, creditSpace),
	}
}

// identity appends the identity number of person i. Different people have
// different numbers.
func (g *generator) identity(b []byte, i int64) (number []byte, birth int64, female bool) {
	x := int64(g.ids.at(uint64(i)))
	sequence := x%sequences + 1
	x /= sequences
	birth = birthFrom + x%birthDays
	start := len(b)
	b = append(b, birthRegions[x/birthDays]...)
	b = appendDate(b, birth, 0)
	b = appendDigits(b, sequence, 3)
	return append(b[:start], checkedID(b[start:])...), birth, sequence%2 == 0
}

// person writes row i of Persons.
func (g *generator) person(s sink, i int64) {
	r := draw(g.seed, personStream, uint64(i))
	var female bool
	var birth int64
	g.buf, birth, female = g.identity(g.buf[:0], i)
	s.text(g.buf)

	g.buf = appendName(g.buf[:0], &r, female)
	s.text(g.buf)

	g.buf = append(g.buf[:0], pick(&r, phonePrefixes)...)
	g.buf = appendDigits(g.buf, r.below(100_000_000), 8)
	s.text(g.buf)

	home := residence(&r)
	g.buf = appendAddress(g.buf[:0], &r, home)
	s.text(g.buf)

	s.date(birth)
	if r.basis(500) {
		s.null()
	} else {
		s.money(r.skewed(2_400_000, 9))
	}
	s.text(append(g.buf[:0], home.Code...))
}

// visit writes row i of Visits.
func (g *generator) visit(s sink, i int64) {
	r := draw(g.seed, visitStream, uint64(i))
	s.text(appendDigits(append(g.buf[:0], "MZ"...), i+1, 10))
	g.buf, _, _ = g.identity(g.buf[:0], g.somebody(&r))
	s.text(g.buf)
	s.date(eventFrom + r.below(eventDays))
	s.text(append(g.buf[:0], residence(&r).Code...))
	d := &diagnoses[rank(&r, len(diagnoses))]
	s.text(append(g.buf[:0], d.Department...))
	s.text(append(g.buf[:0], d.Code...))
	s.money(r.skewed(3_000, 11))
}

// enterprise writes row i of Enterprises.
func (g *generator) enterprise(s sink, i int64) {
	r := draw(g.seed, enterpriseStream, uint64(i))
	seat := residence(&r)

	b := append(g.buf[:0], "91"...)
	if r.basis(1_500) {
		b[1] = "23"[r.below(2)]
	}
	b = append(b, seat.Code...)
	b = append(b, "MA"...)
	n := g.credits.at(uint64(i))
	for range 6 {
		b = append(b, creditAlphabet[n%31])
		n /= 31
	}
	b = append(b[:8], checkedOrganization(b[8:])...)
	g.buf = checkedCredit(b)
	s.text(g.buf)

	trade := &trades[rank(&r, len(trades))]
	b = append(g.buf[:0], seat.City...)
	if seat.City == "" {
		b = append(b, seat.Province...)
	}
	quoted := r.basis(100) // some write their brand in quotes, which CSV must double
	if quoted {
		b = append(b, '"')
	}
	b = append(b, pick(&r, enterpriseNames)...)
	b = append(b, pick(&r, enterpriseNames)...)
	if quoted {
		b = append(b, '"')
	}
	b = append(b, trade.word...)
	g.buf = append(b, enterpriseForms[rank(&r, len(enterpriseForms))]...)
	s.text(g.buf)

	s.text(append(g.buf[:0], seat.Code...))
	s.text(append(g.buf[:0], trade.industry...))
	s.money(r.skewed(10_000_000, 16))
	s.integer(r.skewed(3, 12))
}

// trip writes row i of Trips.
func (g *generator) trip(s sink, i int64) {
	r := draw(g.seed, tripStream, uint64(i))
	who := g.somebody(&r)
	s.text(appendDigits(append(g.buf[:0], "3201"...), who, 12))
	g.buf, _, _ = g.identity(g.buf[:0], who)
	s.text(g.buf)
	g.buf = appendNumber(g.buf[:0], 1+int64(rank(&r, 40))*7%180)
	s.text(append(g.buf, "路"...))
	hour := boardHours[r.below(int64(len(boardHours)))]
	s.second((eventFrom+r.below(eventDays))*86400 + hour*3600 + r.below(3600))
	s.money([...]int64{200, 200, 200, 160, 160, 100, 0}[r.below(7)])
}

// somebody draws the person a row is about: most evenly, one in eight from those
// at the front, who come back often.
func (g *generator) somebody(r *random) int64 {
	if r.below(8) > 0 {
		return r.below(g.population)
	}
	x := r.next() >> 32
	hi, _ := bits.Mul64(x*x, uint64(g.population))
	return int64(hi)
}

// rank draws an index of a list in order of frequency: the smaller of two.
func rank(r *random, n int) int { return int(min(r.below(int64(n)), r.below(int64(n)))) }

func pick(r *random, list []string) string { return list[r.below(int64(len(list)))] }

// residence draws a district; four in five are in Nanjing.
func residence(r *random) *District {
	if r.below(5) > 0 {
		return &districts[rank(r, nanjing)]
	}
	return &districts[r.below(int64(len(districts)))]
}

// appendName appends a name. Of 1,000 people about 20 have a compound surname,
// 25 a character outside GB2312, 4 of these outside GBK, and 3 a dotted name.
func appendName(b []byte, r *random, female bool) []byte {
	kind := r.below(10_000)
	if kind < 30 {
		return append(b, pick(r, dottedNames)...)
	}
	if kind < 230 {
		b = append(b, pick(r, compoundSurnames)...)
	} else {
		b = append(b, surnames[rank(r, len(surnames))]...)
	}
	given := maleNames
	if female {
		given = femaleNames
	}
	if r.below(4) > 0 {
		b = append(b, pick(r, given)...)
	}
	switch rare := r.below(10_000); {
	case rare < 40:
		return append(b, pick(r, rarestNames)...)
	case rare < 250:
		return append(b, pick(r, rareNames)...)
	}
	return append(b, pick(r, given)...)
}

// appendAddress appends an address; one in a hundred has a comma, which CSV must
// quote.
func appendAddress(b []byte, r *random, d *District) []byte {
	b = append(b, d.Province...)
	b = append(b, d.City...)
	b = append(b, d.Name...)
	b = append(b, pick(r, roads)...)
	b = append(appendNumber(b, 1+r.below(400)), "号"...)
	if r.basis(100) {
		b = append(b, ',')
	}
	b = append(appendNumber(b, 1+r.below(30)), "幢"...)
	b = append(appendNumber(b, 1+r.below(4)), "单元"...)
	b = appendNumber(b, 1+r.below(33))
	return append(appendDigits(b, 1+r.below(4), 2), "室"...)
}
