package query

import (
	"zonebox/keys"
	"zonebox/masking"
	"zonebox/query/analysis"
	"zonebox/registry"
)

// tokenKeys are what the tokens of a zone are made with. A zone whose tokens are
// made by the SM suite has their key derived in that suite too: one that was
// founded before the keys had a secret for it has none until they are rotated.
func (e *Engine) tokenKeys(z registry.Versioned[registry.Zone]) (masking.Keys, error) {
	k := masking.Keys{Algorithm: masking.Algorithm(z.Spec.TokenAlgorithm)}
	purpose := keys.Purpose{Use: keys.UseToken, Zone: z.Name}
	if k.Algorithm.National() {
		purpose.KDF = keys.KDFSM3
	}
	var err error
	k.Token, err = e.keys.Derive(purpose)
	return k, err
}

// keysFor reports whether there are keys for the tokens of every zone that the tables
// of a statement are of. They stay those of the zone that a table lies in: what another
// zone supplies has other tokens than the zone's own.
func (r *run) keysFor(s *analysis.Statement) bool {
	_, err := r.engine.tokenKeys(r.facts.Zone)
	for _, scan := range s.Scans {
		if owner, ok := r.facts.Owner(r.catalog.datasets[scan.Table]); ok && err == nil {
			_, err = r.engine.tokenKeys(owner)
		}
	}
	return err == nil
}

// releaseKeys are what the tokens of a run leave under.
func (r *run) releaseKeys() (masking.Keys, error) {
	key, err := r.engine.keys.ReleaseKey(r.facts.License.Name, r.id)
	return masking.Keys{Token: key, Algorithm: masking.Algorithm(r.facts.Zone.Spec.TokenAlgorithm)}, err
}

// tokenRecipe says in what form the tokens of an output leave: that of the column
// they come from. Where they come from columns of different forms, as in a union,
// they leave in the form that tokens have inside, which is the strongest.
func (c *catalog) tokenRecipe(o analysis.Output) masking.Recipe {
	var found masking.Recipe
	for _, ref := range o.Lineage {
		r := c.recipe(ref)
		if r == nil || r.Kind != "token" || found.Kind != "" && found.String() != r.String() {
			return masking.Recipe{Kind: "token"}
		}
		found = *r
	}
	if found.Kind == "" {
		return masking.Recipe{Kind: "token"}
	}
	return found
}

// recipe returns the recipe that a column is granted with, nil if there is none.
func (c *catalog) recipe(ref analysis.Ref) *masking.Recipe {
	g, _ := granted(c.grants[ref.Table].Spec, ref.Column)
	return recipeOf(g.Recipe)
}

// bridgeKeys are the keys of the zones that a grant bridges to, by name.
func (e *Engine) bridgeKeys(g registry.GrantFacts) (map[string]masking.Keys, error) {
	out := map[string]masking.Keys{}
	for _, z := range g.Bridges {
		k, err := e.tokenKeys(z)
		if err != nil {
			return nil, err
		}
		out[z.Name] = k
	}
	return out, nil
}
