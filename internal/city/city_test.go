package city_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"golang.org/x/text/encoding/simplifiedchinese"

	"zonebox/internal/city"
)

func write(t testing.TB, r city.Register, f city.Format, e city.Encoding, seed uint64, rows int64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := city.Write(&b, r, f, e, seed, rows); err != nil {
		t.Fatalf("Write(%s, %s, %s) = %v", r, f, e, err)
	}
	return b.Bytes()
}

// table reads CSV back: the header and the rows.
func table(t testing.TB, b []byte) ([]string, [][]string) {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[0], rows[1:]
}

func TestSameSeedGivesSameBytesEverywhere(t *testing.T) {
	for _, c := range []struct {
		register city.Register
		encoding city.Encoding
		want     string
	}{
		{city.Persons, city.UTF8, "b31695e5730f4217816cbfc384259a6195b2f071703d63de18ca93b470800266"},
		{city.Persons, city.GB18030, "f975e8a3e6f4858f678d77511bc8d5bd5b1156cccfaeec4344e8a552f88380b1"},
		{city.Visits, city.UTF8, "3bcf4fa3a262ffc79a28eecd80cc07da7141cefee996315f0a9162113331433f"},
		{city.Enterprises, city.UTF8, "f5cdbde478f5a4620e3515801f42f165085b337f1d1124e1377381d943855e0b"},
		{city.Trips, city.UTF8, "dd6f7274c46ff204156cfd608205e56f5a089d28a5305b86313d0904e8235e6f"},
	} {
		sum := sha256.Sum256(write(t, c.register, city.CSV, c.encoding, 2024, 1000))
		if got := hex.EncodeToString(sum[:]); got != c.want {
			t.Errorf("%s %s: digest %s, want %s", c.register, c.encoding, got, c.want)
		}
	}
	if bytes.Equal(write(t, city.Persons, city.CSV, city.UTF8, 1, 10), write(t, city.Persons, city.CSV, city.UTF8, 2, 10)) {
		t.Error("another seed gives the same people")
	}
}

func TestFirstPeopleAsWritten(t *testing.T) {
	want := `id_number,name,phone,address,birth_date,income,district
310101194707129768,蒋玲嘉,15785980495,江苏省南京市溧水区文昌巷361号15幢4单元1502室,1947-07-12,,320117
320117198502183649,苏琳,16541105332,江苏省南京市秦淮区科技园路182号12幢3单元3002室,1985-02-18,39406.05,320104
320903195603238890,蔡志帅,13095225093,江苏省南京市玄武区汉中路333号1幢3单元501室,1956-03-23,40784.08,320102
`
	if got := string(write(t, city.Persons, city.CSV, city.UTF8, 1, 3)); got != want {
		t.Errorf("Write = %s, want %s", got, want)
	}
}

func TestRowsDependOnTheirIndexAlone(t *testing.T) {
	long := write(t, city.Persons, city.CSV, city.UTF8, 5, 3000)
	short := write(t, city.Persons, city.CSV, city.UTF8, 5, 700)
	if !bytes.HasPrefix(long, short) {
		t.Error("700 people are not the first of 3000")
	}
}

// validID checks GB 11643 in another way than the generator: the weighted sum
// over all 18 characters is 1 modulo 11.
func validID(s string) bool {
	if len(s) != 18 {
		return false
	}
	sum := 0
	for i, w := 0, 1<<17; i < 18; i, w = i+1, w>>1 {
		v := int(s[i] - '0')
		if s[i] == 'X' && i == 17 {
			v = 10
		} else if v > 9 {
			return false
		}
		sum += v * w
	}
	_, err := time.Parse("20060102", s[6:14])
	return sum%11 == 1 && err == nil && s[14:17] != "000"
}

// validUSCC checks GB 32100 over all 18 characters, and the organization code
// inside by GB 11714.
func validUSCC(s string) bool {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
	sum, w := 0, 1
	for i := range s {
		v := strings.IndexByte(alphabet, s[i])
		if v < 0 {
			return false
		}
		if i == 17 {
			w = 1
		}
		sum += v * w
		w = w * 3 % 31
	}
	org := 0
	for i, w := range []int{3, 7, 9, 10, 5, 8, 4, 2, 1} {
		v, _ := strconv.ParseInt(s[8+i:9+i], 36, 64)
		if i == 8 && s[16] == 'X' {
			v = 10
		}
		org += int(v) * w
	}
	return len(s) == 18 && sum%31 == 0 && org%11 == 0
}

func TestChecksumsAsThisTestComputesThem(t *testing.T) {
	for _, c := range []struct {
		s    string
		want bool
	}{{"11010519491231002X", true}, {"440524188001010014", true}, {"110105194912310021", false}} {
		if got := validID(c.s); got != c.want {
			t.Errorf("validID(%s) = %v, want %v", c.s, got, c.want)
		}
	}
	for _, c := range []struct {
		s    string
		want bool
	}{{"91350100M000100Y43", true}, {"914403001922038216", true}, {"91350100M000100Y44", false}} {
		if got := validUSCC(c.s); got != c.want {
			t.Errorf("validUSCC(%s) = %v, want %v", c.s, got, c.want)
		}
	}
}

func TestPersonsAreValidAndDistinct(t *testing.T) {
	const n = 60_000
	header, rows := table(t, write(t, city.Persons, city.CSV, city.UTF8, 3, n))
	if want := []string{"id_number", "name", "phone", "address", "birth_date", "income", "district"}; !slices.Equal(header, want) {
		t.Fatalf("header = %v, want %v", header, want)
	}
	codes := map[string]string{"320103": "", "320107": ""}
	for _, d := range city.Districts() {
		codes[d.Code] = d.Province + d.City + d.Name
	}
	seen := map[string]bool{}
	var noIncome, compound, rare, rarest, quoted, nanjing int
	for _, r := range rows {
		id, name, phone, address, birth, income, district := r[0], r[1], r[2], r[3], r[4], r[5], r[6]
		if !validID(id) || seen[id] {
			t.Fatalf("identity number %s is invalid or a duplicate", id)
		}
		seen[id] = true
		if _, ok := codes[id[:6]]; !ok {
			t.Fatalf("identity number %s has an unknown region", id)
		}
		if strings.ReplaceAll(birth, "-", "") != id[6:14] || birth < "1940-01-01" || birth > "2023-12-31" {
			t.Fatalf("birth date %s does not fit %s", birth, id)
		}
		if len(phone) != 11 || phone[0] != '1' || phone[1] < '3' {
			t.Fatalf("phone %s is none", phone)
		}
		if codes[district] == "" || !strings.HasPrefix(address, codes[district]) {
			t.Fatalf("address %s is not in district %s", address, district)
		}
		if n := utf8.RuneCountInString(name); n < 2 {
			t.Fatalf("name %q is too short", name)
		}
		if income == "" {
			noIncome++
		} else if v, err := strconv.ParseFloat(income, 64); err != nil || v < 24_000 {
			t.Fatalf("income %s", income)
		}
		if strings.HasPrefix(name, "欧阳") || strings.HasPrefix(name, "司马") {
			compound++
		}
		if strings.ContainsAny(name, "喆堃昇玥珺璟頔祎燊湉翀垚犇骉祾珅瑋誠") {
			rare++
		}
		if strings.ContainsAny(name, "䶮㛃㑇䜣𬭎𨱏𫖮𬘡𬀩𬍛𫟹") {
			rarest++
		}
		if strings.Contains(address, ",") {
			quoted++
		}
		if district[:4] == "3201" {
			nanjing++
		}
	}
	for _, c := range []struct {
		what       string
		got        int
		low, above int
	}{
		{"people", len(rows), n, n + 1},
		{"without income", noIncome, n * 45 / 1000, n * 55 / 1000},
		{"compound surnames 欧阳 and 司马", compound, 100, 200},
		{"names with characters outside GB2312", rare, n * 18 / 1000, n * 24 / 1000},
		{"names with characters outside GBK", rarest, n * 3 / 1000, n * 5 / 1000},
		{"addresses with a comma", quoted, n * 8 / 1000, n * 12 / 1000},
		{"people in Nanjing", nanjing, n * 80 / 100, n * 90 / 100},
	} {
		if c.got < c.low || c.got >= c.above {
			t.Errorf("%s: %d, want from %d below %d", c.what, c.got, c.low, c.above)
		}
	}
}

func TestVisitsAreOfThePeopleAndSkewed(t *testing.T) {
	const n = 30_000
	people := map[string]bool{}
	_, rows := table(t, write(t, city.Persons, city.CSV, city.UTF8, 3, city.Population(city.Visits, n)))
	for _, r := range rows {
		people[r[0]] = true
	}
	if len(people) != 10_000 {
		t.Fatalf("%d people, want 10000", len(people))
	}
	department := map[string]string{}
	for _, d := range city.Diagnoses() {
		department[d.Code] = d.Department
	}
	_, rows = table(t, write(t, city.Visits, city.CSV, city.UTF8, 3, n))
	ids, visits, cases := map[string]bool{}, map[string]int{}, map[string]int{}
	for _, r := range rows {
		if ids[r[0]] || !people[r[1]] {
			t.Fatalf("visit %s is a duplicate or of nobody", r[0])
		}
		ids[r[0]] = true
		visits[r[1]]++
		cases[r[5]]++
		if r[2] < "2023-01-01" || r[2] > "2024-12-31" || department[r[5]] != r[4] || r[4] == "" {
			t.Fatalf("visit %v: date or department is wrong", r)
		}
	}
	most := 0
	for _, k := range visits {
		most = max(most, k)
	}
	if most < 20 || len(visits) < 9_000 {
		t.Errorf("most visits of one person %d, people %d, want from 20 and 9000", most, len(visits))
	}
	if cases["J06"] < 30*cases["G12"] || cases["G12"] == 0 {
		t.Errorf("J06 %d, G12 %d, want a common and a rare diagnosis", cases["J06"], cases["G12"])
	}
}

func TestEnterprisesHaveValidDistinctCodes(t *testing.T) {
	_, rows := table(t, write(t, city.Enterprises, city.CSV, city.UTF8, 3, 20_000))
	seen := map[string]bool{}
	var total, most float64
	quoted := 0
	for _, r := range rows {
		if !validUSCC(r[0]) || seen[r[0]] || r[0][2:8] != r[2] {
			t.Fatalf("credit code %s is invalid, a duplicate or of another district than %s", r[0], r[2])
		}
		seen[r[0]] = true
		v, err := strconv.ParseFloat(r[4], 64)
		if err != nil {
			t.Fatal(err)
		}
		total, most = total+v, max(most, v)
		if strings.Contains(r[1], `"`) {
			quoted++
		}
	}
	if most < total/100 || quoted == 0 {
		t.Errorf("largest revenue %.0f of %.0f, %d quoted names, want a dominant one and some", most, total, quoted)
	}
}

func TestTripsAreOfThePeople(t *testing.T) {
	_, rows := table(t, write(t, city.Trips, city.CSV, city.UTF8, 3, 5000))
	holder := map[string]string{}
	for _, r := range rows {
		if !validID(r[1]) || holder[r[0]] != "" && holder[r[0]] != r[1] {
			t.Fatalf("card %s has two holders or an invalid one", r[0])
		}
		holder[r[0]] = r[1]
		if at, err := time.Parse("2006-01-02 15:04:05", r[3]); err != nil || at.Hour() < 5 || at.Hour() > 22 {
			t.Fatalf("board time %s", r[3])
		}
		if !strings.HasSuffix(r[2], "路") {
			t.Fatalf("line %s", r[2])
		}
	}
	if len(holder) > 500 || len(holder) < 400 {
		t.Errorf("%d cards, want about 500", len(holder))
	}
}

func TestGB18030IsTheSameText(t *testing.T) {
	for _, r := range city.Registers() {
		plain := write(t, r, city.CSV, city.UTF8, 9, 20_000)
		encoded := write(t, r, city.CSV, city.GB18030, 9, 20_000)
		decoded, err := simplifiedchinese.GB18030.NewDecoder().Bytes(encoded)
		if err != nil || !bytes.Equal(decoded, plain) {
			t.Errorf("%s: decoded text differs, %v", r, err)
		}
		if !utf8.Valid(plain) {
			t.Errorf("%s: text is not UTF-8", r)
		}
		for _, c := range string(plain) {
			if c >= 0xe000 && c <= 0xf8ff || c == utf8.RuneError {
				t.Fatalf("%s: %U is drawn, which GB18030 does not keep", r, c)
			}
		}
	}
}

// Expected bytes are from the code tables of GB 18030-2005.
func TestGB18030OfRareCharacters(t *testing.T) {
	encoded := write(t, city.Persons, city.CSV, city.GB18030, 3, 60_000)
	for _, c := range []struct{ char, want string }{
		{"喆", "86b4"}, {"珅", "ab7c"}, {"誠", "d55c"}, {"䶮", "fe9f"}, {"㛃", "8230b731"}, {"𬭎", "9933a932"}, {"𫖮", "9838f536"},
	} {
		b, _ := hex.DecodeString(c.want)
		if !bytes.Contains(encoded, b) {
			t.Errorf("no %s as %s", c.char, c.want)
		}
	}
}

func TestParquetHoldsTheSameTable(t *testing.T) {
	for _, r := range city.Registers() {
		const n = 2000
		_, want := table(t, write(t, r, city.CSV, city.UTF8, 4, n))
		b := write(t, r, city.Parquet, city.UTF8, 4, n)
		mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
		got, err := pqarrow.ReadTable(t.Context(), bytes.NewReader(b), parquet.NewReaderProperties(mem), pqarrow.ArrowReadProperties{}, mem)
		if err != nil {
			t.Fatal(err)
		}
		if got.NumRows() != n {
			t.Errorf("%s: %d rows, want %d", r, got.NumRows(), n)
		}
		for c, column := range city.Columns(r) {
			field := got.Schema().Field(c)
			if field.Name != column.Name || field.Nullable != column.Nullable || typeName(field.Type) != column.Type {
				t.Errorf("%s: field %v, want %v", r, field, column)
			}
			row := 0
			for _, chunk := range got.Column(c).Data().Chunks() {
				for i := range chunk.Len() {
					if s := cellText(chunk, i); s != want[row][c] {
						t.Fatalf("%s row %d %s = %s, want %s", r, row, column.Name, s, want[row][c])
					}
					row++
				}
			}
		}
		got.Release()
		mem.AssertSize(t, 0)
	}
}

func typeName(t arrow.DataType) string {
	switch t := t.(type) {
	case *arrow.StringType:
		return "string"
	case *arrow.Date32Type:
		return "date"
	case *arrow.TimestampType:
		if t.TimeZone == "" && t.Unit == arrow.Microsecond {
			return "timestamp"
		}
	case *arrow.Int64Type:
		return "int64"
	case *arrow.Float64Type:
		return "float64"
	}
	return t.String()
}

func cellText(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return ""
	}
	switch a := a.(type) {
	case *array.String:
		return a.Value(i)
	case *array.Date32:
		return a.Value(i).ToTime().Format("2006-01-02")
	case *array.Timestamp:
		return a.Value(i).ToTime(arrow.Microsecond).Format("2006-01-02 15:04:05")
	case *array.Int64:
		return strconv.FormatInt(a.Value(i), 10)
	case *array.Float64:
		return strconv.FormatFloat(a.Value(i), 'f', 2, 64)
	}
	return a.String()
}

func TestWriteKeepsMemoryBounded(t *testing.T) {
	allocated := func(f city.Format, e city.Encoding, rows int64) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := city.Write(io.Discard, city.Persons, f, e, 1, rows); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	for _, e := range []city.Encoding{city.UTF8, city.GB18030} {
		small, large := allocated(city.CSV, e, 2_000), allocated(city.CSV, e, 200_000)
		if large > small+4096 {
			t.Errorf("%s: 200,000 rows allocate %d bytes, 2,000 rows %d", e, large, small)
		}
	}
}

func TestWhatWriteRefuses(t *testing.T) {
	for _, c := range []struct {
		r    city.Register
		f    city.Format
		e    city.Encoding
		rows int64
		want error
	}{
		{"people", city.CSV, city.UTF8, 1, city.ErrRegister},
		{city.Persons, "xlsx", city.UTF8, 1, city.ErrRegister},
		{city.Persons, city.CSV, "gbk", 1, city.ErrRegister},
		{city.Persons, city.Parquet, city.GB18030, 1, city.ErrRegister},
		{city.Persons, city.CSV, city.UTF8, -1, city.ErrRows},
		{city.Persons, city.CSV, city.UTF8, city.MaxRows + 1, city.ErrRows},
	} {
		if err := city.Write(io.Discard, c.r, c.f, c.e, 1, c.rows); !errors.Is(err, c.want) {
			t.Errorf("Write(%s, %s, %s, %d) = %v, want %v", c.r, c.f, c.e, c.rows, err, c.want)
		}
	}
	for _, f := range []city.Format{city.CSV, city.Parquet} {
		if err := city.Write(full{}, city.Persons, f, city.UTF8, 1, 100_000); !errors.Is(err, errFull) {
			t.Errorf("Write to a full disk as %s = %v, want its error", f, err)
		}
	}
}

var errFull = errors.New("full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func BenchmarkWrite(b *testing.B) {
	for _, r := range city.Registers() {
		for _, c := range []struct {
			f city.Format
			e city.Encoding
		}{{city.CSV, city.UTF8}, {city.CSV, city.GB18030}, {city.Parquet, city.UTF8}} {
			b.Run(fmt.Sprintf("%s/%s/%s", r, c.f, c.e), func(b *testing.B) {
				const rows = 200_000
				for b.Loop() {
					if err := city.Write(io.Discard, r, c.f, c.e, 1, rows); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
			})
		}
	}
}
