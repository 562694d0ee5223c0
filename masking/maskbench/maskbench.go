// Package maskbench measures masks: each technique on columns of each type and
// cardinality it takes, by one thread and by all, beside a copy of the same bytes
// and beside the cipher blocks it cannot do without.
//
// A round masks, copies and enciphers a whole column once each, in turns and in
// an order that rotates, so that what else the machine does meets all three; the
// ratios of a result are medians over rounds. Columns are worked on in batches of
// BatchRows, into memory that the round before has used. Time is that which the
// slowest thread had on a processor, where the system tells it: what others took
// meanwhile is left out, and Result.Ran says how much that was.
//
// What it guarantees: a result states its own spread (Result.Spread), taken over
// rounds that lie apart, and the digest of the masked column, which is equal for
// equal data and recipes whatever the machine and the number of threads. What it
// does not: that the machine was quiet. Read Run first.
package maskbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"zonebox/masking"
)

// BatchRows is how many rows one call of a kernel masks.
const BatchRows = 1 << 16

// ErrOptions says that there is nothing to measure by these options.
var ErrOptions = errors.New("nothing to measure")

// Options say what is measured.
type Options struct {
	Rows int64  // of each column
	Seed uint64 // of invented columns
	// File is CSV in UTF-8 with a header, of which Column, of the catalogue type
	// Type, is masked by every technique that takes the type. An empty cell is
	// null. A nil File means invented columns, each with the techniques made for it.
	File         io.Reader
	Column, Type string
	Kinds        []string      // of recipes; none: all
	Time         time.Duration // of all measuring: each result gets an equal share, and nine rounds at least
	Progress     func(Progress)
}

// Progress says what is being measured.
type Progress struct {
	Doing       string
	Done, Total int
	Left        time.Duration
}

// Result is what was measured of one technique on one column.
type Result struct {
	Technique   string  `json:"technique"` // the recipe, as catalogues print it
	Kind        string  `json:"kind"`
	Column      string  `json:"column"`
	Type        string  `json:"type"`
	Layout      string  `json:"layout"`      // plain or dictionary
	Cardinality string  `json:"cardinality"` // full: as the data are; 1%: a distinct value in 100 rows; 100: so many
	Distinct    int     `json:"distinct"`
	Threads     int     `json:"threads"`
	Rows        int64   `json:"rows"`
	Bytes       int64   `json:"bytes"` // of values, without offsets
	Median      float64 `json:"median_ns"`
	Min         float64 `json:"min_ns"` // the fastest round; both for the whole column
	// Spread is the larger of two distances, in percent of the median: that of the
	// quartiles of all rounds, and the repeatability limit of the visits' medians.
	Spread    float64 `json:"spread_percent"`
	Rounds    int     `json:"rounds"`
	Ran       float64 `json:"ran"`       // part of the wall's time that the threads had a processor
	OfMemcpy  float64 `json:"of_memcpy"` // speed, as a part of that of a copy
	Memcpy    float64 `json:"memcpy_ns"`
	Cipher    string  `json:"cipher,omitempty"` // of the floor
	Blocks    int64   `json:"blocks,omitempty"`
	OverFloor float64 `json:"over_floor,omitempty"` // time, as a multiple of that of the blocks alone
	Allocs    float64 `json:"allocs_per_batch"`
	Misfits   int64   `json:"misfits"`
	Digest    string  `json:"digest"` // of the masked column, value by value
}

// RowsPerSecond is of the median round.
func (r Result) RowsPerSecond() float64 { return float64(r.Rows) / r.Median * 1e9 }

// GBPerSecond is of the median round: 10^9 bytes of input.
func (r Result) GBPerSecond() float64 { return float64(r.Bytes) / r.Median }

// MemcpyGBPerSecond is of a copy of the same bytes.
func (r Result) MemcpyGBPerSecond() float64 { return float64(r.Bytes) / r.Memcpy }

// Short is the technique in 28 characters or fewer.
func (r Result) Short() string { return snip(r.Technique, 28) }

// Name names what was measured.
func (r Result) Name() string {
	return fmt.Sprintf("%s %s %s %s ×%d", r.Technique, r.Column, r.Layout, r.Cardinality, r.Threads)
}

// Report is a measurement of one machine.
type Report struct {
	Machine  Machine       `json:"machine"`
	Began    time.Time     `json:"began"`
	Elapsed  time.Duration `json:"elapsed_ns"`
	Seed     uint64        `json:"seed"`
	Results  []Result      `json:"results"`
	Compared []Change      `json:"compared,omitempty"`
	Beside   []Beside      `json:"beside,omitempty"`
	Targets  []Target      `json:"targets,omitempty"`
	Notes    []string      `json:"notes,omitempty"`
}

// Beside is one way to do what a technique does, next to it on the same rows.
type Beside struct {
	Task  string  `json:"task"`
	What  string  `json:"what"`
	NsRow float64 `json:"ns_per_row"`
	// Times is how often the time of the first way of the task goes into this one.
	Times  float64 `json:"times"`
	Spread float64 `json:"spread_percent"`
	// Allocs is nil for what runs in another process.
	Allocs *float64 `json:"allocs_per_row,omitempty"`
	Unlike string   `json:"unlike,omitempty"` // what it does not do alike
}

// Target is a figure that was set beforehand.
type Target struct {
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
	Met  bool   `json:"met"`
}

// visits is how often each technique is returned to, all others between, so that
// a change of the machine's pace shows in the spread; a visit has so many rounds.
const visits, leastRounds, mostRounds = 3, 3, 40

// Run measures what the options say. It returns an error wrapping ErrOptions if
// that is nothing, those of the file, or the context's. The masks of one
// technique must not differ between numbers of threads: that is an error, too.
func Run(ctx context.Context, o Options) (Report, error) {
	report := Report{Machine: thisMachine(), Began: time.Now(), Seed: o.Seed}
	tables, err := o.tables()
	if err != nil {
		return report, err
	}
	var all []*measurement
	for _, t := range tables {
		if err := t.fill(); err != nil {
			return report, err
		}
		for _, c := range t.columns {
			some, err := o.prepare(c)
			if err != nil {
				return report, err
			}
			all = append(all, some...)
		}
	}
	if len(all) == 0 {
		return report, fmt.Errorf("maskbench: %w: no technique of those kinds takes the column", ErrOptions)
	}
	left, done := o.Time, 0
	for range visits {
		for _, m := range all {
			if err := ctx.Err(); err != nil {
				return report, err
			}
			if o.Progress != nil {
				o.Progress(Progress{m.result.Name(), done, visits * len(all), left})
			}
			start := time.Now()
			if err := m.visit(left / time.Duration(visits*len(all)-done)); err != nil {
				return report, err
			}
			left = max(0, left-time.Since(start)) // what one leaves the others get
			done++
		}
	}
	for _, m := range all {
		report.Results = append(report.Results, m.finish())
	}
	report.Elapsed = time.Since(report.Began).Round(time.Millisecond)
	return report, sameMasks(report.Results)
}

// sameMasks returns an error if any two results that differ in threads alone
// have other masks.
func sameMasks(results []Result) error {
	first := map[string]Result{}
	for _, r := range results {
		key := r
		key.Threads = 0
		f, seen := first[key.Name()]
		if !seen {
			first[key.Name()] = r
		} else if f.Digest != r.Digest || f.Misfits != r.Misfits {
			return fmt.Errorf("maskbench: %s by %d threads masks unlike by %d", r.Technique, r.Threads, f.Threads)
		}
	}
	return nil
}

// key is that of all masks here, so that digests of two runs can be compared.
var keys = masking.Keys{Token: []byte("maskbench masks nothing but this"), Domain: "bench", Scope: "bench"}
