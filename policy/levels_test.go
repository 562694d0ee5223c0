package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"zonebox/policy"
)

// The least group is never below the pack's, nor below that of a level that is read,
// nor less for a level than for one below it, whatever the pack says of each.
func TestTheLeastGroupIsNeverBelowThatOfALevelRead(t *testing.T) {
	const seed = 38
	draw := rand.New(rand.NewPCG(seed, 1))
	for range 12 {
		all := packs(t)
		var doc map[string]any
		if err := json.Unmarshal(all["nanjing-2024.json"].Data, &doc); err != nil {
			t.Fatal(err)
		}
		least := 2 + draw.IntN(30)
		doc["min_group"] = least
		want := map[int]int{} // by highest level read
		for level := 1; level <= 4; level++ {
			control := doc["level_controls"].(map[string]any)[fmt.Sprint(level)].(map[string]any)
			delete(control, "min_group")
			want[level] = max(least, want[level-1])
			if draw.IntN(3) > 0 {
				k := 2 + draw.IntN(60)
				control["min_group"] = k
				want[level] = max(want[level], k)
			}
		}
		raw, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		all["nanjing-2024.json"].Data = raw
		e := newEvaluator(t, policy.Config{Packs: all})
		for range 6 {
			in := facts(t)
			highest := 0
			for name, c := range in.Columns {
				c.Level = 1 + draw.IntN(4)
				if name != "persons.name" && name != "visits.cost" { // nobody reads those two
					highest = max(highest, c.Level)
				}
				in.Columns[name] = c
			}
			d := decide(t, e, in)
			if d.Verdict == policy.Deny { // a district of level 3 may not be given as it is
				continue
			}
			if d.Obligations.MinGroup != want[highest] {
				t.Errorf("seed %d: pack %d, levels %v: least group of level %d = %d, want %d", seed, least, want, highest, d.Obligations.MinGroup, want[highest])
			}
		}
	}
}
