package registry

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// What a change of a field does to who may have what.
const (
	Tightens = "TIGHTENS"
	Loosens  = "LOOSENS" // or may: doubt counts as this
	Neutral  = "NEUTRAL"
)

// Change is a field in which two versions of a document differ.
type Change struct {
	Path   string `json:"path"`
	ZH     string `json:"zh"`
	Before string `json:"before"` // "" if it is new
	After  string `json:"after"`  // "" if it is gone
	Effect string `json:"effect"`
}

// Diff returns what differs between two versions of a document, by path, and what that
// does: what is given tightens where less is given for less time to fewer, and where
// data are protected more. before may be the zero Document.
func Diff(before, after Document) ([]Change, error) {
	var was []Part
	var err error
	if len(before.Spec) > 0 {
		if was, err = Parts(before); err != nil {
			return nil, err
		}
	}
	now, err := Parts(after)
	if err != nil {
		return nil, err
	}
	old, fresh := valuesOf(was), valuesOf(now)
	var out []Change
	for _, p := range was {
		if v, stays := fresh[p.Path]; !stays || v != p.Value {
			out = append(out, Change{Path: p.Path, ZH: p.ZH, Before: p.Value, After: v, Effect: effectOf(after.Kind, p.Path, &p.Value, there(fresh, p.Path))})
		}
	}
	for _, p := range now {
		if _, stood := old[p.Path]; !stood {
			out = append(out, Change{Path: p.Path, ZH: p.ZH, After: p.Value, Effect: effectOf(after.Kind, p.Path, nil, &p.Value)})
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

func valuesOf(all []Part) map[string]string {
	m := map[string]string{}
	for _, p := range all {
		m[p.Path] = p.Value
	}
	return m
}

func there(m map[string]string, path string) *string {
	if v, ok := m[path]; ok {
		return &v
	}
	return nil
}

// direction says which way a field loosens.
type direction string

const (
	gives     direction = "more of it gives more"           // lists of what or whom, and items of such lists
	bounds    direction = "more of it gives more, none all" // lists that set no bound where they are absent
	protects  direction = "more of it protects more"        // items of lists that forbid
	later     direction = "a later day gives more"          // ends
	sooner    direction = "an earlier day gives more"       // starts
	higher    direction = "a higher number protects more"   // levels, months, scores
	yes       direction = "true protects more"              // declarations
	no        direction = "true stands for a bar"           // incidents: true bars
	doubt     direction = "any change may loosen"           // recipes, keys, who regulates
	another   direction = "any but none may loosen"         // what there may be none of
	byStatus  direction = "what is not in force gives nothing"
	opens     direction = "the more widely, the more" // open and share types
	otherLaws direction = "OTHER_LAW protects"        // cause codes, any more than none
	consents  direction = "CONSENT protects"          // the right by which personal information is used
)

// directions says of each kind which fields give or protect, by the path with * for
// the item of a list; what stands at no path is neutral. The first that fits counts.
var directions = map[string][]struct {
	path string
	is   direction
}{
	KindOrganization: {{"incident_3y", no}, {"dishonesty_3y", no}, {"incidents", doubt}, {"dishonesty", doubt}, {"org_form", doubt}, {"credit_code", doubt}, {"evidence", doubt}},
	KindPerson: {{"roles", gives}, {"permissions", gives}, {"status", byStatus}, {"signing_key", doubt}, {"recipient_key", another},
		{"oidc", another}, {"certificates", gives}, {"confidentiality_ref", another}},
	KindZone: {{"status", byStatus}, {"pack", doubt}, {"regulator", doubt}, {"domain", doubt}, {"signed_deliveries", yes}, {"token_algorithm", doubt},
		{"storage_algorithm", doubt}, {"retention", doubt}},
	KindDataset: {{"status", byStatus}, {"columns/*/level", higher}, {"columns/*/personal_info", yes}, {"columns/*/secret_flag", yes}, {"columns/*/public_codes", gives},
		{"columns/*/cause_code", otherLaws}, {"columns/*/class", doubt}, {"columns/*/element", doubt}, {"personal_info", yes}, {"public_safety", yes}, {"secret_flag", yes},
		{"temporary", yes}, {"open_type", opens}, {"share_type", opens}, {"entity", doubt}, {"retention", doubt}, {"columns/*/type", doubt}, {"columns/*/pi_kind", doubt},
		{"regime", doubt}, {"provider_type", doubt}, {"format", doubt}, {"share_mode", doubt}, {"review_due", doubt}, {"use_requirements", doubt}},
	KindCall: {},
	KindLicense: {{"status", byStatus}, {"end", later}, {"start", sooner}, {"sections/scope/datasets", bounds}, {"sections/scope/purposes", bounds}, {"sections", doubt},
		{"renewed_basis", doubt}, {"type", doubt}, {"purpose_class", doubt}, {"operating_mode", doubt}, {"supply_mode", doubt}},
	KindSupply:   {{"status", byStatus}, {"until", later}, {"from", sooner}, {"columns", gives}},
	KindScenario: {{"recipients", gives}, {"output_forms", gives}, {"period/until", later}, {"period/from", sooner}, {"round", higher}},
	KindGrant: {{"status", byStatus}, {"until", later}, {"from", sooner}, {"columns/*/recipe", doubt}, {"columns/*/mode", doubt}, {"columns/*/permissions", gives}, {"columns", gives},
		{"scope", doubt}, {"signed_deliveries", yes}, {"repeats", gives}, {"basis", consents}, {"legal_basis", doubt}},
	KindPartner: {{"status", byStatus}, {"scenarios", gives}, {"grants", bounds}, {"until", later}, {"from", sooner}, {"security_officer", doubt},
		{"confidentiality_ref", doubt}},
	KindTemplate:     {{"status", byStatus}, {"until", later}, {"from", sooner}, {"sql", doubt}, {"parameters", doubt}},
	KindRequest:      {},
	KindNegativeList: {{"items/*/reason", Neutral}, {"items/*/basis", Neutral}, {"items", protects}},
	KindSourceRuling: {},
	KindQualityRules: {{"gate/minimum_score", higher}, {"gate/errors", yes}, {"contract", doubt}},
	KindRetention:    {{"months", higher}},
	KindRestriction:  {{"status", doubt}, {"degree", doubt}, {"rate", doubt}, {"max_level", doubt}, {"aggregates_only", doubt}, {"until", doubt}, {"target", doubt}, {"level", doubt}},
	KindException:    {{"status", byStatus}, {"until", later}, {"from", sooner}, {"relaxes", doubt}, {"value", doubt}, {"license", doubt}, {"scenario", doubt}, {"dataset", doubt}},
}

// directionOf returns which way a field loosens.
func directionOf(kind, path string) direction {
	for _, d := range directions[kind] {
		if covers(d.path, path) {
			return d.is
		}
	}
	return Neutral
}

// effectOf returns what it does that a field goes from before to now; nil is absent.
func effectOf(kind, path string, before, now *string) string {
	is := directionOf(kind, path)
	value := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	was, is2 := value(before), value(now)
	switch is {
	case gives, bounds:
		return listEffect(is, before, now)
	case protects:
		if was == "[]" || is2 == "[]" {
			return Neutral // its items say what it does that they come or go
		}
		return pick(before == nil, now == nil)
	case later:
		return pick(is2 < was, is2 > was)
	case sooner:
		return pick(is2 > was, is2 < was)
	case higher:
		if before == nil != (now == nil) && strings.HasPrefix(path, "columns/") {
			return Neutral // the column came or went, which gives nobody anything
		}
		a, _ := strconv.ParseFloat(was, 64) // what is no number is 0
		b, _ := strconv.ParseFloat(is2, 64)
		return pick(b > a, b < a)
	case yes:
		return pick(is2 == "true" && was != "true", was == "true" && is2 != "true")
	case no:
		return pick(is2 == "true" && was != "true", was == "true" && is2 != "true")
	case opens:
		order := []string{openProhibited, "NONE", "CONDITIONAL", shareUnconditional}
		a, b := slices.Index(order, was), slices.Index(order, is2)
		return pick(before != nil && b < a && b >= 0, before == nil || b > a || b < 0)
	case otherLaws:
		return pick(is2 == causeOtherLaw || was == "", was != "" && is2 != causeOtherLaw)
	case consents:
		return pick(is2 == BasisConsent, was == BasisConsent)
	case byStatus:
		active := func(s string) bool { return s == "" || s == StatusActive || s == StatusPublished || s == personActive }
		return pick(active(was) && !active(is2), active(is2))
	case doubt:
		return Loosens
	case another:
		return pick(now == nil, now != nil)
	}
	return Neutral
}

func pick(tightens, loosens bool) string {
	switch {
	case loosens:
		return Loosens
	case tightens:
		return Tightens
	}
	return Neutral
}

// listEffect weighs a list of names, or an item of a list of objects that is new or
// gone.
func listEffect(is direction, before, now *string) string {
	if before == nil || now == nil {
		if is == bounds {
			return pick(before == nil, now == nil)
		}
		if now == nil {
			return Tightens
		}
		return pick(false, *now != "[]")
	}
	var was, names []string
	if json.Unmarshal([]byte(*before), &was) != nil || json.Unmarshal([]byte(*now), &names) != nil {
		return Loosens // no lists: doubt
	}
	if is == bounds && (len(was) == 0) != (len(names) == 0) {
		return pick(len(was) == 0, len(names) == 0)
	}
	more := slices.ContainsFunc(names, func(s string) bool { return !slices.Contains(was, s) })
	return pick(!more, more)
}

// covers reports whether a path lies at or below one with * for any part.
func covers(pattern, path string) bool {
	want, parts := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(parts) < len(want) {
		return false
	}
	for i, w := range want {
		if w != "*" && w != parts[i] {
			return false
		}
	}
	return true
}
