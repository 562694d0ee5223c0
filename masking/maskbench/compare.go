package maskbench

import (
	"encoding/json"
	"fmt"
	"io"
)

// Change is how the speed of a result differs from that of a baseline.
type Change struct {
	Name    string  `json:"name"`
	Percent float64 `json:"percent"` // of speed: above 0 is faster
	Spread  float64 `json:"spread_percent"`
	// Verdict is faster, slower or same: same is a change within the larger of
	// both spreads.
	Verdict string `json:"verdict"`
	// Remasked says that equal rows have other masks than in the baseline.
	Remasked bool `json:"remasked,omitempty"`
}

// Verdicts of a Change.
const (
	Same   = "same"
	Faster = "faster"
	Slower = "slower"
)

// Compare returns how the results differ from those of the baseline that measure
// the same technique on a column of the same size; others it leaves out.
func (r Report) Compare(base Report) []Change {
	old := map[string]Result{}
	for _, b := range base.Results {
		old[b.Name()] = b
	}
	var out []Change
	for _, n := range r.Results {
		b, known := old[n.Name()]
		if !known || b.Rows != n.Rows || b.Bytes != n.Bytes || b.Type != n.Type {
			continue
		}
		c := Change{Name: n.Name(), Percent: 100 * (b.Median/n.Median - 1), Spread: max(b.Spread, n.Spread), Verdict: Same, Remasked: b.Digest != n.Digest}
		switch {
		case 100*(max(b.Median/n.Median, n.Median/b.Median)-1) <= c.Spread: // alike from either side
		case c.Percent > 0:
			c.Verdict = Faster
		default:
			c.Verdict = Slower
		}
		out = append(out, c)
	}
	return out
}

// Write writes the report as JSON, which Read reads.
func (r Report) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(r)
}

// Read returns the report that Write wrote.
func Read(r io.Reader) (Report, error) {
	var report Report
	if err := json.NewDecoder(r).Decode(&report); err != nil {
		return report, fmt.Errorf("maskbench: read report: %w", err)
	}
	return report, nil
}
