package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"zonebox/audit"
	"zonebox/masking/detect"
	"zonebox/query/analysis"
	"zonebox/registry"
	"zonebox/zone"
)

// veil is what every text passes that leaves the gate beside a sealed answer: records
// of the log, refusals, and entries of the audit log, from which alerts are made. No
// text of the gate's own holds a value; should one come into it all the same, from a
// name that somebody chose or from a fault below, the text is withheld and its code
// stays. It looks for numbers of people that prove themselves, and in what a run says of
// its failure for raw values of the columns from the protected level on that it read.
//
// It passes over what the statement holds: whoever asked has it already, and whether it
// is withheld would tell whether somebody is in the register. It sees a value that
// stands apart from its neighbours, by blanks, quotation marks or other signs, and
// holds a digit or no letter of ASCII; a value among letters of Chinese is not told
// apart. Numbers that are logged as numbers are counts and are not looked at.
//
// What was withheld is counted, and the audit log is told: see TellWithheld.
type veil struct {
	scanner *detect.Scanner

	mu   sync.Mutex
	held map[withheld]int
}

// withheld is what is told of texts that were withheld: where they were to stand, what
// they held, and on whose behalf.
type withheld struct{ where, class, user, zone string }

// The places of texts that may be withheld.
const (
	inLog     = "log"
	inRefusal = "refusal"
	inEntry   = "entry"
)

// kindWithheld is the entry that tells of texts that were withheld.
const kindWithheld = "text.withheld"

// rawValue is the class of a raw value that is not a number of a person.
const rawValue = "raw_value"

// withheldMost bounds what is kept until the log is told.
const withheldMost = 256

var errWithheld = errors.New("query: a text that is withheld")

func newVeil() *veil {
	return &veil{scanner: detect.New(detect.Options{Classes: certain, Threshold: detect.Certain}), held: map[withheld]int{}}
}

// instead stands where a text was withheld.
func instead(class string) string { return "(withheld: " + class + ")" }

// class returns of which class a number of a person is that a text holds, "" if there
// is none.
func (v *veil) class(text string) string {
	if len(text) < shortest {
		return ""
	}
	if hits := v.scanner.ScanString(nil, text); len(hits) > 0 {
		return hits[0].Class.String()
	}
	return ""
}

// count notes that a text was withheld.
func (v *veil) count(w withheld) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.held[w]; !known && len(v.held) >= withheldMost {
		w = withheld{where: w.where, class: w.class}
	}
	v.held[w]++
}

// entry is an entry of the audit log as it is appended. Who did something and the ids
// that the gate gives are never withheld.
func (v *veil) entry(e audit.Entry) audit.Entry {
	hide := func(text string) string {
		class := v.class(text)
		if class == "" {
			return text
		}
		v.count(withheld{inEntry, class, e.Actor, ""})
		return instead(class)
	}
	e.Scenario, e.Zone = hide(e.Scenario), hide(e.Zone)
	for name, text := range e.Fields {
		if hidden := hide(text); hidden != text {
			e.Fields = maps.Clone(e.Fields)
			e.Fields[name] = hidden
		}
	}
	return e
}

// TellWithheld has the audit log tell of the texts that were withheld since it was told
// last. It is called as often as one likes.
func (e *Engine) TellWithheld(ctx context.Context) error {
	v := e.veil
	v.mu.Lock()
	held := v.held
	v.held = map[withheld]int{}
	v.mu.Unlock()
	for w, n := range held {
		err := e.update(ctx, func(tx *registry.Tx) error {
			return tx.Emit(registry.Event{Kind: kindWithheld, Actor: cmp.Or(w.user, gate.User), Zone: w.zone,
				Fields: map[string]string{"where": w.where, "class": w.class, "count": strconv.Itoa(n)}})
		})
		if err != nil && !errors.Is(err, errUnlogged) {
			v.mu.Lock()
			v.held[w] += n // it is told next time
			v.mu.Unlock()
			return fmt.Errorf("query: tell of texts that were withheld: %w", err)
		}
	}
	return nil
}

// Told is err as it may be told: an *Error, of which no text holds a number of a person.
// The code and the place in the statement stay.
func (e *Engine) Told(err error) *Error { return e.told(asError(err), nil) }

// ended is Told of what ended a run, nil if nothing went wrong: neither its texts nor
// its cause, which is logged, hold a raw value that the run read.
func (e *Engine) ended(r *run, err error) error {
	if err == nil {
		return nil
	}
	return e.told(r.outcome(err), r)
}

// told is Told of a run, nil if it is of none. The texts that the table of codes gives,
// and those of policy, are made of names alone: among them no raw value is looked for.
func (e *Engine) told(err *Error, r *run) *Error {
	out, class := *err, ""
	own := codes[err.Code]
	look := func(text *string, made string, r *run) {
		if c := e.carries(strings.TrimPrefix(*text, made), r); c != "" {
			class, *text = c, instead(c)
		}
	}
	hide := func(text *string) { look(text, "", nil) }
	look(&out.ZH, own.zh, r)
	look(&out.EN, own.en, r)
	look(&out.HintZH, own.hintZH, r)
	look(&out.HintEN, own.hintEN, r)
	out.Details = slices.Clone(err.Details)
	for i := range out.Details {
		d := &out.Details[i]
		for _, text := range []*string{&d.ZH, &d.EN, &d.HintZH, &d.HintEN} {
			hide(text)
		}
		d.Path = slices.Clone(d.Path)
		for j := range d.Path {
			hide(&d.Path[j])
		}
	}
	if err.cause != nil && r != nil {
		if c := e.carries(err.cause.Error(), r); c != "" {
			class, out.cause = c, errWithheld
		}
	}
	if class == "" {
		return err
	}
	w := withheld{where: inRefusal, class: class}
	if r != nil {
		w.user, w.zone = r.request.Subject.user, r.facts.Zone.Name
	}
	e.veil.count(w)
	return &out
}

// carries returns of which class a value is that a text holds, "" if there is none: a
// number of a person, or where a run read rows a raw value of theirs. Where that cannot
// be found out it is one.
func (e *Engine) carries(text string, r *run) string {
	if class := e.veil.class(text); class != "" || r == nil || len(r.touched) == 0 {
		return class
	}
	words := r.words(text)
	if len(words) == 0 {
		return ""
	}
	for _, p := range r.touched {
		counts, err := e.store.Occur(context.WithoutCancel(r.ctx), p, p.Columns[0].Name, words)
		if errors.Is(err, zone.ErrShredded) {
			continue
		}
		if err != nil || slices.ContainsFunc(counts, func(n int64) bool { return n > 0 }) {
			return rawValue
		}
	}
	return ""
}

// words are the parts of a text that could be values: of the pack's length or more,
// with a digit or a letter that is not of ASCII, and not in the question.
func (r *run) words(text string) []string {
	asked := plain(strings.Join(append(slices.Collect(maps.Values(r.request.Parameters)), r.request.SQL, r.request.Scenario, r.request.Purpose), "\n"))
	words := strings.FieldsFunc(text, func(c rune) bool {
		return c <= ' ' || strings.ContainsRune("\"'`“”‘’()[]{}<>,;:=|，；：。（）【】《》", c)
	})
	return slices.DeleteFunc(words, func(w string) bool {
		p := plain(w)
		telling := strings.ContainsAny(p, "0123456789") || !ascii(p)
		return len(p) < max(r.pack.RawMatch.Length, 4) || !telling || strings.HasPrefix(w, r.id) || strings.Contains(asked, p)
	})
}

func ascii(text string) bool {
	return strings.IndexFunc(text, func(c rune) bool { return c >= utf8.RuneSelf }) < 0
}

// touch notes the columns of texts from the protected level on that a run reads, from
// when on it has their rows.
func (w *worker) touch() error {
	for _, scan := range w.Scans {
		for _, name := range scan.Columns {
			ref := analysis.Ref{Table: scan.Table, Column: name}
			if !w.protectedText(ref) {
				continue
			}
			p, err := w.rowsGranted(ref.Table)
			if err != nil {
				return err
			}
			p.Columns = []zone.Project{{Name: ref.Column}}
			w.touched = append(w.touched, p)
		}
	}
	return nil
}

// protectedText reports whether a column holds texts from the protected level on that
// are no codes that everybody knows.
func (r *run) protectedText(ref analysis.Ref) bool {
	col, known := columnOf(r.catalog.datasets[ref.Table].Spec, ref.Column)
	return known && col.Type == "string" && col.Level >= r.pack.LevelThreshold && len(col.PublicCodes) == 0
}

// Veiled is a log whose records pass the veil.
func (e *Engine) Veiled(log *slog.Logger) *slog.Logger {
	return slog.New(&veiledLog{log.Handler(), e})
}

type veiledLog struct {
	slog.Handler
	engine *Engine
}

// runKey is the key of a context's run.
type runKey struct{}

// Handle hands a record on, without the texts in it that hold a value.
func (l *veiledLog) Handle(ctx context.Context, rec slog.Record) error {
	r, _ := ctx.Value(runKey{}).(*run)
	out := slog.NewRecord(rec.Time, rec.Level, l.text(rec.Message, r), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(l.attr(a, r))
		return true
	})
	return l.Handler.Handle(ctx, out)
}

// WithAttrs returns the log with attributes, without the texts in them that hold a
// value.
func (l *veiledLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = l.attr(a, nil)
	}
	return &veiledLog{l.Handler.WithAttrs(clean), l.engine}
}

// WithGroup returns the log with a group.
func (l *veiledLog) WithGroup(name string) slog.Handler {
	return &veiledLog{l.Handler.WithGroup(name), l.engine}
}

func (l *veiledLog) attr(a slog.Attr, r *run) slog.Attr {
	a.Value = a.Value.Resolve()
	switch a.Value.Kind() {
	case slog.KindGroup:
		var clean []slog.Attr
		for _, b := range a.Value.Group() {
			clean = append(clean, l.attr(b, r))
		}
		a.Value = slog.GroupValue(clean...)
	case slog.KindString, slog.KindAny:
		text := a.Value.String()
		if clean := l.text(text, r); clean != text {
			a.Value = slog.StringValue(clean)
		}
	}
	return a
}

// text is a text as it is logged.
func (l *veiledLog) text(text string, r *run) string {
	class := l.engine.carries(text, r)
	if class == "" {
		return text
	}
	w := withheld{where: inLog, class: class}
	if r != nil {
		w.user, w.zone = r.request.Subject.user, r.facts.Zone.Name
	}
	l.engine.veil.count(w)
	return instead(class)
}
