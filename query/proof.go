package query

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"zonebox/registry"
	"zonebox/sandbox"
)

// proof is what a run ran under, so that it can be shown later (NJ24-23). It is
// stored with the run, encrypted; the entry of its release names it by digest
// and version. A release that waited carries what its run ran under, not what
// is in force by then.
type proof struct {
	Attestation sandbox.Attestation `json:"attestation"` // of the worker that held the rows
	Bundle      string              `json:"bundle"`      // of the policy that allowed the run
	Pack        string              `json:"pack"`
	License     string              `json:"license"`   // kind, name and version
	Documents   []string            `json:"documents"` // kind, name and version of all the run stood on
	Data        []string            `json:"data"`      // name and version of the datasets it read
}

func (c *checked) proof() *proof {
	p := &proof{Attestation: c.session.Attestation(), Bundle: c.decision.BundleHash, Pack: c.pack.ID,
		License: registry.Ref{Kind: registry.KindLicense, Name: c.facts.License.Name, Version: c.facts.License.Version}.String()}
	p.Documents, p.Data = c.standsOn()
	return p
}

// standsOn returns the documents that a statement stands on and the data that it reads,
// each with its version, in order.
func (d *decided) standsOn() (documents, data []string) {
	for _, ref := range d.facts.Documents() {
		documents = append(documents, ref.String())
	}
	for _, scan := range d.Scans {
		data = append(data, scan.Table+" "+d.catalog.datasets[scan.Table].Data.Version)
	}
	slices.Sort(documents)
	slices.Sort(data)
	return slices.Compact(documents), slices.Compact(data)
}

// catalogue returns the digest of every document and data version, one a line.
func (p *proof) catalogue() string {
	sum := sha256.Sum256([]byte(strings.Join(append(slices.Clone(p.Documents), p.Data...), "\n")))
	return hex.EncodeToString(sum[:])
}

// fields returns p as an audit entry shows it.
func (p *proof) fields() (map[string]string, error) {
	attested, err := attestationDigest(p.Attestation)
	if err != nil {
		return nil, err
	}
	return map[string]string{"attestation": attested, "worker": p.Attestation.Binary, "bundle": p.Bundle, "pack": p.Pack,
		"license": p.License[strings.LastIndexByte(p.License, ' ')+1:], "catalogue": p.catalogue()}, nil
}

// proven adds p to the fields of an event of r. Names may be so long that an
// entry has no room for all of it; then it holds the digest of attestation and
// proof, the SHA-256 of the other fields in JSON.
func (p *proof) proven(r *run, kind string, fields map[string]string) (registry.Event, error) {
	shown, err := p.fields()
	if err != nil {
		return registry.Event{}, err
	}
	all := maps.Clone(shown)
	maps.Copy(all, fields)
	event := r.event(kind, all)
	if entryOf(registry.Pending{Event: event}).Fits() {
		return event, nil
	}
	attested := shown["attestation"]
	delete(shown, "attestation")
	text, err := json.Marshal(shown)
	if err != nil {
		return registry.Event{}, fmt.Errorf("query: encode proof: %w", err)
	}
	sum := sha256.Sum256(text)
	all = map[string]string{"attestation": attested, "proof": hex.EncodeToString(sum[:])}
	maps.Copy(all, fields)
	return r.event(kind, all), nil
}
