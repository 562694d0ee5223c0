package identifier

import (
	"fmt"
	"slices"

	"zonebox/masking/ff1"
	"zonebox/masking/lanes"
)

// ResidentOptions say what a resident identity number may turn into. The same
// options must be given to encipher and to decipher: the values of a column
// change with every one of them, and with every region that is added.
type ResidentOptions struct {
	// Regions are the valid codes of GB/T 2260, six digits each, historical ones
	// included: people keep the number they were given.
	Regions []string

	// KeepRegion leaves the region as it is. Without Regions any one is then taken.
	KeepRegion bool

	// KeepSex leaves men men and women women.
	KeepSex bool

	// FirstYear and LastYear bound the years of birth, of values and of results.
	FirstYear, LastYear int
}

// resident numbers citizen identification numbers (GB 11643-1999): region, date
// of birth, sequence number, odd for men, and check character. Those of 15
// digits, without century and check, are not taken.
type resident struct {
	options  ResidentOptions
	regions  []string
	index    [10_000]*[100]int32 // of a region, by its first four digits and its last two
	firstDay int
	days     uint64
	sequence uint64 // sequence numbers of one region and day that count
}

// NewResident returns the kind of resident identity numbers of 18 characters. A
// value fits if its region is one of those that the options name, its date exists
// between their years, and its check character is right; x counts as X.
//
// It returns an error wrapping ErrOptions if the options make no sense, and one
// wrapping ff1.ErrDomain if they leave fewer than ff1.MinDomain values.
func NewResident(blocks *lanes.Cipher, options ResidentOptions) (*Identifier, error) {
	r := &resident{options: options, regions: slices.Clone(options.Regions), sequence: 1000}
	slices.Sort(r.regions)
	r.regions = slices.Compact(r.regions)
	for i, code := range r.regions {
		n, ok := digits([]byte(code))
		if len(code) != 6 || !ok || n < 100_000 {
			return nil, fmt.Errorf("%w: region %d of %d is not six digits", ErrOptions, i+1, len(r.regions))
		}
		page := r.index[n/100]
		if page == nil {
			page = new([100]int32)
			r.index[n/100] = page
		}
		page[n%100] = int32(i + 1)
	}
	if len(r.regions) == 0 && !options.KeepRegion {
		return nil, fmt.Errorf("%w: no regions", ErrOptions)
	}
	if options.FirstYear < 1800 || options.LastYear > 2999 || options.LastYear < options.FirstYear {
		return nil, fmt.Errorf("%w: years from %d to %d", ErrOptions, options.FirstYear, options.LastYear)
	}
	r.firstDay, _ = dayOf(options.FirstYear, 1, 1)
	last, _ := dayOf(options.LastYear, 12, 31)
	r.days = uint64(last - r.firstDay + 1)
	if options.KeepSex {
		r.sequence = 500
	}
	size := r.days * r.sequence
	if !options.KeepRegion {
		size *= uint64(len(r.regions))
	}
	p, err := ff1.NewPermutation(blocks, size)
	if err != nil {
		return nil, fmt.Errorf("identifier: resident: %w", err)
	}
	return &Identifier{r, []*ff1.Permutation{p}}, nil
}

func (r *resident) mark() byte {
	return residentMark | option(r.options.KeepRegion, 1) | option(r.options.KeepSex, 2)
}

// region returns the index of a code, and whether it is taken.
func (r *resident) region(code uint64) (uint64, bool) {
	if len(r.regions) == 0 {
		return 0, code >= 100_000
	}
	page := r.index[code/100]
	if page == nil || page[code%100] == 0 {
		return 0, false
	}
	return uint64(page[code%100] - 1), true
}

func (r *resident) rank(v []byte, kept *[maxKept]byte) (int, uint64, bool) {
	if len(v) != 18 {
		return 0, 0, false
	}
	code, ok1 := digits(v[:6])
	date, ok2 := digits(v[6:14])
	sequence, ok3 := digits(v[14:17])
	if !ok1 || !ok2 || !ok3 {
		return 0, 0, false
	}
	region, ok1 := r.region(code)
	day, ok2 := dayOf(int(date/10_000), int(date/100%100), int(date%100))
	check := v[17]
	if check == 'x' {
		check = 'X'
	}
	if !ok1 || !ok2 || check != residentCheck(v) || uint64(day-r.firstDay) >= r.days { // too great if before
		return 0, 0, false
	}
	rank := uint64(day - r.firstDay)
	if r.options.KeepRegion {
		copy(kept[:], v[:6])
	} else {
		rank += region * r.days
	}
	if r.options.KeepSex {
		kept[6] = byte(sequence & 1)
		sequence /= 2
	}
	return 0, rank*r.sequence + sequence, true
}

func (r *resident) put(v []byte, _ int, rank uint64) {
	rank, sequence := rank/r.sequence, rank%r.sequence
	if r.options.KeepSex {
		sequence = 2*sequence + uint64((v[16]-'0')&1)
	}
	if !r.options.KeepRegion {
		copy(v, r.regions[rank/r.days])
		rank %= r.days
	}
	year, month, day := dateOf(r.firstDay + int(rank))
	putDigits(v[6:14], uint64(year*10_000+month*100+day))
	putDigits(v[14:17], sequence)
	v[17] = residentCheck(v)
}

// residentCheck returns the check character of the first 17: ISO/IEC 7064, MOD
// 11-2.
func residentCheck(v []byte) byte {
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	sum := 0
	for i, w := range weights {
		sum += int(v[i]-'0') * w
	}
	return "10X98765432"[sum%11]
}
