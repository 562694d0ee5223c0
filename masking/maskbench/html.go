package maskbench

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
)

//go:embed report.html
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"mega":    func(v float64) string { return digits(v / 1e6) },
	"digits":  digits,
	"percent": func(v float64) string { return fmt.Sprintf("%.1f%%", 100*v) },
	"signed":  func(v float64) string { return fmt.Sprintf("%+.1f%%", v) },
	"short":   func(s string, n int) string { return s[:min(n, len(s))] },
	"zh":      func(name string) string { return chinese[name] },
}).Parse(page))

// chinese is what kinds and invented columns are called.
var chinese = map[string]string{
	"redact": "整体遮盖", "fixed": "固定替换", "nullify": "置空", "partial": "部分遮盖", "pattern": "按式遮盖", "display": "展示遮盖", "map": "对照替换",
	"region": "区划概化", "geohash": "地理网格", "token": "令牌", "ff1": "保留格式加密", "identifier": "证件号变换", "free_text": "文中遮盖", "shuffle": "置换", "number": "分箱", "top_bottom": "截尾", "noise": "加噪",
	"date": "日期概化", "shift": "日期偏移",
	"phone": "手机号", "id_number": "身份证号", "name": "姓名", "address": "地址", "district": "行政区划", "birth_date": "出生日期", "income": "收入",
	position: "经纬度", bankCard: "银行卡号", "uscc": "统一社会信用代码", "employees": "从业人数", "revenue": "营业收入", "board_time": "上车时间",
}

// chart is horizontal bars in groups, and a line across them. Lengths are those
// of the drawing.
type chart struct {
	Chinese, English string
	Groups           []group
	Legend           []string
	Line             float64
	LineLabel        string
	Grid             []tick
	Height           float64
}

type group struct {
	Label, Sub string
	Y          float64
	Bars       []bar
}

type bar struct {
	Y, Width float64
	Series   int
	Text     string
}

type tick struct {
	X    float64
	Text string
}

// Of the drawing: bars begin and end here, and are so high.
const barStart, barEnd, barHeight = 186.0, 410.0, 11.0

// lay lays the chart out: values come in as widths, and the value of the line, 0
// for none. On a logarithmic scale the bars begin at the power of ten below the
// least that is more than nothing.
func (c *chart) lay(line float64, logarithmic bool) {
	least, most := math.Inf(1), line
	for _, g := range c.Groups {
		for _, b := range g.Bars {
			most = max(most, b.Width)
			if b.Width > 0 {
				least = min(least, b.Width)
			}
		}
	}
	if most <= 0 { // no value has a byte: bars of no length
		most, least = 1, 1
	}
	if line > 0 {
		least = min(least, line)
	}
	at := func(v float64) float64 { return barStart + (barEnd-barStart)*v/most }
	if logarithmic {
		low := math.Floor(math.Log10(least))
		high := max(math.Log10(most), low+0.1)
		at = func(v float64) float64 { return barStart + (barEnd-barStart)*(math.Log10(v)-low)/(high-low) }
		for e := low; e <= high; e++ {
			c.Grid = append(c.Grid, tick{at(math.Pow(10, e)), strconv.FormatFloat(math.Pow(10, e), 'g', -1, 64)})
		}
	}
	y := 32.0
	for i := range c.Groups {
		g := &c.Groups[i]
		high := (barHeight + 1) * float64(len(g.Bars))
		pad := max(0, 28-high) / 2
		g.Y = y + pad + high/2 - 3
		for k := range g.Bars {
			b := &g.Bars[k]
			b.Y, b.Width = y+pad+float64(k)*(barHeight+1), max(1, at(b.Width)-barStart)
		}
		y += high + 2*pad + 5
	}
	if line > 0 {
		c.Line = at(line)
	}
	c.Height = y
}

// plain tells the results that charts compare by one thread.
func plain(r Result) bool { return r.Layout == "plain" && r.Cardinality == "full" }

// twin returns the result with the same technique and column as r that fits.
func (r Report) twin(of Result, fits func(Result) bool) (Result, bool) {
	i := slices.IndexFunc(r.Results, func(x Result) bool { return x.Technique == of.Technique && x.Column == of.Column && fits(x) })
	if i < 0 {
		return Result{}, false
	}
	return r.Results[i], true
}

// charts are those of speed, one for each column, and then the rest.
func (r Report) charts() []chart {
	var all []chart
	floors := chart{Chinese: "对密码下限的用时倍数", English: "time over the cipher floor · 1 线程 thread", LineLabel: "1×"}
	scaling := chart{Chinese: "随线程的加速", English: "speed-up by threads", LineLabel: fmt.Sprintf("×%d", r.Machine.Cores)}
	kinds := chart{Chinese: "随基数的变化", English: "by cardinality, M rows/s · 1 线程 thread", Legend: []string{"原样 full", "1%", "100 · 字典 dictionary"}}
	column, line := "", 0.0
	var speed *chart
	for _, x := range r.Results {
		if !plain(x) || x.Threads != 1 {
			continue
		}
		if x.Column != column {
			if speed != nil {
				speed.lay(line, true)
			}
			column, line = x.Column, x.MemcpyGBPerSecond()
			all = append(all, chart{Chinese: chinese[x.Column], English: x.Column + " · " + x.Type + " · GB/s",
				LineLabel: "memcpy " + digits(line), Legend: []string{"1 线程 thread"}})
			speed = &all[len(all)-1]
		}
		named := func(sub string, bars ...bar) group {
			return group{Label: chinese[x.Kind], Sub: snip(sub, 30), Bars: bars}
		}
		technique := snip(x.Technique, 20) + " " + x.Column
		bars := []bar{{Width: x.GBPerSecond(), Text: digits(x.GBPerSecond()) + " · " + digits(x.RowsPerSecond()/1e6) + " M/s"}}
		if y, ok := r.twin(x, func(y Result) bool { return plain(y) && y.Threads > 1 }); ok {
			bars = append(bars, bar{Series: 1, Width: y.GBPerSecond(), Text: digits(y.GBPerSecond())})
			speed.Legend = []string{"1 线程 thread", fmt.Sprintf("%d 线程 threads", y.Threads)}
			up := x.Median / y.Median
			scaling.Groups = append(scaling.Groups, named(technique, bar{Width: up, Text: fmt.Sprintf("×%.2f", up)}))
		}
		speed.Groups = append(speed.Groups, named(x.Technique, bars...))
		if x.OverFloor > 0 {
			floors.Groups = append(floors.Groups, named(technique, bar{Width: x.OverFloor, Text: digits(x.OverFloor) + "× " + x.Cipher}))
		}
		few, hasFew := r.twin(x, func(y Result) bool { return y.Cardinality == "1%" && y.Threads == 1 })
		dict, hasDict := r.twin(x, func(y Result) bool { return y.Layout == "dictionary" && y.Threads == 1 })
		if hasFew && hasDict {
			g := named(technique)
			for i, y := range []Result{x, few, dict} {
				g.Bars = append(g.Bars, bar{Series: i, Width: y.RowsPerSecond() / 1e6, Text: digits(y.RowsPerSecond() / 1e6)})
			}
			kinds.Groups = append(kinds.Groups, g)
		}
	}
	if speed != nil {
		speed.lay(line, true)
	}
	if len(floors.Groups) > 0 {
		floors.lay(1, true)
		all = append(all, floors)
	}
	if len(kinds.Groups) > 0 {
		kinds.lay(0, true)
		all = append(all, kinds)
	}
	if len(scaling.Groups) > 0 {
		scaling.lay(float64(r.Machine.Cores), false)
		all = append(all, scaling)
	}
	return all
}

// heads are the figures at the top: the first result of some kinds.
func (r Report) heads() []Result {
	var out []Result
	for _, kind := range []string{"partial", "token", "ff1", "identifier", "display", "shift"} {
		i := slices.IndexFunc(r.Results, func(x Result) bool { return x.Kind == kind && plain(x) && x.Threads == 1 })
		if i >= 0 && len(out) < 4 {
			out = append(out, r.Results[i])
		}
	}
	return out
}

// Busy is how many results were measured while the machine did other work: their
// threads had a processor for less than nine tenths of the time.
func (r Report) Busy() (n int) {
	for _, x := range r.Results {
		if x.Ran < 0.9 {
			n++
		}
	}
	return n
}

// WriteHTML writes the report as one page that needs nothing else.
func (r Report) WriteHTML(w io.Writer) error {
	return pageTemplate.Execute(w, map[string]any{
		"Report": r, "Charts": r.charts(), "Heads": r.heads(), "Busy": r.Busy(),
		"BarStart": barStart, "BarHeight": barHeight,
	})
}

// digits prints three digits or the whole number.
func digits(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// snip shortens a long name of a technique in its middle: beginnings and ends
// tell techniques apart.
func snip(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-9]) + "…" + string(r[len(r)-8:])
}
