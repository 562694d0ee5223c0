package quality_test

import (
	"strings"
	"testing"
	"time"

	"zonebox/quality"
)

// hostile is what a provider may call a rule.
const hostile = `<script>alert(1)</script>"><img src=x onerror=y>`

func pageOf(t *testing.T, lang string) string {
	t.Helper()
	plan := compile(t, columns("string"), nil, head+`
  properties:
  - name: s
    quality:
    - {id: '`+hostile+`', description: '`+hostile+`', metric: nullValues, mustBe: 0}
`)
	s := &store{own: batches(t, []string{"string"}, [][]any{{nil}, {"a"}})}
	r := s.check(t, plan, quality.Options{Now: today})
	var points []quality.Point
	for i := range 5 {
		points = append(points, quality.Point{At: today.Add(time.Duration(i) * 24 * time.Hour), Version: hostile, Score: float64(60 + 10*i), Grade: "B"})
	}
	var b strings.Builder
	if err := quality.HTML(&b, r, points, lang); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestThePageEscapesWhatProvidersWrote(t *testing.T) {
	page := pageOf(t, "zh")
	for _, raw := range []string{"<script", "<img", "onerror=y>"} {
		if strings.Contains(page, raw) {
			t.Errorf("the page holds %s", raw)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;") {
		t.Error("control: the rule is not on the page")
	}
}

// The page needs nothing else: it names no address, and forbids to load anything.
func TestThePageStandsAlone(t *testing.T) {
	for lang, want := range map[string][]string{
		"zh": {"数据质量报告", "规范性", "完整性", "准确性", "一致性", "时效性", "可访问性", "未评", "等级", `lang="zh-CN"`},
		"en": {"Data quality report", "conformity", "accessibility", "not assessed", `lang="en"`},
	} {
		page := pageOf(t, lang)
		for _, w := range append(want, "default-src 'none'", "<polygon", "<polyline") {
			if !strings.Contains(page, w) {
				t.Errorf("%s: the page has no %s", lang, w)
			}
		}
		for _, w := range []string{"http://", "https://", "//", "url(", "@import", "src=\"", "<link", "<no value>", "%!", "NaN"} {
			if strings.Contains(page, w) {
				t.Errorf("%s: the page holds %s", lang, w)
			}
		}
	}
}
