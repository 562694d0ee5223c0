package registers

import (
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

const (
	sites     = 2000
	stations  = 3000
	districts = 12

	firstPassage = 1_000_000
)

var (
	directions = []string{"东向", "西向", "南向", "北向"}
	qualities  = []string{"优", "良", "轻度污染", "中度污染", "重度污染", "严重污染(橙色预警)"}
	payments   = []string{"微信", "支付宝", "现金", "ETC"}
	kinds      = []string{"国控", "省控", "市控", "微型"}
	roads      = []string{"梧桐大道", "玄武路", "石城街", "长江路", "钟山东路"}
)

// City returns the registers for big registers of rows rows: crossings and air
// have rows rows, parking a fourth of them, the others are small. Crossings and
// air are ordered by time, over the year 2025; parking is in no order.
func City(rows int64) []Register {
	return []Register{crossings(rows), air(rows), parking(rows / 4), places(), instruments(), areas()}
}

// year places row i of n in 2025.
func year(n int64) func(i int64) int64 {
	start := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	length := int64(365 * 24 * time.Hour / time.Microsecond)
	step := length / max(n, 1)
	return func(i int64) int64 { return start + i*step }
}

const dayMicros = int64(24 * time.Hour / time.Microsecond)

// crossings 交通卡口过车: vehicles counted at a site within a moment.
func crossings(n int64) Register {
	at := year(n)
	return Register{Name: "crossings", Title: "交通卡口过车计数", Rows: n, Columns: []Column{
		whole("passage", "过车批次号", func(i int64) int64 { return firstPassage + i }),
		moment("moment", "时间", at),
		date("day", "日期", func(i int64) int64 { return at(i) / dayMicros }),
		text("site", "卡口编号", func(i int64) string {
			u := unit(1, i) // squared: some sites see far more than others
			return siteCode(int64(u * u * sites))
		}),
		whole("lane", "车道", func(i int64) int64 { return 1 + below(2, i, 8) }),
		text("direction", "方向", func(i int64) string { return directions[below(3, i, 4)] }),
		whole("vehicles", "车辆数", func(i int64) int64 { return below(4, i, 120) }),
		whole("trucks", "货车数", func(i int64) int64 { return below(5, i, 20) }).missing(5, 5),
		float("speed", "平均速度", func(i int64) float64 { return 10 + 100*unit(6, i) }).missing(6, 3),
		money("toll", "通行费", 12, 2, func(i int64) int64 { return below(7, i, 10_000) }),
		yes("congested", "拥堵", func(i int64) bool { return below(8, i, 5) == 0 }),
	}}
}

// air 空气质量监测: every station reads in turn.
func air(n int64) Register {
	at := year(n)
	return Register{Name: "air", Title: "空气质量监测", Rows: n, Columns: []Column{
		text("station", "站点编号", func(i int64) string { return stationCode(i % stations) }),
		moment("moment", "时间", at),
		float("pm25", "PM2.5", func(i int64) float64 { return 250 * unit(21, i) }).missing(21, 2),
		float("o3", "臭氧", func(i int64) float64 { return 200 * unit(22, i) }),
		money("no2", "二氧化氮", 6, 2, func(i int64) int64 { return below(23, i, 30_000) }).missing(23, 2),
		text("quality", "等级", func(i int64) string { u := unit(24, i); return qualities[int(u*u*6)] }),
		yes("valid", "有效", func(i int64) bool { return below(25, i, 50) != 0 }),
	}}
}

// parking 停车记录: each belongs to a crossing, in an order of its own.
func parking(n int64) Register {
	at := year(4 * n)
	passage := func(i int64) int64 { return 4 * (i * 1_000_003 % max(n, 1)) } // no factor of 1,000,003 in any n used
	return Register{Name: "parking", Title: "停车记录", Rows: n, Columns: []Column{
		whole("passage", "过车批次号", func(i int64) int64 { return firstPassage + passage(i) }),
		text("lot", "停车场", func(i int64) string { return padded("中山路第", below(41, i, 500), 3) + "停车场" }),
		text("receipt", "票据号", func(i int64) string { return padded("PJ2025", i, 10) + strconv.FormatUint(random(42, i), 36) }),
		moment("entered", "入场时间", func(i int64) int64 { return at(passage(i)) + below(43, i, 600_000_000) }),
		whole("minutes", "时长", func(i int64) int64 { return 1 + below(44, i, 720) }).missing(44, 4),
		money("fee", "费用", 10, 2, func(i int64) int64 { return 50 * below(45, i, 200) }).missing(45, 4),
		text("paid", "支付方式", func(i int64) string { return payments[below(46, i, 4)] }).missing(46, 10),
	}}
}

func places() Register {
	return Register{Name: "sites", Title: "卡口目录", Rows: sites, Columns: []Column{
		text("site", "卡口编号", siteCode),
		text("road", "道路", func(i int64) string { return roads[below(61, i, 5)] }),
		text("district", "区划", func(i int64) string { return districtCode(below(62, i, districts+1)) }).missing(62, 5),
		whole("limit_kmh", "限速", func(i int64) int64 { return 40 + 20*below(63, i, 5) }),
		yes("urban", "城区", func(i int64) bool { return below(64, i, 3) != 0 }),
	}}
}

func instruments() Register {
	return Register{Name: "stations", Title: "监测站目录", Rows: stations, Columns: []Column{
		text("station", "站点编号", stationCode),
		text("district", "区划", func(i int64) string { return districtCode(below(71, i, districts)) }),
		text("kind", "类别", func(i int64) string { return kinds[below(72, i, 4)] }),
		float("height", "高度", func(i int64) float64 { return 3 + 30*unit(73, i) }),
	}}
}

func areas() Register {
	return Register{Name: "districts", Title: "区划目录", Rows: districts, Columns: []Column{
		text("district", "区划", districtCode),
		text("title", "名称", func(i int64) string { return padded("第", i+1, 2) + "区" }),
		float("area", "面积", func(i int64) float64 { return 50 + 900*unit(81, i) }),
		whole("population", "人口", func(i int64) int64 { return 200_000 + below(82, i, 1_500_000) }),
	}}
}

func siteCode(i int64) string     { return padded("NJ-K", i, 4) }
func stationCode(i int64) string  { return padded("AQ", i, 5) }
func districtCode(i int64) string { return padded("3201", i+2, 2) }

func whole(name, title string, at func(int64) int64) Column {
	return Column{Name: name, Title: title, Type: "int64", arrow: arrow.PrimitiveTypes.Int64,
		append: func(b array.Builder, i int64) { b.(*array.Int64Builder).Append(at(i)) }}
}

func float(name, title string, at func(int64) float64) Column {
	return Column{Name: name, Title: title, Type: "float64", arrow: arrow.PrimitiveTypes.Float64,
		append: func(b array.Builder, i int64) { b.(*array.Float64Builder).Append(at(i)) }}
}

func text(name, title string, at func(int64) string) Column {
	return Column{Name: name, Title: title, Type: "string", arrow: arrow.BinaryTypes.String,
		append: func(b array.Builder, i int64) { b.(*array.StringBuilder).Append(at(i)) }}
}

func yes(name, title string, at func(int64) bool) Column {
	return Column{Name: name, Title: title, Type: "bool", arrow: arrow.FixedWidthTypes.Boolean,
		append: func(b array.Builder, i int64) { b.(*array.BooleanBuilder).Append(at(i)) }}
}

func date(name, title string, at func(int64) int64) Column {
	return Column{Name: name, Title: title, Type: "date", arrow: arrow.FixedWidthTypes.Date32,
		append: func(b array.Builder, i int64) { b.(*array.Date32Builder).Append(arrow.Date32(at(i))) }}
}

func moment(name, title string, at func(int64) int64) Column {
	return Column{Name: name, Title: title, Type: "timestamp", arrow: &arrow.TimestampType{Unit: arrow.Microsecond},
		append: func(b array.Builder, i int64) { b.(*array.TimestampBuilder).Append(arrow.Timestamp(at(i))) }}
}

// money is a decimal of precision digits; at gives it in units of the last.
func money(name, title string, precision, scale int32, at func(int64) int64) Column {
	return Column{Name: name, Title: title, Type: "decimal(" + strconv.Itoa(int(precision)) + "," + strconv.Itoa(int(scale)) + ")",
		arrow:  &arrow.Decimal128Type{Precision: precision, Scale: scale},
		append: func(b array.Builder, i int64) { b.(*array.Decimal128Builder).Append(decimal128.FromI64(at(i))) }}
}

// missing makes percent in a hundred cells null.
func (c Column) missing(column uint64, percent int64) Column {
	value := c.append
	c.Nullable = true
	c.append = func(b array.Builder, i int64) {
		if chance(column, i, percent) {
			b.AppendNull()
			return
		}
		value(b, i)
	}
	return c
}
