package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"zonebox/audit"
)

// Nobody has this number; its check character is right.
const numberOfAPerson = "320102195001010119"

// fault is an error of which only formatting shows what it says.
type fault struct{ text string }

func (f fault) Error() string { return f.text }

// A number of a person is in no record of a log, wherever it was to stand; what else
// records hold is as it was.
func TestALogHoldsNoNumberOfAPerson(t *testing.T) {
	var b bytes.Buffer
	e := &Engine{veil: newVeil()}
	log := e.Veiled(slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
	const hidden = `"(withheld: resident_id)"`
	for _, c := range []struct {
		name string
		log  func()
		want string
	}{
		{"in the message", func() { log.InfoContext(t.Context(), "no such file: "+numberOfAPerson) }, `{"level":"INFO","msg":` + hidden + `}`},
		{"in a text", func() { log.InfoContext(t.Context(), "m", "claimed", numberOfAPerson, "code", "X") }, `{"level":"INFO","msg":"m","claimed":` + hidden + `,"code":"X"}`},
		{"in an error", func() {
			log.ErrorContext(t.Context(), "m", "cause", fmt.Errorf("convert '%s': %w", numberOfAPerson, io.EOF))
		}, `{"level":"ERROR","msg":"m","cause":` + hidden + `}`},
		{"in an error deep down", func() { log.ErrorContext(t.Context(), "m", "cause", errors.Join(io.EOF, fault{"手机13912345678"})) }, `{"level":"ERROR","msg":"m","cause":"(withheld: mobile)"}`},
		{"in a group", func() {
			log.InfoContext(t.Context(), "m", slog.Group("g", slog.Group("h", "a", numberOfAPerson), "b", 1))
		}, `{"level":"INFO","msg":"m","g":{"h":{"a":` + hidden + `},"b":1}}`},
		{"in a list", func() { log.InfoContext(t.Context(), "m", "names", []string{"a", numberOfAPerson}) }, `{"level":"INFO","msg":"m","names":` + hidden + `}`},
		{"in what a log has always", func() {
			log.With("of", numberOfAPerson).WithGroup("g").InfoContext(t.Context(), "m", "a", numberOfAPerson)
		}, `{"level":"INFO","msg":"m","of":` + hidden + `,"g":{"a":` + hidden + `}}`},
		{"numbers, ids and names", func() {
			log.InfoContext(t.Context(), "answered", "query_id", "run-06h0bqlvjo1silr5bg9oc4h5ek", "rows", 13912345678, "elapsed", time.Duration(13912345678),
				"bundle_hash", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", "cause", io.EOF)
		}, `{"level":"INFO","msg":"answered","query_id":"run-06h0bqlvjo1silr5bg9oc4h5ek","rows":13912345678,"elapsed":13912345678,"bundle_hash":"5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03","cause":"EOF"}`},
	} {
		b.Reset()
		c.log()
		if got := strings.TrimSpace(b.String()); got != c.want {
			t.Errorf("%s: logged\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	if want := map[withheld]int{{where: inLog, class: "resident_id"}: 7, {where: inLog, class: "mobile"}: 1}; !reflect.DeepEqual(e.veil.held, want) {
		t.Errorf("counted are %v, want %v", e.veil.held, want)
	}
}

// A refusal keeps its code, its class and its place; of its texts those that hold a
// number of a person are withheld.
func TestARefusalHoldsNoNumberOfAPerson(t *testing.T) {
	e := &Engine{veil: newVeil()}
	why := fail("NOT_FOUND", io.EOF).because("场景 "+numberOfAPerson, "scenario "+numberOfAPerson).of("run-x")
	why.Span = &Span{1, 2}
	why.Details = []Detail{{Code: "UNKNOWN_NAME", ZH: "未知名称:" + numberOfAPerson, EN: "unknown name: x", HintZH: "甲", HintEN: "b", Path: []string{"a", numberOfAPerson}}}
	before := fmt.Sprint(*why, why.Details)
	got := e.Told(fmt.Errorf("query: %w", why))
	want := Error{Code: "NOT_FOUND", Class: why.Class, ZH: "(withheld: resident_id)", EN: "(withheld: resident_id)", HintZH: why.HintZH, HintEN: why.HintEN, Articles: why.Articles,
		Span: &Span{1, 2}, Run: "run-x", Details: []Detail{{Code: "UNKNOWN_NAME", ZH: "(withheld: resident_id)", EN: "unknown name: x", HintZH: "甲", HintEN: "b", Path: []string{"a", "(withheld: resident_id)"}}}, cause: io.EOF}
	if !reflect.DeepEqual(*got, want) {
		t.Errorf("told is %+v\nwant %+v", *got, want)
	}
	if fmt.Sprint(*why, why.Details) != before {
		t.Error("the error itself was changed")
	}
	plain := fail("NOT_FOUND", io.EOF).because("场景 甲", "scenario a")
	if got := e.Told(plain); got != plain {
		t.Errorf("another is told as %+v", got)
	}
}

// An entry of the audit log names who and what the gate knows by its own names; what
// others wrote into it is withheld if it holds a number of a person.
func TestAnEntryHoldsNoNumberOfAPerson(t *testing.T) {
	e := &Engine{veil: newVeil()}
	fields := map[string]string{"reasons": "NOT_FOUND", "scope": "场景 " + numberOfAPerson, "rows": "12"}
	got := e.veil.entry(audit.Entry{Actor: "li.op", Kind: "query.denied", Scenario: numberOfAPerson, Zone: "medical", Run: "run-x", Fields: fields})
	want := audit.Entry{Actor: "li.op", Kind: "query.denied", Scenario: "(withheld: resident_id)", Zone: "medical", Run: "run-x",
		Fields: map[string]string{"reasons": "NOT_FOUND", "scope": "(withheld: resident_id)", "rows": "12"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("appended is %+v\nwant %+v", got, want)
	}
	if fields["scope"] != "场景 "+numberOfAPerson {
		t.Error("the event itself was changed")
	}
}

// What ends a run holds no raw value of the protected columns that it read: neither
// what is told nor the cause, which is logged. What the question holds, what others
// hold, short words and codes that everybody knows are passed over.
func TestWhatEndsARunHoldsNoRawValueOfItsRows(t *testing.T) {
	for _, c := range []struct {
		cause  string
		change func(*scanned)
		hidden bool
	}{
		{cause: "convert 'card 622202000000003' to INT32", hidden: true},
		{cause: "convert '622202000000003' to INT32", hidden: true},
		{cause: `convert "6222-0200-0000-003"`, hidden: true},
		{cause: "cannot convert 第三人民医院: not a number", hidden: true},
		{cause: "无法转换:“张三丰”", hidden: true},
		{cause: "value=13800000002,", hidden: true},
		{cause: "value=13800000002,", change: func(s *scanned) { s.request.SQL = "SELECT 1 WHERE phone = '138-0000-0002'" }},
		{cause: "value=13800000002,", change: func(s *scanned) { s.request.Parameters = map[string]string{"p": "13800000002"} }},
		{cause: "value=13800000002,", change: func(s *scanned) { s.Scans[0].Columns = []string{"name"} }},
		{cause: "value=13911110001, of a column below the level"},
		{cause: "A15.000000 is a code"},
		{cause: "sandbox: read result: statement failed: conversion at 17"},
		{cause: "否否否否否否 不 与 值 相 同 的 1380000000"},
	} {
		s := scan(t, nil, c.change)
		s.engine.veil = newVeil()
		s.request.Subject.user = "li.op"
		s.run.ctx = context.WithValue(t.Context(), runKey{}, s.run)
		if c.change == nil {
			s.Scans[0].Columns = []string{"district", "name", "phone", "card", "employer", "code", "remark"}
		}
		if err := s.touch(); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		log := s.engine.Veiled(slog.New(slog.NewTextHandler(&b, nil)))
		log.ErrorContext(s.run.ctx, "run failed", "cause", errors.New(c.cause))
		err := s.engine.ended(s.run, fail("STATEMENT_FAILED", errors.New(c.cause)).because(c.cause, c.cause))
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != "STATEMENT_FAILED" {
			t.Fatalf("told is %v", err)
		}
		all := b.String() + e.ZH + e.EN + errors.Unwrap(e).Error()
		if got := strings.Count(all, "(withheld: raw_value)") == 3 && errors.Is(e, errWithheld) && !strings.Contains(all, c.cause); got != c.hidden {
			t.Errorf("%s\nis told as %s", c.cause, all)
		}
		want := map[withheld]int{}
		if c.hidden {
			want = map[withheld]int{{inLog, rawValue, "li.op", "medical"}: 1, {inRefusal, rawValue, "li.op", "medical"}: 1}
		}
		if !reflect.DeepEqual(s.engine.veil.held, want) {
			t.Errorf("%s\ncounts as %v, want %v", c.cause, s.engine.veil.held, want)
		}
	}
}

func BenchmarkVeil(b *testing.B) {
	e := &Engine{veil: newVeil()}
	for name, log := range map[string]*slog.Logger{"bare": slog.New(slog.NewJSONHandler(io.Discard, nil)), "veiled": e.Veiled(slog.New(slog.NewJSONHandler(io.Discard, nil)))} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				log.InfoContext(b.Context(), "answered", "query_id", "run-06h0bqlvjo1silr5bg9oc4h5ek", "zone", "medical", "scenario", "outpatient-statistics", "user_id", "li.op",
					"decision_id", "dec-06h0bqlvjo1silr5bg9oc4h5ek", "bundle_hash", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03", "rows", 12, "bytes", 4096,
					"elapsed", time.Millisecond, "decide", time.Millisecond, "attach", time.Millisecond, "execute", time.Millisecond, "check", time.Millisecond, "release", time.Millisecond)
			}
		})
	}
}
