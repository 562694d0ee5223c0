package detect_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/internal/city"
	"zonebox/masking/detect"
)

func texts(t *testing.T, values []string) arrow.Array {
	t.Helper()
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendStringValues(values, nil)
	a := b.NewArray()
	t.Cleanup(a.Release)
	return a
}

func profile(t *testing.T, header string, arr arrow.Array, o detect.ProfileOptions) detect.Profile {
	t.Helper()
	p := detect.NewProfiler(header, o)
	if err := p.Add(arr); err != nil {
		t.Fatal(err)
	}
	return p.Profile()
}

func proposed(p detect.Profile) detect.Set {
	var s detect.Set
	for _, f := range p.Findings {
		if f.Proposed {
			s |= detect.Of(f.Class)
		}
	}
	return s
}

func names(s detect.Set) (out []string) {
	for c := detect.ResidentID; c <= detect.PersonName; c++ {
		if s.Has(c) {
			out = append(out, c.String())
		}
	}
	return out
}

// TestRegistersOfTheCityAreRecognized profiles each column twice, under its name
// and under one that says nothing.
func TestRegistersOfTheCityAreRecognized(t *testing.T) {
	want := map[string]detect.Set{
		"id_number": detect.Of(detect.ResidentID), "uscc": detect.Of(detect.CreditCode), "phone": detect.Of(detect.Mobile),
		"address": detect.Of(detect.PostalAddress), "persons.name": detect.Of(detect.PersonName),
	}
	for _, register := range city.Registers() {
		var b bytes.Buffer
		if err := city.Write(&b, register, city.CSV, city.UTF8, 11, 3000); err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for i, name := range rows[0] {
			var values []string
			for _, row := range rows[1:] {
				values = append(values, row[i])
			}
			w := want[name] | want[string(register)+"."+name]
			for _, header := range []string{name, "c" + strconv.Itoa(i)} {
				p := profile(t, header, texts(t, values), detect.ProfileOptions{})
				if got := proposed(p); got != w {
					t.Errorf("%s.%s under %q: proposed %v, want %v: %+v", register, name, header, names(got), names(w), p.Findings)
				}
			}
		}
	}
}

func TestNumbersThatLookAlikeAreNotProposed(t *testing.T) {
	c := newCorpus(t, 31)
	for _, kind := range []string{"order", "serial62", "serial18", "near", "time", "hash", "invoice", "version", "amount", "credit"} {
		var values []string
		for range 2000 {
			values = append(values, c.miss(kind))
		}
		for _, header := range []string{"c1", "serial_no", "流水号"} {
			p := profile(t, header, texts(t, values), detect.ProfileOptions{})
			got := proposed(p)
			if kind == "version" { // four small numbers are a network address too
				got &^= detect.Of(detect.Network)
			}
			if got != 0 {
				t.Errorf("%s under %q: proposed %v: %+v", kind, header, names(got), p.Findings)
			}
		}
	}
	// Of eleven digits from 1 on seven in ten are like mobile numbers, and taken
	// for them unless the header says otherwise; if all are, the header counts
	// less than the values.
	var some, all []string
	for range 2000 {
		some, all = append(some, "1"+c.digits(10)), append(all, c.miss("order11"))
	}
	for _, tt := range []struct {
		header string
		values []string
		want   detect.Set
	}{{"order_no", some, 0}, {"c1", some, detect.Of(detect.Mobile)}, {"order_no", all, detect.Of(detect.Mobile)}} {
		if got := proposed(profile(t, tt.header, texts(t, tt.values), detect.ProfileOptions{})); got != tt.want {
			t.Errorf("eleven digits under %s: proposed %v, want %v", tt.header, names(got), names(tt.want))
		}
	}
}

// TestAScoreIsValuesHeaderAndSpread: three quarters of the share of values that
// pass, less what passes by accident, a quarter for the header, a tenth for how
// much the values differ.
func TestAScoreIsValuesHeaderAndSpread(t *testing.T) {
	c := newCorpus(t, 8)
	var ids, cards, passports []string
	for i := range 1000 {
		ids = append(ids, c.people[i][0])
		cards = append(cards, strings.ReplaceAll(c.card(), " ", ""))
		passports = append(passports, "E"+c.digits(8))
	}
	for _, tt := range []struct {
		header string
		values []string
		class  detect.Class
		want   float64
		hit    bool
	}{
		{"c1", ids, detect.ResidentID, 0.75 + 0.1, true},
		{"sfzh", ids, detect.ResidentID, 1, true},
		{"c1", cards, detect.BankCard, 0.75*0.9 + 0.1, true},
		{"order_no", cards, detect.BankCard, 0.75*0.9 + 0.1 - 0.25, true},
		{"c1", passports, detect.Passport, 0.75*0.5 + 0.1, false},
		{"护照", passports, detect.Passport, 0.75*0.5 + 0.1 + 0.25, true},
	} {
		for _, f := range profile(t, tt.header, texts(t, tt.values), detect.ProfileOptions{}).Findings {
			if f.Class == tt.class && (math.Abs(f.Score-tt.want) > 0.005 || f.Proposed != tt.hit) {
				t.Errorf("%s under %s: score %.3f, proposed %v, want %.3f, %v", f.Class, tt.header, f.Score, f.Proposed, tt.want, tt.hit)
			}
		}
	}
}

func TestHeadersInChinesePinyinAndInitials(t *testing.T) {
	for _, tt := range []struct {
		header string
		want   detect.Class
	}{
		{"身份证号", detect.ResidentID}, {"sfzh", detect.ResidentID}, {"SFZHM", detect.ResidentID}, {"shenfenzhenghao", detect.ResidentID},
		{"申请人身份证号码", detect.ResidentID}, {"br_sfzh", detect.ResidentID}, {"brsfzh", detect.ResidentID}, {"ID_CARD", detect.ResidentID},
		{"tyshxydm", detect.CreditCode}, {"企业统一社会信用代码", detect.CreditCode}, {"sjh", detect.Mobile}, {"lxdh1", detect.Mobile}, {"patientPhone", detect.Mobile},
		{"xm", detect.PersonName}, {"brxm", detect.PersonName}, {"患者姓名(必填)", detect.PersonName}, {"cph", detect.Plate}, {"yhkh", detect.BankCard},
		{"jtzz", detect.PostalAddress}, {"email", detect.Email}, {"登录IP", detect.Network}, {"c7 联系电话", detect.Mobile},
		{"order_no", detect.None}, {"description", detect.None}, {"recipient", detect.None}, {"年龄", detect.None}, {"", detect.None},
	} {
		found := detect.Set(0)
		for _, f := range profile(t, tt.header, texts(t, nil), detect.ProfileOptions{}).Findings {
			if f.Header {
				found |= detect.Of(f.Class)
			}
			if f.Proposed {
				t.Errorf("header %q alone proposes %s", tt.header, f.Class)
			}
		}
		if tt.want == detect.None && found != 0 || tt.want != detect.None && !found.Has(tt.want) {
			t.Errorf("header %q speaks for %v, want %s", tt.header, names(found), tt.want)
		}
	}
}

func TestColumnsOfEveryLayoutGiveOneProfile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for range 500 {
		if r.IntN(10) == 0 {
			b.AppendNull()
		} else {
			b.Append(13000000000 + int64(r.IntN(900))*10_000_019)
		}
	}
	whole := b.NewArray()
	defer whole.Release()
	want := fmt.Sprintf("%+v", profile(t, "c1", whole, detect.ProfileOptions{}))
	ctx := t.Context()
	for _, to := range []arrow.DataType{arrow.BinaryTypes.String, arrow.BinaryTypes.LargeString, arrow.BinaryTypes.Binary, arrow.PrimitiveTypes.Uint64, arrow.PrimitiveTypes.Float64} {
		a, err := compute.CastArray(ctx, whole, compute.UnsafeCastOptions(to))
		if to.ID() == arrow.BINARY {
			a, err = compute.CastArray(ctx, whole, compute.UnsafeCastOptions(arrow.BinaryTypes.String))
			if err == nil {
				a, err = compute.CastArray(ctx, a, compute.UnsafeCastOptions(to))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%+v", profile(t, "c1", a, detect.ProfileOptions{})); got != want {
			t.Errorf("%s:\n got %s\nwant %s", to, got, want)
		}
		a.Release()
	}
	d := array.NewDictionaryBuilder(memory.DefaultAllocator, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.PrimitiveTypes.Int64}).(*array.Int64DictionaryBuilder)
	defer d.Release()
	for i := range whole.Len() {
		if whole.IsNull(i) {
			d.AppendNull()
		} else if err := d.Append(whole.(*array.Int64).Value(i)); err != nil {
			t.Fatal(err)
		}
	}
	coded := d.NewArray()
	defer coded.Release()
	if got := fmt.Sprintf("%+v", profile(t, "c1", coded, detect.ProfileOptions{})); got != want {
		t.Errorf("dictionary:\n got %s\nwant %s", got, want)
	}
	sliced := array.NewSlice(whole, 100, 300)
	defer sliced.Release()
	if p := profile(t, "c1", sliced, detect.ProfileOptions{PerArray: 50}); p.Rows != 200 || p.Looked > 50 || proposed(p) != detect.Of(detect.Mobile) {
		t.Errorf("a sample of a slice: %+v", p)
	}
}

func TestIdentifiersAmongRemarksAreProposed(t *testing.T) {
	c := newCorpus(t, 5)
	var values []string
	for i := range 1000 {
		values = append(values, prose[:90])
		if i%100 == 0 {
			values[i] = "经核，当事人身份证号为" + c.people[i][0] + "，已告知。"
		}
	}
	if got := proposed(profile(t, "remark", texts(t, values), detect.ProfileOptions{})); got != detect.Of(detect.ResidentID) {
		t.Errorf("remarks with ten identity numbers: proposed %v, want resident_id", names(got))
	}
}

func TestNamesOfPlacesAreNotNamesOfPeople(t *testing.T) {
	places := []string{"黄山市", "安庆市", "高淳区", "石家庄市", "白城", "江宁区", "常熟市", "金坛区", "万州区", "秦淮区", "汤山街道", "马群街道", "江苏省", "云南省", "广东", "平安镇"}
	for _, header := range []string{"name", "名称", "c1"} {
		if got := proposed(profile(t, header, texts(t, places), detect.ProfileOptions{})); got != 0 {
			t.Errorf("places under %s: proposed %v", header, names(got))
		}
	}
}

func TestALevelIsRaisedAndNeverLowered(t *testing.T) {
	c := newCorpus(t, 5)
	var ids, words []string
	for i := range 200 {
		ids, words = append(ids, c.people[i][0]), append(words, "内科")
	}
	full := profile(t, "c1", texts(t, ids), detect.ProfileOptions{})
	none := profile(t, "c1", texts(t, words), detect.ProfileOptions{})
	low := profile(t, "c1", texts(t, ids), detect.ProfileOptions{Levels: map[detect.Class]int{detect.ResidentID: 2}})
	for _, tt := range []struct {
		p           detect.Profile
		given, want int
	}{{full, 1, 4}, {full, 4, 4}, {full, 5, 5}, {full, 0, 0}, {none, 1, 1}, {none, 3, 3}, {low, 1, 2}, {low, 3, 3}} {
		if got := tt.p.Raise(tt.given); got != tt.want {
			t.Errorf("Raise(%d) = %d, want %d", tt.given, got, tt.want)
		}
	}
}

func TestAProfilerKeepsNoValue(t *testing.T) {
	p := detect.NewProfiler("sfzh", detect.ProfileOptions{})
	if err := p.Add(texts(t, []string{"11010519491231002X", "planted-cell-value"})); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, print := range []string{fmt.Sprintf(verb, p), fmt.Sprintf(verb, p.Profile())} {
			if strings.Contains(print, "planted") || strings.Contains(print, "11010519491231002") {
				t.Errorf("%s prints a value of the column", verb)
			}
		}
	}
}

func TestDatesAndNestedColumnsAreRefused(t *testing.T) {
	b := array.NewDate32Builder(memory.DefaultAllocator)
	defer b.Release()
	b.Append(1)
	a := b.NewArray()
	defer a.Release()
	if err := detect.NewProfiler("d", detect.ProfileOptions{}).Add(a); !errors.Is(err, detect.ErrType) {
		t.Errorf("Add(date32) = %v, want ErrType", err)
	}
}

// No more rows are looked at than the sample has, and nulls among the values of a
// dictionary are nulls.
func TestASampleAndNullsAreCounted(t *testing.T) {
	for _, n := range []int{1, 99, 100, 101, 199, 200, 201, 950} {
		p := detect.NewProfiler("c", detect.ProfileOptions{PerArray: 100})
		values := make([]string, n)
		if err := p.Add(texts(t, values)); err != nil {
			t.Fatal(err)
		}
		if got := p.Profile(); got.Rows != int64(n) || got.Looked > 100 || got.Looked < min(int64(n), 50) {
			t.Errorf("of %d rows %d are looked at", got.Rows, got.Looked)
		}
	}
	values := array.NewStringBuilder(memory.DefaultAllocator)
	values.AppendNull()
	values.Append("a")
	codes := array.NewInt8Builder(memory.DefaultAllocator)
	codes.AppendValues([]int8{0, 1, 0, 1, 1}, []bool{true, true, true, true, false})
	p := detect.NewProfiler("c", detect.ProfileOptions{})
	if err := p.Add(array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, codes.NewArray(), values.NewArray())); err != nil {
		t.Fatal(err)
	}
	if got := p.Profile(); got.Rows != 5 || got.Nulls != 3 || got.Looked != 2 {
		t.Errorf("%d rows, %d nulls, %d looked at, want 5, 3, 2", got.Rows, got.Nulls, got.Looked)
	}
}

// Few numbers among many remarks are proposed from three on.
func TestAFewNumbersAmongRemarks(t *testing.T) {
	for _, tt := range []struct {
		remark   string
		class    detect.Class
		few, all int
		want     bool
	}{
		{"电话13812345678", detect.Mobile, 2, 300, false},
		{"电话13812345678", detect.Mobile, 3, 300, true},
		{"电话13812345678", detect.Mobile, 3, 700, false}, // less than a half percent
		{"见320102195001010119", detect.ResidentID, 2, 100_000, false},
		{"见320102195001010119", detect.ResidentID, 3, 100_000, true},
	} {
		values := make([]string, tt.all)
		for i := range values {
			if values[i] = "无"; i < tt.few {
				values[i] = tt.remark
			}
		}
		p := detect.NewProfiler("备注", detect.ProfileOptions{})
		if err := p.Add(texts(t, values)); err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(p.Profile().Findings, func(f detect.Finding) bool { return f.Class == tt.class && f.Proposed })
		if got != tt.want {
			t.Errorf("%d of %d with %s: proposed %v, want %v", tt.few, tt.all, tt.class, got, tt.want)
		}
	}
}
