package detect_test

import (
	"errors"
	"maps"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking/detect"
)

func TestAColumnIsScannedOnItsWayOut(t *testing.T) {
	values := []string{"无", "联系13812345678", "11010519491231002X", "13912345678，13712345678", "无"}
	want := map[detect.Class]detect.Tally{
		detect.Mobile:     {Rows: 2, Sure: 1, First: 1},
		detect.ResidentID: {Rows: 1, Sure: 1, First: 2},
	}
	plain := texts(t, []string{values[0], "电话13812345678", values[2], values[3], values[4]})
	got, err := detect.New(detect.Options{}).Array(plain)
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("Array = %v, %v, want %v", got, err, want)
	}

	b := array.NewDictionaryBuilder(memory.DefaultAllocator, &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}).(*array.BinaryDictionaryBuilder)
	defer b.Release()
	for i := range plain.Len() {
		if err := b.AppendString(plain.(*array.String).Value(i)); err != nil {
			t.Fatal(err)
		}
	}
	b.AppendNull()
	coded := b.NewArray()
	defer coded.Release()
	if got, err := detect.New(detect.Options{}).Array(coded); err != nil || !maps.Equal(got, want) {
		t.Errorf("Array of a dictionary = %v, %v, want %v", got, err, want)
	}
}

// TestWhatRecipesLeaveIsNotTakenForTheRawValue: the scan of what leaves must not
// refuse what masking made.
func TestWhatRecipesLeaveIsNotTakenForTheRawValue(t *testing.T) {
	for _, masked := range []string{
		"****", "138****5678", "110105****002X", "1****X", "张****", "欧阳****", "6222****0128", "苏A****5", "a****@qq.com", "江苏省南京市鼓楼区****",
		"1949-12", "1949", "320100", "320000000000", "[100, 200)", "0f2a9c4d5e6b7a8091a2b3c4d5e6f708", "12", "0.35", "2023-11-22", "2023-11-22 15:30:45", "10.22.0.0/16",
	} {
		if got, err := detect.New(detect.Options{}).Array(texts(t, []string{masked})); err != nil || len(got) != 0 {
			t.Errorf("%q holds %v, %v, want nothing", masked, got, err)
		}
	}
}

// Texts of too few digits are not looked into; nothing is lost by that.
func TestAColumnHoldsWhatItsTextsHold(t *testing.T) {
	c := newCorpus(t, 77)
	var values []string
	for range 300 {
		for _, template := range templates {
			values = append(values, c.draw(template).text)
		}
	}
	for range 2000 {
		p := c.people[c.IntN(len(c.people))]
		values = append(values, c.id(p), c.phone(p), c.card(), "护照P"+c.digits(7), c.digits(c.IntN(20)), wide(c.digits(11)))
	}
	column := texts(t, values)
	for _, classes := range []detect.Set{
		detect.All, detect.Of(detect.ResidentID), detect.Of(detect.Mobile), detect.Of(detect.BankCard), detect.Of(detect.Passport),
		detect.Of(detect.ResidentID, detect.Mobile, detect.BankCard, detect.Passport), detect.Of(detect.Mobile, detect.Landline),
	} {
		s := detect.New(detect.Options{Classes: classes})
		want := map[detect.Class]int64{}
		for _, v := range values {
			var in detect.Set
			for _, h := range s.ScanString(nil, v) {
				if !in.Has(h.Class) {
					want[h.Class]++
				}
				in |= detect.Of(h.Class)
			}
		}
		got, err := s.Array(column)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) || len(want) == 0 {
			t.Errorf("of %d classes %d are found, want %d", classes, len(got), len(want))
		}
		for class, n := range want {
			if got[class].Rows != n {
				t.Errorf("%d texts hold a %s, want %d", got[class].Rows, class, n)
			}
		}
	}
}

// A number is read as it would be written, whatever type holds it.
func TestNumbersAreReadAsTheyAreWritten(t *testing.T) {
	const phone = 13812345678
	s := detect.New(detect.Options{Threshold: detect.Certain}).Called("手机 身份证号")
	decimals := func(scale int32, n decimal128.Num) arrow.Array {
		b := array.NewDecimal128Builder(memory.DefaultAllocator, &arrow.Decimal128Type{Precision: 38, Scale: scale})
		defer b.Release()
		b.Append(n)
		return b.NewArray()
	}
	floats := func(v float64) arrow.Array {
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		defer b.Release()
		b.Append(v)
		return b.NewArray()
	}
	for _, tt := range []struct {
		rule  string
		arr   arrow.Array
		class detect.Class
		sure  int64
	}{
		{"a whole float", floats(phone), detect.Mobile, 1},
		{"one with a fraction", floats(phone + 0.5), detect.Mobile, 0},
		{"a negative one", floats(-phone), detect.Mobile, 1},
		{"not a number", floats(math.NaN()), detect.Mobile, 0},
		{"a whole decimal", decimals(0, decimal128.FromU64(320102195001010119)), detect.ResidentID, 1},
		{"a decimal of which only the low half reads so", decimals(0, decimal128.New(1, 320102195001010119)), detect.ResidentID, 0},
		{"a score that is just enough", texts(t, []string{"8613812345678"}), detect.Mobile, 1},
	} {
		got, err := s.Array(tt.arr)
		if err != nil || got[tt.class].Sure != tt.sure {
			t.Errorf("%s: %v, %v, want %d", tt.rule, got, err, tt.sure)
		}
	}
	if _, err := s.Array(decimals(2, decimal128.FromU64(phone))); !errors.Is(err, detect.ErrType) {
		t.Errorf("a decimal with a fraction: %v, want %v", err, detect.ErrType)
	}
}
