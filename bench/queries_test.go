package bench_test

import (
	"testing"

	"zonebox/bench"
)

func TestListHasTwentyTwoStatements(t *testing.T) {
	classes, names := map[string]int{}, map[string]bool{}
	for _, q := range bench.Queries() {
		if q.SQL == "" || q.Stress == "" || names[q.Name] {
			t.Errorf("statement %q is empty, has no reason or is named twice", q.Name)
		}
		names[q.Name] = true
		classes[q.Class]++
	}
	if classes["full"] != 18 || classes["selective"] != 2 || classes["topn"] != 2 || len(classes) != 3 {
		t.Errorf("classes = %v, want 18 full, 2 selective, 2 topn", classes)
	}
}
