package worker

import (
	"fmt"
	"strings"
	"testing"
)

// columnsOf are columns of the table rows, by type as the list of functions
// writes it; what no row can tell is a constant.
var columnsOf = map[string]string{
	"TINYINT": "n::TINYINT", "SMALLINT": "n::SMALLINT", "INTEGER": "i", "BIGINT": "b", "HUGEINT": "b::HUGEINT", "UTINYINT": "(n + 60)::UTINYINT",
	"USMALLINT": "(n + 60)::USMALLINT", "UINTEGER": "i::UINTEGER", "UBIGINT": "i::UBIGINT", "UHUGEINT": "i::UHUGEINT", "BIGNUM": "b::BIGNUM",
	"DECIMAL": "(n * 0.1)::DECIMAL(9,2)", "FLOAT": "f::FLOAT", "DOUBLE": "f", "BOOLEAN": "n > 0", "VARCHAR": "s", "BLOB": "s::BLOB", "BIT": "i::BIT",
	"DATE": "DATE '2020-01-01' + i", "TIME": "TIME '00:00:00' + to_seconds(i)", "TIMESTAMP": "TIMESTAMP '2020-01-01' + to_hours(i)", "TIMESTAMP WITH TIME ZONE": "to_timestamp(i)",
	"TIME WITH TIME ZONE": "(TIME '00:00:00' + to_seconds(i))::TIMETZ", "INTERVAL": "to_hours(n)", "ANY": "s", "T": "i", "ANY[]": "[n]", "DOUBLE[]": "[0.25, 0.5]", "VARCHAR[]": "[s]",
}

// An aggregate that carries no mark for it depends neither on the order of its
// rows nor on how threads divide them.
func TestAggregatesDependOnOrderOnlyWhereMarked(t *testing.T) {
	var engines [2]*engine
	for i, order := range []string{"", "ORDER BY r DESC"} {
		engines[i] = open(t, 1+i)
		sql := `CREATE TABLE rows AS SELECT r, (r % 101 - 50)::INTEGER AS n, (r * 7919 % 30011)::INTEGER AS i, r * 104729 % 1299709 - 600000 AS b,
			(r * 31 % 1009 - 500) / 7.0::DOUBLE AS f, 'v' || (r * 17 % 997) AS s FROM (SELECT unnest(range(140000)) AS r) ` + order
		if err := engines[i].run(sql); err != nil {
			t.Fatal(err)
		}
	}
	listed := overloads(t)
	tried, marked := 0, map[string]bool{}
	for key, mark := range judged(t) {
		if key[0] != "aggregate" && !strings.Contains(mark, "aggregate") || strings.Contains(mark, "window") {
			continue
		}
		answered := 0
		for _, args := range overRows(key, listed[key]) {
			sql := fmt.Sprintf("SELECT (%s(%s))::VARCHAR FROM rows", quote(key[1]), args)
			a, errA := first(engines[0], sql)
			b, errB := first(engines[1], sql)
			if errA == nil {
				answered++
			}
			tried++
			switch free := strings.Contains(mark, "ordered") || strings.Contains(mark, "rounds"); {
			case a == b && (errA == nil) == (errB == nil):
			case free:
				marked[key[1]] = true
			default:
				t.Errorf("%s\n%.200s (%v)\n%.200s (%v)", sql, a, errA, b, errB)
			}
		}
		if answered == 0 {
			t.Errorf("no call of %s answers: write one", key[1])
		}
	}
	if len(marked) < 30 {
		t.Errorf("%d marked functions differ: the rows tell nothing", len(marked))
	}
	t.Logf("%d calls; %d marked functions differ", tried, len(marked))
}

// overRows returns arguments for a few overloads of an aggregate.
func overRows(key [2]string, overloads [][]string) []string {
	switch key[1] {
	case "quantile", "quantile_cont", "quantile_disc", "approx_quantile":
		return []string{"i, 0.5", "f, 0.25", "b, [0.25, 0.75]"}
	case "string_agg", "group_concat", "listagg":
		return []string{"s, ','"}
	case "histogram", "histogram_exact":
		return []string{"n, [-10, 0, 10]", "s, ['v1', 'v2']"}
	case "bitstring_agg":
		return []string{"i, 0, 40000"}
	case "approx_top_k":
		return []string{"n, 3"}
	case "json_group_object":
		return []string{"s, n"}
	case "wavg", "weighted_avg":
		return []string{"f, n + 60"}
	case "geomean", "geometric_mean":
		return []string{"abs(f) + 1"}
	}
	var out []string
	seen := map[string]bool{}
	for _, o := range overloads {
		var args []string
		for _, typ := range o {
			c := columnsOf[strings.TrimSpace(typ)]
			if key[0] == "macro" {
				c = "i"
			}
			if c == "" {
				args = nil
				break
			}
			args = append(args, c)
		}
		if list := strings.Join(args, ", "); !seen[list] && len(seen) < 24 && (args != nil || len(o) == 0) {
			seen[list] = true
			out = append(out, list)
		}
	}
	return out
}
