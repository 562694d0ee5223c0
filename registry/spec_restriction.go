package registry

import "strings"

// Restriction is the switch as a document: it restricts or closes access at one
// level, in the same act in which it is applied (NJ24-23, YC22-35). What it says
// never changes; it is lifted by a version that says so. Of several that concern a
// statement the strictest counts.
type Restriction struct {
	Level  string `json:"level"`
	Target string `json:"target"` // name at that level; a column is "dataset.column"
	// Degree is RESTRICT or CLOSE.
	Degree string `json:"degree"`
	// Rate is how many statements an hour the operator asks at most, MaxLevel the
	// highest level of a column that a statement reads. 0 sets no limit.
	Rate     int `json:"rate,omitempty"`
	MaxLevel int `json:"max_level,omitempty"`
	// AggregatesOnly lets no record of one person or thing out.
	AggregatesOnly bool   `json:"aggregates_only,omitempty"`
	Reason         string `json:"reason"`
	Clause         string `json:"clause"` // of the license, or the article
	// Until is the last day it is in force; without it, it is until it is lifted.
	Until string `json:"until,omitempty"`
	// Alert names what a temporary restriction answers.
	Alert        string `json:"alert,omitempty"`
	Status       string `json:"status"`
	StatusReason string `json:"status_reason,omitempty"`
}

// The levels of a Restriction.
const (
	LevelOperator = "operator"
	LevelLicense  = "license"
	LevelScenario = "scenario"
	LevelZone     = "zone"
	LevelDataset  = "dataset"
	LevelColumn   = "column"
)

// The degrees of a Restriction, and its status once it is over.
const (
	DegreeRestrict = "RESTRICT"
	DegreeClose    = "CLOSE"

	StatusLifted = "LIFTED"
)

// Reads reports whether a restriction of a dataset or column is about the dataset.
func (r Restriction) Reads(dataset string) bool { return r.dataset() == dataset }

// dataset returns the dataset that a restriction of a dataset or column names, ""
// at the other levels.
func (r Restriction) dataset() string {
	switch r.Level {
	case LevelDataset:
		return r.Target
	case LevelColumn:
		name, _, _ := strings.Cut(r.Target, ".")
		return name
	}
	return ""
}
