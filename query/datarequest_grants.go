package query

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"zonebox/registry"
)

// draftGrants returns the grants that a request asks for, as the regulator's person s
// would sign them: of each dataset one of its own, or the one it names with what is
// asked for besides.
func (e *Engine) draftGrants(ctx context.Context, s Subject, r *dataRequest) ([]registry.Document, error) {
	var out []registry.Document
	for i, asked := range r.spec.Datasets {
		data, err := find[registry.Dataset](ctx, lookup{e, nil}, registry.KindDataset, asked.Dataset)
		if err != nil {
			return nil, err
		}
		g := registry.Grant{Scenario: r.spec.Scenario, Dataset: asked.Dataset, Basis: asked.Basis, LegalBasis: asked.LegalBasis, Columns: asked.Columns, From: r.spec.From, Until: r.spec.Until}
		name := r.document.Name
		if len(r.spec.Datasets) > 1 {
			name = fmt.Sprintf("%s-%d", name, i+1)
		}
		if asked.Grant != "" {
			name = asked.Grant
			old, err := find[registry.Grant](ctx, lookup{e, nil}, registry.KindGrant, name)
			if err != nil {
				return nil, err
			}
			g = widened(old, g)
		}
		g.ZReg = registry.Consent{By: s.user, Org: s.organization}
		g.Prov = registry.Consent{Org: data.Provider}
		spec, err := json.Marshal(g)
		if err != nil {
			return nil, err
		}
		out = append(out, registry.Document{Kind: registry.KindGrant, Name: name, Spec: spec})
	}
	return out, nil
}

// widened returns a grant with the columns and days that are asked for besides.
func widened(old, asked registry.Grant) registry.Grant {
	old.Columns = slices.Clone(old.Columns)
	for _, c := range asked.Columns {
		i := slices.IndexFunc(old.Columns, func(o registry.GrantColumn) bool { return o.Name == c.Name })
		if i < 0 {
			old.Columns = append(old.Columns, c)
		} else {
			old.Columns[i] = c
		}
	}
	old.From, old.Until = min(old.From, asked.From), max(old.Until, asked.Until)
	return old
}

// grantsDigest digests what an assessment binds: the text of every grant.
func grantsDigest(docs []registry.Document) string {
	h := sha256.New()
	for _, d := range docs {
		sum := sha256.Sum256(d.Payload())
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// countersigned returns the grants with the signature of s under each that is to have
// it, taken from what s gives, which must be those very texts.
func (s Subject) countersigned(grants, given []registry.Document, mine func(registry.Grant) bool) ([]registry.Document, error) {
	out := slices.Clone(grants)
	for i, doc := range out {
		g, err := registry.SpecOf[registry.Grant](doc)
		if err != nil {
			return nil, err
		}
		if !mine(g) {
			continue
		}
		at := slices.IndexFunc(given, func(d registry.Document) bool { return d.Kind == doc.Kind && d.Name == doc.Name })
		if at < 0 || !bytes.Equal(given[at].Payload(), doc.Payload()) {
			return nil, fail("REQUEST_MOVED", nil)
		}
		sig := slices.IndexFunc(given[at].Signatures, func(x registry.Signature) bool { return x.By == s.user })
		if sig < 0 {
			return nil, denied([]Detail{{Code: registry.CodeSignature, Articles: []string{"NJ24-15"},
				ZH: "缺少 " + s.user + " 对授权的签名", EN: "the signature of " + s.user + " under the grant is missing",
				HintZH: "用 zonebox request move 操作会自动签名", HintEN: "zonebox request move signs by itself"}})
		}
		out[i].Signatures = append(slices.DeleteFunc(slices.Clone(doc.Signatures), func(x registry.Signature) bool { return x.By == s.user }),
			given[at].Signatures[sig])
	}
	return out, nil
}

// grantFaults returns what speaks against a grant now, in the name of its signer;
// where pending says so, the provider's signature may still be missing.
func (e *Engine) grantFaults(ctx context.Context, by string, doc registry.Document, pending bool) error {
	faults, err := e.registry.Check(ctx, by, doc)
	if err != nil {
		return err
	}
	faults = slices.DeleteFunc(faults, func(f registry.Fault) bool {
		return pending && f.Code == registry.CodeSignature && f.Path == "/spec/prov/by"
	})
	if len(faults) > 0 {
		return documentError(&registry.Refusal{Faults: faults})
	}
	return e.mayGrant(ctx, by, doc, nil)
}

// revokedGrants returns the grants of a request that are in force and that s may
// revoke, revoked.
func (e *Engine) revokedGrants(ctx context.Context, s Subject, r *dataRequest, reason string) ([]registry.Document, error) {
	var out []registry.Document
	for _, bound := range r.bound() {
		doc, _, err := e.registry.Get(ctx, registry.KindGrant, bound.Name)
		if errors.Is(err, registry.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		g, err := registry.SpecOf[registry.Grant](doc)
		if err != nil {
			return nil, err
		}
		if g.Status == registry.StatusRevoked || s.any(registry.RoleProvider) && g.Prov.Org != s.organization {
			continue
		}
		var spec map[string]any
		if err := json.Unmarshal(doc.Spec, &spec); err != nil {
			return nil, err
		}
		spec["status"], spec["status_reason"] = registry.StatusRevoked, reason
		doc.Signatures = nil
		if doc.Spec, err = json.Marshal(spec); err != nil {
			return nil, err
		}
		out = append(out, doc)
	}
	return out, nil
}
