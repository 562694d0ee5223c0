package query

import (
	"zonebox/keys"
	"zonebox/masking"
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
