package china

import (
	_ "embed"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// regionFile is described, with its sources and licenses, in regions.LICENSE:
// code, name, first year, last year (empty: in force), by code and year.
//
//go:embed regions.tsv
var regionFile string

// A Level of administrative divisions.
type Level uint8

// The levels that GB/T 2260 has codes for.
const (
	NoLevel Level = iota
	Province
	Prefecture
	County
)

// LevelOf returns the level that a code of six digits stands on: 320000 a
// province, 320100 a prefecture, 320102 a county. Its name may still be missing
// from the standard.
func LevelOf(code int) Level {
	switch {
	case code < 100000 || code > 999999:
		return NoLevel
	case code%10000 == 0:
		return Province
	case code%100 == 0:
		return Prefecture
	}
	return County
}

// A Region is a division under one of the names that its code has had.
type Region struct {
	Code int
	Name string
	From int // first year of an edition with it; 1980 may mean earlier
	To   int // last such year, 0 if it is in force
}

// Level returns the level of r.
func (r Region) Level() Level { return LevelOf(r.Code) }

// regionTable is the file in the two orders it is asked in.
type regionTable struct {
	known  [1000000 / 64]uint64 // a bit for each code that ever was
	byCode []Region             // by code, then by year
	byName map[string][]int32   // full and short names of places to indices of byCode
	starts lengthTable          // how long the names are that begin with two characters
}

var regions = sync.OnceValue(func() *regionTable {
	t := &regionTable{byName: make(map[string][]int32, 1<<14)}
	for line := range strings.Lines(regionFile) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		code, errCode := strconv.Atoi(f[0])
		from, errFrom := strconv.Atoi(f[2])
		to, errTo := strconv.Atoi("0" + f[3])
		if len(f) != 4 || errCode != nil || errFrom != nil || errTo != nil || LevelOf(code) == NoLevel {
			panic("china: embedded regions.tsv is damaged")
		}
		t.known[code/64] |= 1 << (code % 64)
		t.byCode = append(t.byCode, Region{code, f[1], from, to})
	}
	for i, r := range t.byCode {
		if pseudo(r.Name) {
			continue
		}
		t.name(r.Name, i)
		if short := r.short(); short != "" {
			t.name(short, i)
		}
	}
	return t
})

func (t *regionTable) name(name string, i int) {
	t.byName[name] = append(t.byName[name], int32(i))
	t.starts.add(name)
}

// pseudo reports whether a name only groups what is below it.
func pseudo(name string) bool {
	switch name {
	case "市辖区", "县", "市", "省直辖县级行政区划", "自治区直辖县级行政区划", "省直辖行政单位", "台湾居民居住证":
		return true
	}
	return false
}

// short returns the name by which people call a province or a prefecture, 江苏
// or 南京, or "" if r has none. Counties have none here: without their last
// character too many are everyday words.
func (r Region) short() string {
	if r.Level() == County {
		return ""
	}
	switch r.Code {
	case 150000, 450000, 540000, 640000, 650000: // autonomous regions
		return map[int]string{150000: "内蒙古", 450000: "广西", 540000: "西藏", 640000: "宁夏", 650000: "新疆"}[r.Code]
	case 810000:
		return "香港"
	case 820000:
		return "澳门"
	}
	for _, end := range []string{"省", "市", "地区", "盟"} {
		if short, ok := strings.CutSuffix(r.Name, end); ok && len(short) >= len("南京") {
			return short
		}
	}
	return ""
}

// KnownRegion reports whether GB/T 2260 has or had the code, of any level.
func KnownRegion(code int) bool {
	return code >= 0 && code < 1000000 && regions().known[code/64]>>(code%64)&1 == 1
}

// KnownProvince reports whether there is or was a province with the first two
// digits of the code.
func KnownProvince(code int) bool { return KnownRegion(code / 10000 * 10000) }

// Lookup returns the division with the code, under its latest name.
func Lookup(code int) (Region, bool) {
	names := Names(code)
	if len(names) == 0 {
		return Region{}, false
	}
	return names[len(names)-1], true
}

// Names returns the code's names from the earliest to the latest. The caller
// must not change them.
func Names(code int) []Region {
	all := regions().byCode
	from := sort.Search(len(all), func(i int) bool { return all[i].Code >= code })
	to := from
	for to < len(all) && all[to].Code == code {
		to++
	}
	return all[from:to:to]
}

// Parent returns the division above r that has a name of a place: the
// prefecture of a county, else the province.
func Parent(r Region) (Region, bool) {
	if r.Level() == County {
		if p, ok := Lookup(r.Code / 100 * 100); ok && !pseudo(p.Name) {
			return p, true
		}
	}
	if r.Level() == Province || r.Level() == NoLevel {
		return Region{}, false
	}
	return Lookup(r.Code / 10000 * 10000)
}
