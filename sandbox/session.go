package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"zonebox/sandbox/internal/wire"
)

// A Column is a name and the engine's name of its type. A result has BOOLEAN,
// TINYINT, SMALLINT, INTEGER, BIGINT and their unsigned forms, HUGEINT, FLOAT,
// DOUBLE, VARCHAR, DATE, TIMESTAMP and DECIMAL(p,s); HUGEINT travels as Arrow
// decimal(38,0). A table may also have BLOB, UUID, TIME, INTERVAL, TIMESTAMP_S,
// _MS, _NS, TIMESTAMP WITH TIME ZONE, T[], T[n], MAP(K, V) and STRUCT("a" T, …),
// up to eight deep. No other type crosses the border.
type Column = wire.Column

// A Table is what a statement may name.
type Table = wire.Table

// Counter is the name of the aggregate of a code column of type UINTEGER that is
// the number of its distinct values, nulls aside, or k if there are more.
func Counter(k int) string { return wire.Counter(k) }

// A RowSet is an aggregate of a statement, by the name Gatherer, that notes of
// each row of its columns in which group it is; see Result.Noted. A column holds
// row numbers, UINTEGER, or null where a row has none. Its own value is the number
// of the group.
type RowSet = wire.RowSet

// Gatherer is the name of the aggregate of a row set.
func Gatherer(s RowSet) string { return wire.Gatherer(s) }

// A Parameter is the value of $Name in a statement: Text as the engine's type
// Type spells it, in the forms that wire.Parameter tells. The worker takes no
// other, and none that the statement reads as another type.
type Parameter = wire.Parameter

// Limits bounds a result.
type Limits struct {
	// Rows and Bytes (of Arrow data) end the session with ErrOutput when they
	// are exceeded. Defaults: 1,000,000 rows and 256 MiB.
	Rows, Bytes int64
	// Noted bounds the bytes of what the row sets note: more is ErrOutput.
	// Default: 256 MiB.
	Noted int64
	// Schema, if not nil, is what the result's columns must be, as Bind
	// returned them. Anything else is ErrProtocol.
	Schema []Column
}

// A phase is what a session has been used for.
type phase int

const (
	fresh phase = iota
	parsing
	attached
	spent
)

// A Session is one worker. It serves Parse and Bind any number of times; or
// Attach any number of times and then one Execute; or one Read. A worker that
// has seen an operator's text is given no rows, and one that holds rows runs
// only a statement the gate printed.
//
// Its methods must not be called concurrently, Close excepted.
type Session struct {
	process *os.Process
	conn    *net.UnixConn
	in      *bufio.Reader
	exited  chan struct{}    // closed when the process is reaped
	state   *os.ProcessState // valid after exited
	alone   bool             // valid after exited: it ended before the gate killed it

	group     *group   // nil: bounded by no control group
	autogroup *os.File // nil: in no scheduling group of its own

	cfg         Config
	attestation Attestation
	base        int64 // address space in use when the worker was ready
	attachedLen int64
	streams     streams
	parameters  []Parameter
	sets        []RowSet
	text        int // bytes of the statement under way
	phase       phase

	mu     sync.Mutex
	cause  error // why the gate killed it
	timer  *time.Timer
	unctx  func() bool
	unread func() bool // ends the watch of a Result that nobody read to its end
}

// Attestation returns what is in force in this session's worker.
func (s *Session) Attestation() Attestation { return s.attestation }

// begin starts the session's clock and ties it to ctx.
func (s *Session) begin(ctx context.Context, wall time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(wall, func() { s.kill(ErrTime) })
	s.unctx = context.AfterFunc(ctx, func() { s.kill(context.Cause(ctx)) })
	time.AfterFunc(shareLook, s.makeWay)
}

// kill ends the process; the first cause given is the one reported.
func (s *Session) kill(cause error) {
	s.mu.Lock()
	if s.cause == nil {
		s.cause = cause
	}
	s.mu.Unlock()
	_ = s.process.Kill()
}

// reap waits for the process to end.
func (s *Session) reap() {
	s.state, _ = s.process.Wait()
	s.alone = s.alive()
	if s.group.starved() {
		s.kill(ErrMemory)
	}
	close(s.exited)
}

// Close kills the worker. The kernel takes its memory back after Close has
// returned, some 50 ms later for half a gigabyte; Pool.Close waits for that. A
// second call does nothing.
func (s *Session) Close() error {
	s.kill(ErrKilled)
	s.mu.Lock()
	if s.timer != nil {
		s.timer.Stop()
		s.unctx()
	}
	if s.unread != nil {
		s.unread()
	}
	s.mu.Unlock()
	if err := s.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// enter moves the session to phase next if it stands at one of from.
func (s *Session) enter(verb string, next phase, from ...phase) error {
	for _, f := range from {
		if s.phase == f {
			s.phase = next
			return nil
		}
	}
	return fmt.Errorf("sandbox: %s: %w", verb, ErrUse)
}

// watch lets ctx, too, end the session until the returned function is called.
func (s *Session) watch(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, func() { s.kill(context.Cause(ctx)) })
}

// Parse returns the engine's parse tree of sql, a JSON document of exactly one
// SELECT, at most 64 MB. The caller decodes it strictly: it is hostile input.
//
// It returns a *StatementError for a statement the engine does not parse, and
// ErrTime or ErrMemory for one that takes more than half a second of a processor
// or 320 MiB of address space to parse.
func (s *Session) Parse(ctx context.Context, sql string) (tree []byte, err error) {
	if err := s.enter("parse", parsing, fresh, parsing); err != nil {
		return nil, err
	}
	if err := s.ask(sql); err != nil {
		return nil, err
	}
	defer s.watch(ctx)()
	end, err := s.brief()
	if err != nil {
		return nil, err
	}
	defer func() {
		if late := end(); late != nil && err == nil {
			tree, err = nil, late
		}
	}()
	if err := s.send(wire.AppendJSON(nil, wire.Parse, wire.ParseMessage{SQL: sql}), nil); err != nil {
		return nil, err
	}
	for {
		kind, payload, err := s.receive()
		if err != nil {
			return nil, err
		}
		switch {
		case kind == wire.Tree && len(payload) > 0 && len(tree)%wire.MaxFrame == 0 && len(tree)+len(payload) <= wire.MaxTree:
			tree = append(tree, payload...) // only the last frame is not full
		case kind == wire.Done:
			if err := s.done(payload, 0); err != nil {
				return nil, err
			}
			return tree, nil
		default:
			return nil, s.unexpected(kind, payload, nil)
		}
	}
}

// SetParameters gives the statements that follow the values of all their
// parameters: none has others. It returns an error if a value cannot be one.
func (s *Session) SetParameters(values []Parameter) error {
	if err := wire.CheckParameters(values); err != nil {
		return fmt.Errorf("sandbox: %w", err)
	}
	s.parameters = values
	return nil
}

// SetRowSets names the row sets of the statements that follow. It returns an error
// if no statement may have them.
func (s *Session) SetRowSets(sets []RowSet) error {
	if !wire.ValidRowSets(sets) {
		return fmt.Errorf("sandbox: row sets: too many, or one twice")
	}
	s.sets = sets
	return nil
}

// Bind returns the result columns of sql over empty tables. groups are the k up
// to which sql counts by the aggregates Counter(k): ascending, from 1 to 1000.
// No other k binds.
//
// It returns a *StatementError if sql does not bind, or if a result has a type
// that does not cross the border (code "type").
func (s *Session) Bind(ctx context.Context, tables []Table, sql string, groups ...int) ([]Column, error) {
	if err := s.enter("bind", parsing, fresh, parsing); err != nil {
		return nil, err
	}
	if err := s.ask(sql, groups...); err != nil {
		return nil, err
	}
	defer s.watch(ctx)()
	if err := s.send(wire.AppendJSON(nil, wire.Bind, wire.BindMessage{Tables: tables, SQL: sql, Groups: groups, Sets: s.sets, Parameters: s.parameters}), nil); err != nil {
		return nil, err
	}
	return s.receiveSchema(nil)
}

// Execute runs sql over the attached tables. The worker parses sql again and
// refuses with ErrTree unless its tree hash is tree. groups is as in Bind.
//
// The caller reads the Result to its end or closes the session. Errors of the
// engine may come from Execute or, since results stream, from Result.Next: a
// *StatementError, ErrMemory, ErrTime, ErrOutput, ErrTree or ErrKilled.
func (s *Session) Execute(ctx context.Context, sql string, tree [32]byte, lim Limits, groups ...int) (*Result, error) {
	if err := s.enter("execute", spent, fresh, attached); err != nil {
		return nil, err
	}
	if err := s.ask(sql, groups...); err != nil {
		return nil, err
	}
	if lim.Rows <= 0 {
		lim.Rows = 1_000_000
	}
	if lim.Bytes <= 0 {
		lim.Bytes = 256 << 20
	}
	if lim.Noted <= 0 {
		lim.Noted = 256 << 20
	}
	stop := s.watch(ctx)
	m := wire.ExecuteMessage{SQL: sql, Tree: tree[:], Groups: groups, Sets: s.sets, Parameters: s.parameters, Rows: lim.Rows, Bytes: lim.Bytes}
	if err := s.send(wire.AppendJSON(nil, wire.Execute, m), nil); err != nil {
		stop()
		return nil, err
	}
	columns, err := s.receiveSchema(nil)
	if err != nil {
		stop()
		return nil, err
	}
	if lim.Schema != nil && !equalColumns(columns, lim.Schema) {
		stop()
		return nil, s.broken("schema")
	}
	r, err := newResult(s, columns, lim, nil, stop)
	if err != nil {
		return nil, err
	}
	r.noting = &noting{sets: s.sets, limit: lim.Noted, noted: make([]Noted, len(s.sets))}
	return r, nil
}

func equalColumns(a, b []Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// ask notes the statement under way. It refuses before the worker is asked what
// it would only mangle.
func (s *Session) ask(sql string, groups ...int) error {
	s.text = len(sql)
	switch {
	case !wire.ValidGroups(groups):
		return fmt.Errorf("sandbox: minimum groups %v: out of range or of order", groups)
	case len(sql) > wire.MaxSQL:
		return &StatementError{Code: "too_long", Offset: -1, Column: -1}
	case !utf8.ValidString(sql):
		return &StatementError{Code: "encoding", Offset: -1, Column: -1}
	}
	return nil
}

// send writes frames, and files with their first byte. A worker that has
// answered already is broken.
func (s *Session) send(frames []byte, files []*os.File) error {
	early, err := s.early()
	if early {
		return s.broken("early answer")
	}
	if err == nil && len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			fds[i] = int(f.Fd())
		}
		var n int
		n, _, err = s.conn.WriteMsgUnix(frames, syscall.UnixRights(fds...), nil)
		frames = frames[min(n, len(frames)):]
	}
	if err == nil && len(frames) > 0 {
		_, err = s.conn.Write(frames)
	}
	if err != nil {
		return s.died()
	}
	return nil
}

// early reports whether the worker has sent what nobody asked for.
func (s *Session) early() (bool, error) {
	if s.in.Buffered() > 0 {
		return true, nil
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return false, err
	}
	n := 0
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		n, _, _ = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return n > 0, err
}

// done checks the message that closes an answer of so many rows.
func (s *Session) done(payload []byte, rows int64) error {
	if m, err := wire.Decode[wire.DoneMessage](payload); err != nil || m.Rows != rows {
		return s.broken("row count")
	}
	return nil
}

func (s *Session) receive() (wire.Kind, []byte, error) {
	kind, payload, err := wire.Read(s.in)
	if errors.Is(err, wire.ErrFrame) && s.alive() {
		return 0, nil, s.broken("frame")
	}
	if err != nil {
		return 0, nil, s.died()
	}
	return kind, payload, nil
}

// receiveSchema reads the columns of a result and refuses any that may not cross
// the border.
func (s *Session) receiveSchema(expected []Column) ([]Column, error) {
	kind, payload, err := s.served()
	if err != nil {
		return nil, err
	}
	if kind != wire.Schema {
		return nil, s.unexpected(kind, payload, expected)
	}
	m, err := wire.Decode[wire.SchemaMessage](payload)
	if err != nil || len(m.Columns) == 0 || len(m.Columns) > wire.MaxColumns {
		return nil, s.broken("schema")
	}
	if _, err := wire.ArrowSchema(m.Columns); err != nil {
		return nil, s.broken("schema")
	}
	return m.Columns, nil
}

// maxHeader is the last column of a header that is told by its place.
const maxHeader = 1 << 14

// cellName is what a spreadsheet calls a cell.
var cellName = regexp.MustCompile(`^[A-Z]{1,3}[1-9][0-9]{0,6}$`)

// unexpected turns a Fault into its error and ends the session for any other
// frame. expected is what a fault's column counts in.
func (s *Session) unexpected(kind wire.Kind, payload []byte, expected []Column) error {
	if kind != wire.Fault {
		return s.broken("frame")
	}
	f, err := wire.Decode[wire.FaultMessage](payload)
	if err != nil {
		return s.broken("fault")
	}
	switch {
	case f.Code == "memory":
		return fmt.Errorf("sandbox: %w", ErrMemory)
	case f.Code == "output":
		return fmt.Errorf("sandbox: %w", ErrOutput)
	case f.Code == "tree":
		return fmt.Errorf("sandbox: %w", ErrTree)
	case expected != nil && deliveryCodes[f.Code]:
		e := &DeliveryError{Code: f.Code, Row: max(f.Row, 0)}
		if f.Column >= 0 && f.Column < len(expected) {
			e.Column = expected[f.Column].Name
		}
		if f.Field > 0 && f.Field <= maxHeader {
			e.Field = f.Field
		}
		if cellName.MatchString(f.Cell) {
			e.Cell = f.Cell
		}
		return e
	case expected == nil && statementCodes[f.Code]:
		if f.Offset < 0 || f.Offset > s.text {
			f.Offset = -1
		}
		if f.Code != "type" || f.Column < 0 || f.Column >= wire.MaxColumns {
			f.Column = -1
		}
		return &StatementError{Code: f.Code, Offset: f.Offset, Column: f.Column}
	}
	return s.broken("fault")
}

// broken kills a worker that no longer speaks the protocol.
func (s *Session) broken(what string) error {
	err := fmt.Errorf("sandbox: %s: %w", what, ErrProtocol)
	s.kill(err)
	return err
}

// Ended reports whether the worker is gone. One that has not ended may do so at
// any time.
func (s *Session) Ended() bool {
	select {
	case <-s.exited:
		return true
	default:
		return !s.alive()
	}
}

func (s *Session) alive() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause == nil
}

// died waits for the process and tells what it died of.
func (s *Session) died() error {
	s.kill(nil)
	<-s.exited
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		return fmt.Errorf("sandbox: %w", s.cause)
	}
	return fmt.Errorf("sandbox: %w", deathCause(s.state))
}
