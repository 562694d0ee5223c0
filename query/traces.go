package query

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"sync/atomic"
	"time"

	"zonebox/feed"
)

// traceQueue is how many traces wait for their receiver; the next are dropped and
// counted, for no answer waits for one.
const traceQueue = 256

// tracing hands traces to their receiver. The zero value drops them.
type tracing struct {
	waiting chan feed.Message // nil without a receiver
	quit    context.CancelFunc
	ended   chan struct{}
	dropped atomic.Int64
}

// begin starts the goroutine that hands traces over, until end.
func (t *tracing) begin(to *feed.Receiver) {
	var ctx context.Context
	ctx, t.quit = context.WithCancel(context.Background())
	t.waiting, t.ended = make(chan feed.Message, traceQueue), make(chan struct{})
	go func() {
		defer close(t.ended)
		for {
			select {
			case m := <-t.waiting:
				t.deliver(to, t.batch(m))
			case <-ctx.Done():
				if rest := t.batch(); len(rest) > 0 {
					t.deliver(to, rest)
				}
				return
			}
		}
	}()
}

// batch returns first and all that waits.
func (t *tracing) batch(first ...feed.Message) []feed.Message {
	for {
		select {
		case m := <-t.waiting:
			first = append(first, m)
		default:
			return first
		}
	}
}

func (t *tracing) deliver(to *feed.Receiver, batch []feed.Message) {
	if err := to.Deliver(context.Background(), batch); err != nil {
		t.dropped.Add(int64(len(batch)))
	}
}

// end hands over what waits. There is no more to come.
func (t *tracing) end() {
	if t.quit != nil {
		t.quit()
		<-t.ended
	}
}

// tell tells the receiver of traces what a run took, and how it ended: its id and its
// code. Nothing of its statement goes there, not as a digest either, which whoever
// guesses the literals could compare.
func (e *Engine) tell(r *run, err error) {
	if e.tracing.waiting == nil {
		return
	}
	end := e.cfg.Now()
	select {
	case e.tracing.waiting <- feed.Message{Kind: "trace", At: end, Severity: feed.Notice, Line: r.spans(end, err)}:
	default:
		e.tracing.dropped.Add(1)
	}
}

// A span of OTLP as its JSON encoding has it (opentelemetry-proto 1.0, trace.proto):
// ids in hexadecimal, times in nanoseconds as decimal strings.
type (
	otlpSpan struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		Parent     string          `json:"parentSpanId,omitempty"`
		Name       string          `json:"name"`
		Kind       int             `json:"kind"`
		Start      string          `json:"startTimeUnixNano"`
		End        string          `json:"endTimeUnixNano"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
		Status     otlpStatus      `json:"status"`
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	otlpValue struct {
		String string `json:"stringValue"`
	}
	otlpStatus struct {
		Code int `json:"code,omitempty"`
	}
	otlpScope struct {
		Scope otlpName   `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpName struct {
		Name string `json:"name"`
	}
	otlpResource struct {
		Resource struct {
			Attributes []otlpAttribute `json:"attributes"`
		} `json:"resource"`
		Scopes []otlpScope `json:"scopeSpans"`
	}
	otlpTraces struct {
		Resources []otlpResource `json:"resourceSpans"`
	}
)

// Values of SpanKind and StatusCode of trace.proto.
const (
	otlpInternal = 1
	otlpServer   = 2
	otlpError    = 2
)

// spans returns one line of OTLP: the run, and below it each part that came to its end.
func (r *run) spans(end time.Time, err error) []byte {
	trace, at := randomHex(16), func(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
	whole := otlpSpan{TraceID: trace, SpanID: randomHex(8), Name: "query", Kind: otlpServer, Start: at(r.began), End: at(end),
		Attributes: []otlpAttribute{{"query_id", otlpValue{r.id}}}}
	if err != nil {
		why := asError(err)
		whole.Attributes = append(whole.Attributes, otlpAttribute{"code", otlpValue{why.Code}})
		if why.Class == ClassFailure {
			whole.Status.Code = otlpError
		}
	}
	spans := []otlpSpan{whole}
	for _, p := range []struct {
		name string
		part
	}{{"decide", r.took.decide}, {"attach", r.took.attach}, {"execute", r.took.execute}, {"check", r.took.check}, {"release", r.took.release}} {
		if !p.began.IsZero() {
			spans = append(spans, otlpSpan{TraceID: trace, SpanID: randomHex(8), Parent: whole.SpanID, Name: p.name, Kind: otlpInternal, Start: at(p.began), End: at(p.began.Add(p.took))})
		}
	}
	resource := otlpResource{Scopes: []otlpScope{{Scope: otlpName{"zonebox/query"}, Spans: spans}}}
	resource.Resource.Attributes = []otlpAttribute{{"service.name", otlpValue{"zonebox"}}}
	line, err := json.Marshal(otlpTraces{[]otlpResource{resource}})
	if err != nil {
		panic("query: a trace is no JSON: " + err.Error())
	}
	return line
}

// randomHex returns n random bytes in hexadecimal.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // which never fails
	return hex.EncodeToString(b)
}
