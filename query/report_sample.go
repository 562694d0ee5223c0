package query

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zonebox/audit"
	"zonebox/registry"
)

// SampleOrder asks for a random sample of the approvals and releases of a period, for
// people to check again (JM19-38).
type SampleOrder struct {
	Period
	// Seed decides which entries are drawn: the same seed and the same period give the
	// same sample. Empty draws one.
	Seed string `json:"seed,omitempty"`
	Size int    `json:"size"`
}

// Sample is what was drawn. Each draw stands in the log, so that nobody draws until
// they like what they see without its being seen.
type Sample struct {
	SampleOrder
	ID         string       `json:"id"`
	Population int          `json:"population"`
	Items      []SampleItem `json:"items"` // in the order of the log
}

// SampleItem is an entry that was drawn, with the verdicts on it under this sample.
type SampleItem struct {
	Index    uint64    `json:"index"`
	At       time.Time `json:"at"`
	Kind     string    `json:"kind"`
	Actor    string    `json:"actor"`
	Zone     string    `json:"zone"`
	Scenario string    `json:"scenario,omitempty"`
	Run      string    `json:"run"`
	Verdicts []Verdict `json:"verdicts,omitempty"`
}

// VerdictOrder is what a re-check of one entry of a sample found.
type VerdictOrder struct {
	Index   uint64 `json:"index"`
	Verdict string `json:"verdict"` // VerdictSound or VerdictFinding
	Reason  string `json:"reason"`
}

// Verdict is what somebody found.
type Verdict struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Verdict string    `json:"verdict"`
	Reason  string    `json:"reason"`
}

// The verdicts of a re-check.
const (
	VerdictSound   = "SOUND"
	VerdictFinding = "FINDING"
)

const (
	kindSample  = "sample.drawn"
	kindVerdict = "sample.verdict"

	mostSample = 1000
)

// rechecked are the kinds of entries that are checked again.
var rechecked = []string{"review.approved", "output.released"}

// DrawSample draws a sample and logs that it was. The period must be over: a sample
// that can still change is none. It is for those who supervise, of a regulator its
// zones.
func (e *Engine) DrawSample(ctx context.Context, s Subject, o SampleOrder) (*Sample, error) {
	r, err := e.reportFor(ctx, s, o.Period, false)
	if err != nil {
		return nil, err
	}
	if o.Size < 1 || o.Size > mostSample || len(o.Seed) > 64 || strings.ContainsFunc(o.Seed, func(c rune) bool { return c < '!' || c > '~' }) {
		return nil, BadRequest(fmt.Sprintf("条数须为 1 至 %d,种子至多 64 个可见字符", mostSample), fmt.Sprintf("size must be 1 to %d and a seed at most 64 visible characters", mostSample))
	}
	if e.cfg.Now().UTC().Add(r.elsewhen).Format(time.DateOnly) <= o.To {
		return nil, BadRequest("期间须已结束", "the period must be over")
	}
	if o.Seed == "" {
		o.Seed = rand.Text()
	}
	out, err := e.draw(ctx, r, o)
	if err != nil {
		return nil, asError(err)
	}
	scope := ""
	if !r.all {
		scope = s.organization
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		out.ID = fmt.Sprintf("sample-%010d", tx.Revision())
		return tx.Emit(registry.Event{ID: out.ID, Kind: kindSample, Actor: s.user, Zone: o.Zone, Fields: map[string]string{"org": s.organization,
			"from": o.From, "to": o.To, "seed": o.Seed, "size": strconv.Itoa(o.Size), "population": strconv.Itoa(out.Population), "scope": scope}})
	})
	if err != nil {
		return nil, asError(err)
	}
	return out, nil
}

// draw takes the entries whose SHA-256 with the seed is smallest: a choice that does
// not depend on where an entry stands, nor on the machine.
func (e *Engine) draw(ctx context.Context, r *report, o SampleOrder) (*Sample, error) {
	type ticket struct {
		sum  [sha256.Size]byte
		item SampleItem
	}
	var all []ticket
	err := e.entries(ctx, r, func(entry audit.Entry) error {
		if slices.Contains(rechecked, entry.Kind) {
			all = append(all, ticket{sha256.Sum256([]byte(o.Seed + "\n" + entry.ID)), SampleItem{Index: entry.Seq, At: entry.At, Kind: entry.Kind,
				Actor: entry.Actor, Zone: entry.Zone, Scenario: entry.Scenario, Run: entry.Run}})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &Sample{SampleOrder: o, Population: len(all), Items: []SampleItem{}}
	slices.SortFunc(all, func(a, b ticket) int { return bytes.Compare(a.sum[:], b.sum[:]) })
	for _, t := range all[:min(len(all), o.Size)] {
		out.Items = append(out.Items, t.item)
	}
	slices.SortFunc(out.Items, func(a, b SampleItem) int { return int(a.Index) - int(b.Index) })
	return out, nil
}

// Sample returns a sample that was drawn, with the verdicts so far. Who may draw it
// may see it.
func (e *Engine) Sample(ctx context.Context, s Subject, id string) (*Sample, error) {
	if !s.any(registry.RoleAuditor, registry.RoleCityAuthority, registry.RoleSecurity, registry.RoleZoneRegulator) {
		return nil, fail("ROLE_REQUIRED", nil)
	}
	index, ok := e.audit.Find(id)
	if !ok {
		return nil, fail("NOT_FOUND", nil)
	}
	var o SampleOrder
	verdicts, scope := map[uint64][]Verdict{}, ""
	for entry, err := range e.audit.Entries(ctx, index, e.audit.Size()) {
		f := entry.Fields
		switch {
		case err != nil:
			return nil, asError(err)
		case entry.Seq == index && entry.Kind != kindSample:
			return nil, fail("NOT_FOUND", nil)
		case entry.Seq == index:
			o = SampleOrder{Period: Period{From: f["from"], To: f["to"], Zone: entry.Zone}, Seed: f["seed"]}
			scope = f["scope"]
			if o.Size, err = strconv.Atoi(f["size"]); err != nil {
				return nil, asError(err)
			}
		case entry.Kind == kindVerdict && f["sample"] == id:
			n, err := strconv.ParseUint(f["entry"], 10, 64)
			if err != nil {
				return nil, asError(err)
			}
			verdicts[n] = append(verdicts[n], Verdict{By: entry.Actor, At: entry.At, Verdict: f["verdict"], Reason: f["reason"]})
		}
	}
	r, err := e.reportFor(ctx, s, o.Period, false)
	if err != nil {
		return nil, err
	}
	if scope == "" && !r.all || scope != "" && !r.all && scope != s.organization {
		return nil, fail("NOT_FOUND", nil)
	}
	if scope != "" && r.all { // the regulator's population
		regulator := Subject{organization: scope, roles: []string{registry.RoleZoneRegulator}}
		if r, err = e.reportFor(ctx, regulator, o.Period, false); err != nil {
			return nil, err
		}
	}
	out, err := e.draw(ctx, r, o)
	if err != nil {
		return nil, asError(err)
	}
	out.ID = id
	for i := range out.Items {
		out.Items[i].Verdicts = verdicts[out.Items[i].Index]
	}
	return out, nil
}

// Judge records what a re-check of one entry of a sample found. Nobody judges what
// they, or their organization, settled or asked.
func (e *Engine) Judge(ctx context.Context, s Subject, id string, o VerdictOrder) (*Sample, error) {
	sample, err := e.Sample(ctx, s, id)
	if err != nil {
		return nil, err
	}
	if o.Verdict != VerdictSound && o.Verdict != VerdictFinding || strings.TrimSpace(o.Reason) == "" {
		return nil, BadRequest("须写明结论 (SOUND 或 FINDING) 与理由", "it takes a verdict, SOUND or FINDING, and a reason")
	}
	i := slices.IndexFunc(sample.Items, func(item SampleItem) bool { return item.Index == o.Index })
	if i < 0 {
		return nil, fail("NOT_FOUND", nil)
	}
	if err := e.uninvolved(ctx, s, sample.Items[i].Run); err != nil {
		return nil, err
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		return tx.Emit(registry.Event{Kind: kindVerdict, Actor: s.user, Zone: sample.Items[i].Zone, Run: sample.Items[i].Run, Fields: map[string]string{"org": s.organization,
			"sample": id, "entry": strconv.FormatUint(o.Index, 10), "verdict": o.Verdict, "reason": clip(o.Reason)}})
	})
	if err != nil {
		return nil, asError(err)
	}
	return e.Sample(ctx, s, id)
}

// uninvolved refuses whoever had a part in a run, or whose organization had.
func (e *Engine) uninvolved(ctx context.Context, s Subject, run string) error {
	for entry, err := range e.audit.Entries(ctx, 0, e.audit.Size()) {
		if err != nil {
			return asError(err)
		}
		if entry.Run != run || entry.Kind == kindVerdict {
			continue
		}
		org, err := e.organizationOf(ctx, entry.Actor)
		if err != nil {
			return asError(err)
		}
		if entry.Actor == s.user || entry.Org == s.organization || org == s.organization {
			return fail("OWN_DECISION", nil)
		}
	}
	return nil
}

// organizationOf returns the organization of a person, who may be disabled by now;
// empty if there is none of the name, as of the gate itself.
func (e *Engine) organizationOf(ctx context.Context, user string) (string, error) {
	doc, _, err := e.registry.Get(ctx, registry.KindPerson, user)
	if errors.Is(err, registry.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	p, err := registry.SpecOf[registry.Person](doc)
	return p.Organization, err
}
