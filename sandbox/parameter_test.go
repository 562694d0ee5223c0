package sandbox_test

import (
	"errors"
	"strings"
	"testing"

	"zonebox/sandbox"
)

// The approved tree has the parameters in it and is one for all values; values
// come beside it, and what they look like is of no account.
func TestAStatementRunsWithTheValuesOfItsParameters(t *testing.T) {
	p := pool(t, sandbox.Config{})
	const sql = `SELECT name, visits FROM people WHERE name = CAST($name AS VARCHAR) AND visits < CAST($below AS BIGINT) ORDER BY visits LIMIT CAST($most AS BIGINT)`
	h := hash(t, p, sql)
	segs := seal(t, peopleBatch(0, 10))
	values := func(name, below, most string) []sandbox.Parameter {
		return []sandbox.Parameter{{Name: "name", Type: "VARCHAR", Text: name}, {Name: "below", Type: "BIGINT", Text: below}, {Name: "most", Type: "BIGINT", Text: most}}
	}
	for _, c := range []struct {
		values []sandbox.Parameter
		want   string
		code   string
	}{
		{values("李", "5", "9"), "李 2,李 4", ""},
		{values("李", "5", "1"), "李 2", ""},
		{values("李' OR '1'='1", "5", "9"), "", ""},
		{values("", "9223372036854775807", "9"), "", ""},
		{values("李", "5", "1 -- 9"), "", "parameter"},
		{values("李", "NaN", "9"), "", "parameter"},
		{values("李", "5", "9")[:2], "", "parameter"},
		{nil, "", "parameter"},
	} {
		binds := start(t, sandbox.Config{})
		if err := binds.SetParameters(c.values); err != nil {
			t.Fatal(err)
		}
		columns, err := binds.Bind(t.Context(), []sandbox.Table{people}, sql)
		check(t, c.code, err)
		if err == nil && (len(columns) != 2 || columns[1].Type != "BIGINT") {
			t.Errorf("Bind() = %v", columns)
		}
		s := start(t, sandbox.Config{})
		attach(t, s, people, segs...)
		if err := s.SetParameters(c.values); err != nil {
			t.Fatal(err)
		}
		got, err := rows(s.Execute(t.Context(), sql, h, sandbox.Limits{Schema: columns}))
		check(t, c.code, err)
		var lines []string
		for _, row := range got {
			lines = append(lines, strings.Join(row, " "))
		}
		if text := strings.Join(lines, ","); text != c.want {
			t.Errorf("%v gives %q, want %q", c.values, text, c.want)
		}
	}
	// Values of one statement are not those of the next.
	s := start(t, sandbox.Config{})
	for _, values := range [][]sandbox.Parameter{values("李", "5", "9"), nil, values("李", "5", "9")} {
		if err := s.SetParameters(values); err != nil {
			t.Fatal(err)
		}
		_, err := s.Bind(t.Context(), []sandbox.Table{people}, sql)
		if (err == nil) != (values != nil) {
			t.Errorf("Bind() with %v = %v", values, err)
		}
	}
}

func check(t *testing.T, code string, err error) {
	t.Helper()
	var s *sandbox.StatementError
	if code == "" && err != nil || code != "" && (!errors.As(err, &s) || s.Code != code) {
		t.Errorf("%v, want the fault %q", err, code)
	}
}

func TestTheGateGivesNoValueThatCannotBeOne(t *testing.T) {
	one := sandbox.Parameter{Name: "a", Type: "VARCHAR", Text: "x"}
	with := func(f func(*sandbox.Parameter)) []sandbox.Parameter {
		p := one
		f(&p)
		return []sandbox.Parameter{p}
	}
	s := start(t, sandbox.Config{})
	for what, values := range map[string][]sandbox.Parameter{
		"a zero byte":    with(func(p *sandbox.Parameter) { p.Text = "a\x00b" }),
		"no UTF-8":       with(func(p *sandbox.Parameter) { p.Text = "\xff" }),
		"too long":       with(func(p *sandbox.Parameter) { p.Text = strings.Repeat("x", 5000) }),
		"a name twice":   {one, one},
		"no name":        with(func(p *sandbox.Parameter) { p.Name = "" }),
		"a quoted name":  with(func(p *sandbox.Parameter) { p.Name = `a" + "b` }),
		"a capital name": with(func(p *sandbox.Parameter) { p.Name = `A` }),
		"another type":   with(func(p *sandbox.Parameter) { p.Type = "VARCHAR[]" }),
		"too many":       make([]sandbox.Parameter, 65),
	} {
		err := s.SetParameters(values)
		if err == nil {
			t.Errorf("%s is accepted", what)
		} else if strings.Contains(err.Error(), values[0].Text) && values[0].Text != "x" && values[0].Text != "" {
			t.Errorf("%s: the error holds the value: %v", what, err)
		}
	}
	if err := s.SetParameters([]sandbox.Parameter{one}); err != nil {
		t.Errorf("its neighbor = %v", err)
	}
}
