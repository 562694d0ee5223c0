package query

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"zonebox/registry"
)

// RejectedConsent is a reason why rows of a file of consents do not count.
type RejectedConsent struct {
	Code  string  `json:"code"`
	ZH    string  `json:"zh"`
	EN    string  `json:"en"`
	Rows  int64   `json:"rows"`
	First []int64 `json:"first"` // numbers of the first of them, from 1
}

// rejectedFirst is how many rows a reason names.
const rejectedFirst = 20

// consentReasons say what each code means (NJ24-16).
var consentReasons = map[string][2]string{
	"CONSENT_BLANKET":          {"一揽子授权:未写明场景,或一次写明多个、全部场景", "blanket: it names no scenario, several, or all"},
	"CONSENT_FORCED":           {"强制同意:以同意为提供服务的条件,或未写明并非如此", "forced: a condition of a service, or not said to be none"},
	"CONSENT_UNDATED":          {"缺少或不是日期:同意之日、生效日或截止日", "undated: the day it was given, begins or ends is missing or is none"},
	"CONSENT_NO_EVIDENCE":      {"没有依据:种类、日期或文件摘要 (SHA-256) 缺失或不正确", "no evidence: its kind, day or the digest of its file (SHA-256) is missing or wrong"},
	"CONSENT_NO_SUBJECT":       {"未写明是谁的授权", "it does not say whose it is"},
	"CONSENT_SCENARIO_UNKNOWN": {"没有这个场景", "there is no such scenario"},
	"CONSENT_SCENARIO_OTHER":   {"是另一个场景的授权,请另行导入", "it is of another scenario; import it there"},
	"CONSENT_PERIOD":           {"截止早于生效", "it ends before it begins"},
	"CONSENT_FUTURE":           {"同意之日或依据之日在将来", "it was given, or its evidence made, on a day to come"},
}

// consentRow is a row of a file, in the order of consentColumns.
type consentRow [9]string

// consentJudge judges consents one after the other.
type consentJudge struct {
	*consenting
	rejected map[string]*RejectedConsent
	receipt  *ConsentReceipt
}

// evidenceKind is how the kind of an evidence is written.
var evidenceKind = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,31}$`)

// allScenarios are words for a consent to everything.
var allScenarios = []string{"all", "any", "全部", "所有", "全部场景", "所有场景"}

// judge returns the consent of a row, without its subject, and whether it counts.
// It tells every reason against it.
func (j *consentJudge) judge(r consentRow) (registry.SubjectConsent, bool) {
	var why []string
	subject, scenario, forced := r[0], r[1], r[5]
	if subject == "" {
		why = append(why, "CONSENT_NO_SUBJECT")
	}
	switch {
	case scenario == "" || strings.ContainsAny(scenario, "*%?,;|/、,; \t\n") || slices.Contains(allScenarios, strings.ToLower(scenario)):
		why = append(why, "CONSENT_BLANKET")
	case scenario == j.scope.Scenario:
	case slices.Contains(j.known, scenario):
		why = append(why, "CONSENT_SCENARIO_OTHER")
	default:
		why = append(why, "CONSENT_SCENARIO_UNKNOWN")
	}
	if forced != "false" {
		why = append(why, "CONSENT_FORCED")
	}
	var c registry.SubjectConsent
	from, okFrom := j.day(r[2])
	until, okUntil := j.day(r[3])
	given, okGiven := j.moment(r[4])
	if !okFrom || !okUntil || !okGiven {
		why = append(why, "CONSENT_UNDATED")
	}
	if okFrom && okUntil && until.Before(from) {
		why = append(why, "CONSENT_PERIOD")
	}
	made, okMade := j.day(r[7])
	if !evidenceKind.MatchString(r[6]) || !okMade || !isDigest(r[8]) {
		why = append(why, "CONSENT_NO_EVIDENCE")
	}
	if okGiven && given.After(j.at) || okMade && made.After(j.at) {
		why = append(why, "CONSENT_FUTURE")
	}
	if len(why) > 0 {
		j.reject(why)
		return c, false
	}
	j.receipt.Accepted++
	c.Given, c.From, c.Until = given, from, until.AddDate(0, 0, 1) // its last day counts
	c.Evidence = registry.ConsentEvidence{Kind: r[6], Date: r[7], SHA256: r[8]}
	return c, true
}

func (j *consentJudge) reject(why []string) {
	j.receipt.Rejected++
	for _, code := range why {
		r := j.rejected[code]
		if r == nil {
			r = &RejectedConsent{Code: code, ZH: consentReasons[code][0], EN: consentReasons[code][1], First: []int64{}}
			j.rejected[code] = r
		}
		if r.Rows++; len(r.First) < rejectedFirst {
			r.First = append(r.First, j.receipt.Rows)
		}
	}
}

// day returns the first moment of a day of the zone's calendar.
func (c *consenting) day(text string) (time.Time, bool) {
	at, err := time.ParseInLocation(time.DateOnly, text, c.calendar)
	return at, err == nil
}

// moment is day, or an instant that says its zone.
func (c *consenting) moment(text string) (time.Time, bool) {
	if at, ok := c.day(text); ok {
		return at, true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at, err == nil
}
