package quality

import (
	"maps"
	"math"
	"slices"
	"time"
)

// The formula. All figures in it are ours: DB11/T 2317-2024 has an evaluation by
// six properties (its chapter 5) and a rating in five grades (chapter 6); its
// weights, bounds and the names of its grades are not taken from it.
//
//	score of a rule       100 · (1 − count / base), where base is the rows (for
//	                      zonebox.filled the cells). A rule whose test 0 would not
//	                      pass, such as a rowCount, scores 100 if it passes, else 0.
//	score of a dimension  the mean of its rules, weighted by severity: error 3,
//	                      warning 2, info 1
//	score of the dataset  the mean of the dimensions that have a rule
//	grade                 A from 90, B from 80, C from 70, D from 60, E below; and
//	                      no better than C while a rule of severity error fails,
//	                      which no mean evens out
//
// A rule that could not be measured scores 0 and fails.

// A Report is what was found in the rows of one version. It holds no value.
type Report struct {
	Zone      string    `json:"zone"`
	Dataset   string    `json:"dataset"`
	Version   string    `json:"version"`
	At        time.Time `json:"at"`
	Catalogue int64     `json:"catalogue"` // version of the entry
	RulesOf   int64     `json:"rules_of"`  // version of the rules; 0 if there are none
	Rows      int64     `json:"rows"`

	Score      float64   `json:"score"`
	Grade      string    `json:"grade"`
	Dimensions []Score   `json:"dimensions"` // the six, in order
	Rules      []Outcome `json:"rules"`
	Gate       Verdict   `json:"gate"`
}

// A Score is of one dimension. One without rules is not assessed, and no part of
// the dataset's score.
type Score struct {
	Dimension Dimension `json:"dimension"`
	Assessed  bool      `json:"assessed"`
	Score     float64   `json:"score"`
	Rules     int       `json:"rules"`
	Failed    int       `json:"failed"`
}

// An Outcome is of one rule.
type Outcome struct {
	ID          string    `json:"id"`
	Path        string    `json:"path,omitempty"`
	Description string    `json:"description,omitempty"`
	Dimension   Dimension `json:"dimension"`
	Severity    Severity  `json:"severity"`
	Metric      Metric    `json:"metric"`
	Columns     []string  `json:"columns,omitempty"`
	Test        string    `json:"test,omitempty"` // "≤ 5"
	Percent     bool      `json:"percent,omitempty"`

	Count   int64            `json:"count"` // what the metric counted
	Base    int64            `json:"base"`  // of so many
	Passed  bool             `json:"passed"`
	Score   float64          `json:"score"`
	Weight  int              `json:"weight"`
	Rows    []int64          `json:"rows,omitempty"`    // the first that were counted, from 1
	Reasons map[string]int64 `json:"reasons,omitempty"` // of invalid values
	Unknown string           `json:"unknown,omitempty"` // why it could not be measured, a code
}

// A Gate says when a version must not be used before its provider has looked.
// The zero Gate lets everything pass.
type Gate struct {
	Minimum float64 `json:"minimum_score,omitempty"` // 0 to 100
	Errors  bool    `json:"errors,omitempty"`        // no rule of severity error may fail
}

// A Verdict is what the gate says of a report.
type Verdict struct {
	Gate
	Passed bool `json:"passed"`
	// Failed are the rules of severity error that stop it.
	Failed []string `json:"failed,omitempty"`
}

// measured closes an outcome.
func (o *Outcome) measured(r Rule) {
	v := float64(o.Count)
	if r.Percent {
		v = 100 * float64(o.Count) / float64(max(1, o.Base))
	}
	o.Passed = o.Unknown == "" && r.Test.Holds(v)
	switch {
	case o.Unknown != "":
		o.Score = 0
	case r.Metric == RowCount || !r.Test.Holds(0):
		o.Score = 0
		if o.Passed {
			o.Score = 100
		}
	case o.Base == 0:
		o.Score = 100
	default:
		o.Score = float64(100*(o.Base-min(o.Count, o.Base))) / float64(o.Base)
	}
}

// score fills what follows from the outcomes.
func (r *Report) score(g Gate) {
	r.Dimensions, r.Score, r.Gate = nil, 0, Verdict{Gate: g}
	assessed, errors := 0, false
	for _, d := range Dimensions {
		s, weights := Score{Dimension: d}, 0
		for _, o := range r.Rules {
			if o.Dimension != d {
				continue
			}
			s.Assessed = true
			s.Rules++
			s.Score += float64(o.Weight) * o.Score
			weights += o.Weight
			if !o.Passed {
				s.Failed++
				if o.Severity == Error {
					errors = true
					r.Gate.Failed = append(r.Gate.Failed, o.ID)
				}
			}
		}
		if s.Assessed {
			s.Score = whole(s.Score / float64(weights))
			assessed++
			r.Score += s.Score
		}
		r.Dimensions = append(r.Dimensions, s)
	}
	r.Score = whole(r.Score / float64(max(1, assessed)))
	r.Grade = grade(r.Score, errors)
	r.Gate.Passed = r.Score >= g.Minimum && (!g.Errors || !errors)
	slices.Sort(r.Gate.Failed)
}

// whole takes from a mean what sums of doubles added to it or lost: what is 80 by
// the formula is 80, and meets a gate of 80. Scores are told to a tenth.
func whole(score float64) float64 { return math.Round(score*1e9) / 1e9 }

// grades are the lower bounds of A to D.
var grades = []struct {
	from float64
	name string
}{{90, "A"}, {80, "B"}, {70, "C"}, {60, "D"}}

func grade(score float64, errors bool) string {
	for _, g := range grades {
		if score >= g.from && !(errors && g.from > 70) {
			return g.name
		}
	}
	return "E"
}

// periods are the days between two updates, by the words that entries use for
// them; a day of grace is part of none.
var periods = map[string]int64{
	"realtime": 1, "real-time": 1, "hourly": 1, "daily": 1, "weekly": 7, "ten_days": 11, "half_monthly": 16, "monthly": 31, "quarterly": 92,
	"half_yearly": 184, "yearly": 366, "annual": 366, "annually": 366,
}

// Frequencies lists the words that Period knows.
func Frequencies() []string { return slices.Sorted(maps.Keys(periods)) }

// Period returns the days within which data of that declared update frequency
// are followed by newer ones, and false if the word names no period.
func Period(frequency string) (int64, bool) {
	p, ok := periods[frequency]
	return p, ok
}

// Age returns the whole days from the day that data were acquired (2006-01-02)
// to at, by the calendar of at's own location; false if acquired is no date.
func Age(acquired string, at time.Time) (int64, bool) {
	from, err := time.Parse(time.DateOnly, acquired)
	if err != nil {
		return 0, false
	}
	y, m, d := at.Date()
	return int64(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(from) / (24 * time.Hour)), true
}
