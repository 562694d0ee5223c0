package masking_test

import (
	"errors"
	"testing"

	"zonebox/masking"
)

// A recipe that names a domain takes its keys and no others.
func TestATokenOfADomainIsMadeByItsKey(t *testing.T) {
	r := masking.Recipe{Kind: "token", Domain: "census"}
	keys := masking.Keys{Token: zoneKeys.Token, Domain: "census"}
	if _, err := masking.Compile("string", r, keys); err != nil || r.String() != "token@census" {
		t.Errorf("%s: %v", r, err)
	}
	for _, domain := range []string{"", "medical"} {
		keys.Domain = domain
		if _, err := masking.Compile("string", r, keys); !errors.Is(err, masking.ErrKey) {
			t.Errorf("keys of domain %q: %v, want ErrKey", domain, err)
		}
	}
	if err := (masking.Recipe{Kind: "redact", Domain: "census"}).Validate("string"); !errors.Is(err, masking.ErrRecipe) {
		t.Errorf("a domain of redact: %v", err)
	}
}
