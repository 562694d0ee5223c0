package maskingtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// rows of the columns of most tests: some blocks and a part of one.
const rows = 5000

// Texts are values in the shapes of all recipes, and near them.
var Texts = []string{
	"", "a", "张", "张三", "欧阳娜娜", "诸葛亮", "爱新觉罗玄烨", "阿卜杜拉·买买提", "Alice", "王小明明",
	"13812345678", "1381234567", "138123456789", "23812345678", "１３８１２３４５６７８", "+8613812345678", "+86 13812345678", "+87 13812345678", "+86-13812345678", "84701234",
	"11010519491231002X", "110105194912310021", "320106700101001", "32010619700101000x", "１１０１０５19491231002X",
	"6222021234567890128", "4111111111111111", "1234567890123456", "62220212",
	"江苏省南京市鼓楼区中山北路1号", "北京市海淀区中关村大街", "中山路8号", "江苏省", "上海市浦东新区", "南京市 鼓楼区 1-1-101",
	"苏A12345", "苏A·D12345", "京A1234学", "粤BD12345", "A12345", "苏A1234O",
	"zhang.san@example.com", "z@example.cn", "@example.com", "a@b", "张三@例子.中国",
	"E12345678", "EA1234567", "G12345678", "12345678",
	"91350100M000100Y43", "91350100M000100Y44", "91350100m000100y43", "91350100I000100Y43",
	"10.1.2.3", "192.168.001.1", "256.1.1.1", "2001:db8::1", "::1", "fe80::1%eth0", "2001:db8:0:0:0:0:0:1", "::ffff:1.2.3.4",
	"320106", "320106001", "320106001002", "32010a", "3201",
	"116.397,39.908", "116.397, 39.908", "-0.1278,51.5074", "181,0", "0,91", "116.397", "116.397,39.908,1", "1e2,3", "NaN,0", "0x1p3,1", "180,90", "-180,-90",
	"AB7x-5", "ab12-3", "#123", "#12", "x1", "e\u0301a", "😀😁😂", "𠮷野家𠮷", "\u202e13812345678", "*", "****", "********", "\x00", "\xff\xfe\xfd", "张三\xff四五",
	"the quick brown fox jumps over the lazy dog and then some more, until the text has many blocks",
}

// text draws a value: one of Texts, or made of letters that provoke.
func text(r *rand.Rand) string {
	switch r.IntN(4) {
	case 0:
		return Texts[r.IntN(len(Texts))]
	case 1:
		return fmt.Sprintf("1%d%09d", 3+r.IntN(7), r.IntN(1e9))
	case 2:
		b := make([]byte, r.IntN(24))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	letters := []rune("0123456789张王李欧阳省市区aZ@.·-:,*#e\u0301\u200d😀𠮷\u202e\uff11\ufffd\x00")
	var b strings.Builder
	for range r.IntN(20) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// appendTo appends a value of the builder's type.
func appendTo(b array.Builder, r *rand.Rand) {
	small := r.Int64N(2000) - 1000
	if r.IntN(20) == 0 {
		small = []int64{0, math.MaxInt64, math.MinInt64, 1 << 53, -1}[r.IntN(5)]
	}
	switch b := b.(type) {
	case *array.StringBuilder:
		b.Append(text(r))
	case *array.Int64Builder:
		b.Append(small)
	case *array.Float64Builder:
		b.Append([]float64{float64(small) / 8, r.NormFloat64() * 100, math.NaN(), math.Inf(1), math.Inf(-1), 1e300, math.Copysign(0, -1)}[r.IntN(7)])
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.Date32Builder:
		b.Append([]arrow.Date32{arrow.Date32(r.IntN(30000) - 5000), arrow.Date32(r.IntN(3e6) - 719162), math.MaxInt32, math.MinInt32, -719162, 2932896}[r.IntN(6)])
	case *array.TimestampBuilder:
		b.Append([]arrow.Timestamp{arrow.Timestamp(r.Int64N(2e15)), -1, math.MaxInt64, math.MinInt64, arrow.Timestamp(-r.Int64N(1e16))}[r.IntN(5)])
	case *array.Decimal128Builder:
		t := b.Type().(*arrow.Decimal128Type)
		v := decimal128.FromI64(r.Int64N(2e9) - 1e9)
		switch most := decimal128.GetMaxValue(t.Precision); r.IntN(10) {
		case 0:
			v = most
		case 1:
			v = most.Negate()
		}
		b.Append(v)
	default:
		panic("maskingtest: no values for " + b.Type().Name())
	}
}

// column draws a column, nulls among its values if there are to be any. It is
// made of Go memory.
func (s Subject) column(t testing.TB, n int, nulls bool) arrow.Array {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(n), 5))
	b := array.NewBuilder(memory.DefaultAllocator, Types[s.Column])
	defer b.Release()
	for range n {
		if nulls && r.IntN(5) == 0 {
			b.AppendNull()
		} else {
			appendTo(b, r)
		}
	}
	arr := b.NewArray()
	t.Cleanup(arr.Release)
	return arr
}

// like builds an array of another type with the texts and nulls of arr.
func like(t testing.TB, arr arrow.Array, typ arrow.DataType) arrow.Array {
	t.Helper()
	b := array.NewBuilder(memory.DefaultAllocator, typ)
	defer b.Release()
	from := arr.(array.StringLike)
	for i := range arr.Len() {
		if from.IsNull(i) {
			b.AppendNull()
			continue
		}
		switch b := b.(type) {
		case array.StringLikeBuilder:
			b.Append(from.Value(i))
		case *array.BinaryBuilder:
			b.AppendString(from.Value(i))
		case *array.BinaryViewBuilder:
			b.AppendString(from.Value(i))
		case *array.FixedSizeBinaryBuilder:
			b.Append([]byte(from.Value(i)))
		default:
			t.Fatalf("no builder of %s", typ)
		}
	}
	out := b.NewArray()
	t.Cleanup(out.Release)
	return out
}
