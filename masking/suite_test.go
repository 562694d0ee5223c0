package masking_test

import (
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/masking/maskingtest"
)

func TestEveryKernelKeepsThePromisesOfAll(t *testing.T) {
	for _, s := range maskingtest.Subjects() {
		t.Run(s.Name(), func(t *testing.T) {
			maskingtest.Run(t, s)
		})
	}
}

func TestEveryKindIsInTheSuite(t *testing.T) {
	for _, kind := range masking.Kinds() {
		if !slices.ContainsFunc(maskingtest.Subjects(), func(s maskingtest.Subject) bool { return s.Recipe.Kind == kind }) {
			t.Errorf("no sample of %s: maskingtest does not test it", kind)
		}
	}
}

// FuzzMask looks for a text of which a recipe shows more than it says.
func FuzzMask(f *testing.F) {
	var samples []maskingtest.Sample
	for _, s := range maskingtest.Samples {
		if s.Shows != nil {
			samples = append(samples, s)
		}
	}
	for _, v := range maskingtest.Texts {
		for i := range samples {
			f.Add(v, uint(i))
		}
	}
	f.Fuzz(func(t *testing.T, v string, i uint) {
		s := samples[i%uint(len(samples))]
		arr := stringArray(memory.DefaultAllocator, []*string{&v})
		if got := apply(t, memory.DefaultAllocator, "string", s.Recipe, arr)[0]; !s.Allows(v, got) {
			t.Errorf("%s of %q = %q", s.Recipe, v, got)
		}
	})
}
