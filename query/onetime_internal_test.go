package query

import (
	"testing"
	"time"

	"zonebox/registry"
)

// TestOneTimeCodesAreThoseOfTheStandard: RFC 6238, appendix B, SHA-1, the last six of its
// eight digits; each counts in its half minute and the next to it, and until it is spent.
func TestOneTimeCodesAreThoseOfTheStandard(t *testing.T) {
	o := registry.OneTime{Secret: []byte("12345678901234567890")}
	for _, v := range []struct {
		at   int64
		code string
	}{{59, "287082"}, {1111111109, "081804"}, {1111111111, "050471"}, {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}} {
		step := v.at / 30
		for _, c := range []struct {
			name  string
			at    int64
			spent int64
			want  int64
		}{
			{"now", v.at, 0, step}, {"a half minute late", v.at + 30, 0, step}, {"a half minute early", v.at - 30, 0, step},
			{"a minute late", v.at + 60, 0, 0}, {"spent", v.at, step, 0}, {"a later one is spent", v.at, step + 1, 0}, {"the one before is spent", v.at, step - 1, step},
		} {
			o.Spent = c.spent
			if got, err := stepOf(o, v.code, time.Unix(c.at, 0)); err != nil || got != c.want {
				t.Errorf("%s of %d, %s: step %d, %v; want %d", v.code, v.at, c.name, got, err, c.want)
			}
		}
		o.Spent = 0
		for _, other := range []string{"", "0", v.code[:5], v.code + "0", " " + v.code, v.code[1:] + "x", "000000"} {
			if got, err := stepOf(o, other, time.Unix(v.at, 0)); err != nil || got != 0 {
				t.Errorf("%q at %d: step %d, %v; want none", other, v.at, got, err)
			}
		}
	}
}
