package query

import (
	"context"
	"slices"
	"strings"
	"time"

	"zonebox/audit"
	"zonebox/registry"
)

// RiskReport counts what a security officer answers for (JM19-36), by the log. Nothing
// of the log is left out: what has no heading of its own stands under OTHER.
type RiskReport struct {
	Period
	Entries  uint64        `json:"entries"` // of the log, that the reader may see
	Headings []RiskHeading `json:"headings"`
	// Findings are the entries that somebody should look at, newest first, at most
	// mostFindings of them.
	Findings []RiskFinding `json:"findings"`
	// Exceptions are those in force on a day of the period.
	Exceptions []RiskExceptionRow `json:"exceptions"`
}

// RiskHeading counts entries of one kind, of refusals those of one reason.
type RiskHeading struct {
	Heading string `json:"heading"`
	Kind    string `json:"kind"`
	Reason  string `json:"reason,omitempty"`
	Count   int    `json:"count"`
	Persons int    `json:"persons"`
	First   uint64 `json:"first"` // index of the first entry
	Last    uint64 `json:"last"`
}

// RiskFinding is one entry.
type RiskFinding struct {
	Index   uint64    `json:"index"`
	At      time.Time `json:"at"`
	Heading string    `json:"heading"`
	Kind    string    `json:"kind"`
	Actor   string    `json:"actor"`
	Zone    string    `json:"zone,omitempty"`
	Run     string    `json:"run,omitempty"`
}

const mostFindings = 200

// The headings of a risk report, in its order.
const (
	RiskAlert       = "ALERT"       // of the gate itself
	RiskDamage      = "DAMAGE"      // stored data, a restored state
	RiskDenied      = "DENIED"      // refusals of policy, analysis and documents
	RiskWithheld    = "WITHHELD"    // outputs that did not leave, reviews that said no
	RiskFailed      = "FAILED"      // runs that gave nothing
	RiskRestriction = "RESTRICTION" // suspended, restricted, closed, revoked
	RiskException   = "EXCEPTION"   // set and revoked
	RiskOverdue     = "OVERDUE"     // terms that ran out
	RiskQuarantine  = "QUARANTINE"  // deliveries that were refused or held
	RiskPermission  = "PERMISSION"  // copy, export, recipe, destroy: used or missing
	RiskReleased    = "RELEASED"    // what left
	RiskOther       = "OTHER"
)

var riskOrder = []string{RiskAlert, RiskDamage, RiskDenied, RiskWithheld, RiskFailed, RiskRestriction, RiskException, RiskOverdue, RiskQuarantine, RiskPermission, RiskReleased, RiskOther}

// risks says under which heading an entry stands: by its kind, or by the beginning or
// end of it, the first that fits.
var risks = []struct{ pattern, heading string }{
	{"alert.*", RiskAlert}, {"*.overdue", RiskOverdue}, {"*.escalated", RiskOverdue}, {"*.expired", RiskOverdue},
	{"zone.damaged", RiskDamage}, {"backup.restored", RiskDamage}, {"backup.failed", RiskDamage}, {"key.failed", RiskDamage},
	{"permission.denied", RiskPermission}, {"query.denied", RiskDenied}, {kindRefused, RiskDenied}, {"documents.refused", RiskDenied}, {"mask.refused", RiskDenied}, {"catalogue.refused", RiskDenied},
	{"output.blocked", RiskWithheld}, {"output.withdrawn", RiskWithheld}, {"review.rejected", RiskWithheld},
	{"query.failed", RiskFailed}, {"query.killed", RiskFailed}, {"query.abandoned", RiskFailed},
	{"switch.*", RiskRestriction}, {"restriction.*", RiskRestriction}, {"suspension.*", RiskRestriction}, {"offboarding.*", RiskRestriction},
	{"data.quarantined", RiskQuarantine}, {"load.refused", RiskQuarantine}, {"quality.stale", RiskQuarantine}, {"quality.ticket", RiskQuarantine},
	{"backup.*", RiskPermission}, {"shred.*", RiskPermission}, {"key.*", RiskPermission}, {"recipe.*", RiskPermission}, {"mask.previewed", RiskPermission}, {"zone.read", RiskPermission},
	{"output.released", RiskReleased}, {"output.downloaded", RiskReleased},
}

// riskOf returns the heading of an entry.
func riskOf(e audit.Entry) string {
	if e.Kind == "apply" && e.Fields["kind"] == registry.KindException {
		return RiskException
	}
	for _, r := range risks {
		begin, anyEnd := strings.CutSuffix(r.pattern, "*")
		end, anyBegin := strings.CutPrefix(r.pattern, "*")
		if anyEnd && strings.HasPrefix(e.Kind, begin) || anyBegin && strings.HasSuffix(e.Kind, end) || e.Kind == r.pattern {
			return r.heading
		}
	}
	return RiskOther
}

// Risk reports the risks of a period. It is for those who supervise, of a regulator
// its zones.
func (e *Engine) Risk(ctx context.Context, s Subject, p Period) (*RiskReport, error) {
	r, err := e.reportFor(ctx, s, p, false)
	if err != nil {
		return nil, err
	}
	out := &RiskReport{Period: p, Headings: []RiskHeading{}, Findings: []RiskFinding{}}
	rows, people, used := map[[3]string]*RiskHeading{}, map[[3]string]map[string]bool{}, map[string]int{}
	err = e.entries(ctx, r, func(entry audit.Entry) error {
		out.Entries++
		heading := riskOf(entry)
		for _, name := range strings.Fields(entry.Fields[fieldExceptions]) {
			used[name]++
		}
		for _, reason := range reasonsOf(entry, heading) {
			key := [3]string{heading, entry.Kind, reason}
			row := rows[key]
			if row == nil {
				row = &RiskHeading{Heading: heading, Kind: entry.Kind, Reason: reason, First: entry.Seq}
				rows[key], people[key] = row, map[string]bool{}
			}
			row.Count++
			row.Last = entry.Seq
			people[key][entry.Actor] = true
		}
		if slices.Contains([]string{RiskAlert, RiskDamage, RiskRestriction, RiskException, RiskOverdue}, heading) {
			out.Findings = append(out.Findings, RiskFinding{Index: entry.Seq, At: entry.At, Heading: heading, Kind: entry.Kind, Actor: entry.Actor, Zone: entry.Zone, Run: entry.Run})
		}
		return nil
	})
	if err != nil {
		return nil, asError(err)
	}
	if out.Exceptions, err = e.riskExceptions(ctx, r, used); err != nil {
		return nil, asError(err)
	}
	for key, row := range rows {
		row.Persons = len(people[key])
		out.Headings = append(out.Headings, *row)
	}
	slices.SortFunc(out.Headings, func(a, b RiskHeading) int {
		if d := slices.Index(riskOrder, a.Heading) - slices.Index(riskOrder, b.Heading); d != 0 {
			return d
		}
		return slices.Compare([]string{a.Kind, a.Reason}, []string{b.Kind, b.Reason})
	})
	slices.Reverse(out.Findings)
	out.Findings = out.Findings[:min(len(out.Findings), mostFindings)]
	return out, nil
}

// reasonsOf returns the codes of a refusal, each of which counts it; of anything else
// one that is empty.
func reasonsOf(e audit.Entry, heading string) []string {
	if heading != RiskDenied && heading != RiskWithheld && heading != RiskFailed && heading != RiskQuarantine {
		return []string{""}
	}
	codes := strings.FieldsFunc(e.Fields["reasons"], func(r rune) bool { return r == ',' || r == ' ' })
	if len(codes) == 0 {
		return []string{""}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}
