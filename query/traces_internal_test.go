package query

import (
	"regexp"
	"testing"
	"time"
)

// A line is OTLP as opentelemetry-proto has it in JSON: times in nanoseconds as strings,
// ids in hexadecimal, a failure with status 2.
func TestATraceIsOTLP(t *testing.T) {
	at := time.Unix(1_700_000_000, 5).UTC()
	r := &run{id: "run-1", began: at, took: took{decide: part{at, 2 * time.Second}, execute: part{at.Add(2 * time.Second), time.Second}}}
	const want = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"zonebox"}}]},"scopeSpans":[{"scope":{"name":"zonebox/query"},"spans":[` +
		`{"traceId":"T","spanId":"S","name":"query","kind":2,"startTimeUnixNano":"1700000000000000005","endTimeUnixNano":"1700000004000000005","attributes":[{"key":"query_id","value":{"stringValue":"run-1"}},{"key":"code","value":{"stringValue":"STOPPED"}}],"status":{"code":2}},` +
		`{"traceId":"T","spanId":"S","parentSpanId":"S","name":"decide","kind":1,"startTimeUnixNano":"1700000000000000005","endTimeUnixNano":"1700000002000000005","status":{}},` +
		`{"traceId":"T","spanId":"S","parentSpanId":"S","name":"execute","kind":1,"startTimeUnixNano":"1700000002000000005","endTimeUnixNano":"1700000003000000005","status":{}}]}]}]}`
	got := string(r.spans(at.Add(4*time.Second), fail("STOPPED", nil)))
	got = regexp.MustCompile(`"[0-9a-f]{32}"`).ReplaceAllString(got, `"T"`)
	if got = regexp.MustCompile(`"[0-9a-f]{16}"`).ReplaceAllString(got, `"S"`); got != want {
		t.Errorf("spans = %s\nwant    %s", got, want)
	}
}
