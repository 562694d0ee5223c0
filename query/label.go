package query

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"zonebox/keys"
	"zonebox/policy"
	"zonebox/registry"
	"zonebox/release"
	"zonebox/zone"
)

// useStatement is the use of the zone keys by which labels name statements.
const useStatement = "statement"

// labelOf is the label of an output, but for what the decision on its release adds.
func (o *output) labelOf() (release.Label, error) {
	l := release.Label{
		Release: releaseID(o.id), Run: o.id, Zone: o.facts.Zone.Name, License: o.facts.License.Name, Scenario: o.facts.Scenario.Name,
		Sources: o.record.Sources, Recipient: o.request.Recipient, Pack: o.pack.ID, IssuedAt: o.engine.cfg.Now(),
		Purpose: o.request.Purpose, Uses: o.uses(),
	}
	if o.record.Facts != nil {
		l.Effect = o.record.Facts.Effect
	}
	l.Template, l.Parameters = o.filled.shown(o.run)
	if o.record.Proof == nil || o.record.Columns == nil {
		return l, fail("DATA_DAMAGED", errors.New("query: a held output without its proof or its columns")).of(o.id)
	}
	var err error
	l.Evidence, err = o.evidence()
	return l, err
}

// evidence says under what the output was made.
func (o *output) evidence() (*release.Evidence, error) {
	statement, err := o.statementDigest()
	if err != nil {
		return nil, err
	}
	worker, err := attestationDigest(o.record.Proof.Attestation)
	if err != nil {
		return nil, err
	}
	intent, logged := o.engine.audit.Find(intentID(o.id))
	if !logged {
		return nil, fail("DATA_DAMAGED", errors.New("query: an output whose intent is not in the log")).of(o.id)
	}
	obligations := o.record.Decision.Obligations
	obligations.MinGroup = max(obligations.MinGroup, o.record.least())
	of := func(kind, name string, version int64) string {
		return registry.Ref{Kind: kind, Name: name, Version: version}.String()
	}
	return &release.Evidence{
		Statement: statement, Policy: o.record.Proof.Bundle, Catalogue: o.record.Proof.catalogue(), Revision: release.Number(o.facts.Revision), Worker: worker,
		Intent: release.Number(intent),
		Documents: []string{o.record.Proof.License, of(registry.KindScenario, o.facts.Scenario.Name, o.facts.Scenario.Version),
			of(registry.KindZone, o.facts.Zone.Name, o.facts.Zone.Version)},
		Rules: append(rulesOf(obligations), o.record.Rules...),
	}, nil
}

// statementDigest names the statement with its parameters to the gate alone: who knows
// the catalogue could try statements against a digest without a key.
func (o *output) statementDigest() (string, error) {
	secret, err := o.engine.keys.Derive(keys.Purpose{Use: useStatement, Zone: o.facts.Zone.Name})
	if err != nil {
		return "", err
	}
	text, err := json.Marshal([]any{o.request.SQL, o.request.Template, o.filled.version, o.request.Parameters})
	if err != nil {
		return "", fmt.Errorf("query: encode statement: %w", err)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// rulesOf are the rules of the release that a decision set, with their figures.
func rulesOf(o policy.Obligations) []release.Rule {
	out := []release.Rule{}
	add := func(rule, figure string, n int) {
		if n > 0 {
			out = append(out, release.Rule{Rule: rule, Figures: map[string]string{figure: strconv.Itoa(n)}})
		}
	}
	add("min_group", "k", o.MinGroup)
	add("row_cap", "rows", o.RowCap)
	add("record_cap", "rows", o.RecordCap)
	add("release_review", "people", reviewersOf(o))
	return out
}

// uses are the words of the license and of the catalogue on what may be done with the
// data.
func (o *output) uses() []release.Use {
	var out []release.Use
	var content string
	if err := json.Unmarshal(o.facts.License.Spec.Sections["content"], &content); err == nil {
		ref := registry.Ref{Kind: registry.KindLicense, Name: o.facts.License.Name, Version: o.facts.License.Version}
		out = append(out, release.Use{Of: ref.String(), Text: content})
	}
	for _, s := range o.record.Sources {
		i := slices.IndexFunc(o.facts.Datasets, func(d registry.DatasetFacts) bool { return d.Name == s.Dataset })
		if i < 0 {
			continue
		}
		d := o.facts.Datasets[i]
		use := release.Use{Of: registry.Ref{Kind: registry.KindDataset, Name: d.Name, Version: d.Versioned.Version}.String(), Text: d.Spec.UseRequirements}
		if !slices.Contains(out, use) {
			out = append(out, use)
		}
	}
	return out
}

// signature is what results of the zone are signed with: SM2 where its data are
// encrypted by the national suite.
func (o *output) signature() string {
	if zone.Suite(o.facts.Zone.Spec.StorageAlgorithm) == zone.SM4GCM {
		return release.SM2
	}
	return release.Ed25519
}

// releaseID, intentID and destroyedID name the release of a run, and the audit entries by
// which it was released and begun, and its hold destroyed.
func releaseID(run string) string   { return "rel" + run[len("run"):] }
func intentID(run string) string    { return "int" + run[len("run"):] }
func destroyedID(run string) string { return "hol" + run[len("run"):] }
