package quality

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed report.html
var page string

// A Point is one earlier report of a dataset.
type Point struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	Score   float64   `json:"score"`
	Grade   string    `json:"grade"`
	State   string    `json:"state,omitempty"` // of the version, as the registry spells it
}

// HTML writes a report as a page that needs nothing else: no script, no font, no
// address. lang is zh or en. history is drawn if it has two points or more.
func HTML(w io.Writer, r *Report, history []Point, lang string) error {
	if lang != "en" {
		lang = "zh"
	}
	t, err := template.New("report").Funcs(template.FuncMap{
		"say":       func(zh, en string) string { return say{zh, en}.in(lang) },
		"dimension": func(d Dimension) string { return d.Title(lang) },
		"severity":  func(s Severity) string { return s.Title(lang) },
		"metric":    func(m Metric) string { return m.Title(lang) },
		"reason":    func(code string) string { return Reason(code, lang) },
		"grade":     func(g string) string { return GradeTitle(g, lang) },
		"one":       func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) },
		"rows":      rowList,
		"join":      func(s []string) string { return strings.Join(s, ", ") },
		"day":       func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
		"test":      func(o Outcome) string { return o.limit() },
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("quality: report page: %w", err)
	}
	sorted := slices.Clone(r.Rules)
	slices.SortStableFunc(sorted, func(a, b Outcome) int {
		switch {
		case a.Passed != b.Passed && !a.Passed:
			return -1
		case a.Passed != b.Passed:
			return 1
		}
		return b.Weight - a.Weight
	})
	return t.Execute(w, map[string]any{"Lang": lang, "R": r, "Rules": sorted, "Radar": radar(r), "Trend": trend(history)})
}

// limit is the test with its unit.
func (o Outcome) limit() string {
	if o.Test != "" && o.Percent {
		return o.Test + " %"
	}
	return o.Test
}

func rowList(rows []int64) string {
	var out []string
	for _, n := range rows {
		out = append(out, strconv.FormatInt(n, 10))
	}
	return strings.Join(out, ", ")
}

// shape is what the page draws: numbers only.
type shape struct {
	Rings  []string
	Spokes [][2]float64
	Area   string
	Labels []label
	Marks  []label
}

type label struct {
	X, Y      float64
	Anchor    string
	Dimension Dimension
	Score     float64
	Assessed  bool
	Text      string
}

// radar places the six scores on six spokes, the first upwards. One that was not
// assessed stands in the middle and is said to be so.
func radar(r *Report) shape {
	const cx, cy, radius = 190.0, 150.0, 100.0
	at := func(i int, share float64) (x, y float64) {
		angle := 2*math.Pi*float64(i)/float64(len(Dimensions)) - math.Pi/2
		return math.Round(10*(cx+radius*share*math.Cos(angle))) / 10, math.Round(10*(cy+radius*share*math.Sin(angle))) / 10
	}
	ring := func(share func(i int) float64) string {
		var points []string
		for i := range Dimensions {
			x, y := at(i, share(i))
			points = append(points, fmt.Sprintf("%g,%g", x, y))
		}
		return strings.Join(points, " ")
	}
	var s shape
	for _, share := range []float64{0.2, 0.4, 0.6, 0.8, 1} {
		s.Rings = append(s.Rings, ring(func(int) float64 { return share }))
	}
	s.Area = ring(func(i int) float64 {
		if i < len(r.Dimensions) {
			return r.Dimensions[i].Score / 100
		}
		return 0
	})
	for i, d := range r.Dimensions {
		x, y := at(i, 1)
		s.Spokes = append(s.Spokes, [2]float64{x, y})
		x, y = at(i, 1.16)
		anchor := "middle"
		switch {
		case x > cx+1:
			anchor = "start"
		case x < cx-1:
			anchor = "end"
		}
		s.Labels = append(s.Labels, label{X: x, Y: y, Anchor: anchor, Dimension: d.Dimension, Score: d.Score, Assessed: d.Assessed})
	}
	return s
}

// trend is the line of earlier scores, the oldest left; nil if there is no line.
func trend(history []Point) *shape {
	const left, top, width, height = 40.0, 10.0, 560.0, 100.0
	if len(history) < 2 {
		return nil
	}
	sorted := slices.SortedStableFunc(slices.Values(history), func(a, b Point) int { return a.At.Compare(b.At) })
	sorted = sorted[max(0, len(sorted)-60):]
	s := &shape{}
	var points []string
	for i, p := range sorted {
		x := math.Round(10*(left+width*float64(i)/float64(len(sorted)-1))) / 10
		y := math.Round(10*(top+height*(1-p.Score/100))) / 10
		points = append(points, fmt.Sprintf("%g,%g", x, y))
		s.Marks = append(s.Marks, label{X: x, Y: y, Text: p.At.UTC().Format(time.DateOnly), Score: p.Score})
	}
	s.Area = strings.Join(points, " ")
	return s
}
