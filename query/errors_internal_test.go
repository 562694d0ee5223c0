package query

import (
	"regexp"
	"slices"
	"testing"

	"zonebox/registry"
)

var article = regexp.MustCompile(`^(NJ24|NJ19|JM19|SY20|YC22)-[0-9]{2}$`)

// NJ24-01: whatever the gate says has an article, both texts and the next step.
func TestEveryCodeHasItsArticleBothTextsAndTheNextStep(t *testing.T) {
	for name, c := range codes {
		if len(c.articles) == 0 || slices.ContainsFunc(c.articles, func(a string) bool { return !article.MatchString(a) }) {
			t.Errorf("%s cites %q", name, c.articles)
		}
		if c.zh == "" || c.en == "" || c.hintZH == "" || c.hintEN == "" {
			t.Errorf("%s lacks a text or a next step: %+v", name, c)
		}
	}
}

// A fault of a document that names no article of its own has that of documents.
func TestAFaultOfADocumentHasAnArticle(t *testing.T) {
	err := asError(documentError(&registry.Refusal{Faults: []registry.Fault{{Code: registry.CodeSchema}, {Code: registry.CodeScope, Article: "NJ24-14"}}}))
	if got := [][]string{err.Details[0].Articles, err.Details[1].Articles, err.Articles}; !slices.EqualFunc(got, [][]string{{"NJ24-11"}, {"NJ24-14"}, {"NJ24-11", "NJ24-14"}}, slices.Equal) {
		t.Errorf("articles of two faults and of the refusal = %q", got)
	}
}
