package query_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zonebox/query/querytest"
)

// grantOfPersons returns the city's grant of persons by the right that basis states.
func grantOfPersons(t *testing.T, basis string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("querytest", "city", "grants.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	grant, _, _ := strings.Cut(string(text), "---\n")
	var out strings.Builder
	for line := range strings.Lines(grant) {
		if strings.HasPrefix(line, "  legal_basis:") {
			line = basis
		}
		out.WriteString(line)
	}
	return out.String()
}

// Personal information is granted by consent or by another legal basis that the grant
// records: neither a grant nor a question under one does without. What holds no
// personal information needs neither.
func TestPersonalInformationIsUsedByConsentOrAnotherBasis(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	const consent, law = "  basis: CONSENT\n", "  legal_basis: [中华人民共和国个人信息保护法第十三条第一款第三项]\n"
	if err := d.TryApply("sun.health", grantOfPersons(t, "")); !slices.Contains(whyRefused(err), "GRANT_NO_BASIS") {
		t.Errorf("a grant without a basis: %s, want GRANT_NO_BASIS", querytest.Text(err))
	}
	underPack(t, d, "nanjing-2019") // which asks for none
	d.Apply("sun.health", grantOfPersons(t, ""))
	if got := ask(t, d, querytest.Scenario, countPersons); got != "200\n" {
		t.Errorf("under a pack that asks for no basis: %q, want 200", got)
	}
	underPack(t, d, "nanjing-2024")
	_, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, countPersons)
	if !slices.Contains(whyRefused(err), "GRANT_NO_BASIS") {
		t.Errorf("a question under a grant without a basis: %s, want GRANT_NO_BASIS", querytest.Text(err))
	}
	if got := ask(t, d, querytest.Scenario, "SELECT count(*) AS n FROM beds"); got == "" || strings.Contains(got, "DENIED") {
		t.Errorf("of what holds no personal information: %q, want an answer", got)
	}
	d.Apply("sun.health", grantOfPersons(t, consent))
	if got := ask(t, d, querytest.Scenario, countPersons); got != "" {
		t.Errorf("by consent, which nobody gave: %q, want no group", got)
	}
	d.Apply("sun.health", grantOfPersons(t, law))
	if got := ask(t, d, querytest.Scenario, countPersons); got != "200\n" {
		t.Errorf("by another basis: %q, want 200", got)
	}
}

// A grant whose mask its level does not allow does not come into force.
func TestAGrantIsMaskedAsItsLevelAllows(t *testing.T) {
	t.Parallel()
	d := querytest.City(t, querytest.Options{})
	ownPack(t, d, 1, func(pack map[string]any) { level(pack, "4")["masks"] = []string{"token", "redact"} })
	grant := grantOfPersons(t, "  legal_basis: [中华人民共和国个人信息保护法]\n")
	if err := d.TryApply("sun.health", grant); !slices.Contains(whyRefused(err), "LEVEL_MASK") { // of the name: partial
		t.Errorf("%s, want LEVEL_MASK", querytest.Text(err))
	}
	d.Apply("sun.health", strings.Replace(grant, "recipe: {kind: partial, keep_first: 1}", "recipe: {kind: redact}", 1))
}
