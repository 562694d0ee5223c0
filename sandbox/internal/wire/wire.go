// Package wire is the language between the gate and one worker: framed messages
// over a socket pair, and the mapping of the engine's types to Arrow.
//
// The two sides do not trust each other alike. What the gate says, the worker
// believes. What the worker says is hostile input: Read bounds every frame, and
// package sandbox checks the rest (see result.go there). File descriptors travel
// from gate to worker only.
package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Kind tells what a frame carries.
type Kind byte

// From the gate to the worker. Data and End follow Deliver only.
const (
	Parse Kind = 1 + iota
	Bind
	Attach
	Execute
	Deliver
	Data
	End
	Probe // answered only by the worker that tests build
)

// From the worker to the gate. A request is answered by any number of Tree or
// Batch frames and exactly one Done, Schema (Bind) or Fault; Execute and Deliver
// answer with one Schema before the first Batch, Execute with Rows after the last.
const (
	Hello Kind = 64 + iota
	Tree
	Schema
	Batch
	Done
	Fault
	Want // of Execute: answered by Attach frames with the columns of the segment
	Drop // of Execute: the segment is not mapped any more; not answered
	Seen // of a Deliver that inspects: what the file looks like, before Done
	Rows // of Execute: what the message's Sets noted, before Done
)

const (
	// MaxFrame bounds the payload of one frame in both directions.
	MaxFrame = 16 << 20
	// MaxHello, MaxSchema and MaxReply bound the messages of a worker: a Hello, a
	// Schema or Seen, and a Done, Fault, Want or Drop.
	MaxHello  = 64 << 10
	MaxSchema = 4 << 20
	MaxReply  = 1 << 10
	// MaxColumns bounds the columns of a result and MaxNames the bytes of their
	// names together, of which JSON makes up to six times as many.
	MaxColumns = 4096
	MaxNames   = MaxSchema / 8
	// MaxTree bounds a parse tree, which travels in several frames.
	MaxTree = 64 << 20
	// MaxSQL bounds the text of a statement.
	MaxSQL = 1 << 20
	// MaxFiles is how many descriptors one Attach carries; the kernel's own
	// limit for a message is 253 (SCM_MAX_FD).
	MaxFiles = 64
)

// ErrFrame is wrapped when a frame is too large or holds no message.
var ErrFrame = errors.New("bad frame")

// A Column is a name and the engine's name of its type, such as DECIMAL(18,2).
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// A Table is what a statement may name.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"`
}

// ParseMessage asks for the parse tree of exactly one statement.
type ParseMessage struct {
	SQL string `json:"sql"`
}

// BindMessage asks for the result columns of SQL over empty tables, where it may
// count up to each k of Groups (ValidGroups) and note the rows of each of Sets
// (ValidRowSets). Parameters are all that SQL has (CheckParameters).
type BindMessage struct {
	Tables     []Table     `json:"tables"`
	SQL        string      `json:"sql"`
	Groups     []int       `json:"groups,omitempty"`
	Sets       []RowSet    `json:"sets,omitempty"`
	Parameters []Parameter `json:"parameters,omitempty"`
}

// AttachMessage comes with one descriptor per file of its parts, in their order,
// each an Arrow IPC file of one column. The first message for a table carries
// its columns and may carry parts; the others name it only. Messages add up.
type AttachMessage struct {
	Table Table  `json:"table"`
	Parts []Part `json:"parts,omitempty"`
}

// A Part is Files columns, from column First on, of a segment of Rows rows. A
// segment's parts follow one another until every column has come. A part without
// files announces a segment: its columns come when the worker asks for them.
type Part struct {
	Rows  int64 `json:"rows"`
	First int   `json:"first"`
	Files int   `json:"files"`
}

// ExecuteMessage runs SQL if its tree has the hash Tree. Groups, Sets and
// Parameters are as in Bind.
type ExecuteMessage struct {
	SQL        string      `json:"sql"`
	Tree       []byte      `json:"tree"`
	Groups     []int       `json:"groups,omitempty"`
	Sets       []RowSet    `json:"sets,omitempty"`
	Parameters []Parameter `json:"parameters,omitempty"`
	Rows       int64       `json:"rows"`
	Bytes      int64       `json:"bytes"`
}

// DeliverMessage announces a file: its bytes follow in Data frames up to End, or
// it is one descriptor with this message. That of a Database is a socket.
type DeliverMessage struct {
	Format    string    `json:"format"` // csv, json, jsonl, parquet, arrow, xlsx, sqlite or empty
	Columns   []Column  `json:"columns"`
	Packing   string    `json:"packing"`   // gzip, zstd, zip or empty
	Encoding  string    `json:"encoding"`  // of a text: utf-8, gb18030, gbk, utf-16le, utf-16be or auto
	Delimiter byte      `json:"delimiter"` // of CSV; 0 to be found
	Sheet     string    `json:"sheet"`     // of a workbook; empty for the first
	Table     string    `json:"table"`     // of a database; empty for the only one
	Decoded   int64     `json:"decoded"`   // bytes the content may have
	Memory    int64     `json:"memory"`    // bytes reading it may take
	Files     int       `json:"files"`
	Inspect   bool      `json:"inspect"` // tell what the file looks like; no Columns
	Limit     int64     `json:"limit"`   // rows to look at when inspecting; 0 for all
	Sample    int64     `json:"sample"`  // rows to send when inspecting
	Database  *Database `json:"database,omitempty"`
}

// A Database says how to ask a server for a table over the descriptor that comes
// with the message, which is a connected socket.
type Database struct {
	Kind     string `json:"kind"` // postgres or mysql
	Schema   string `json:"schema"`
	Name     string `json:"name"`
	User     string `json:"user"`
	Password string `json:"password"`
	CA       []byte `json:"ca"`     // PEM; with it the connection is TLS, without it plain
	Server   string `json:"server"` // the name that the server's certificate bears
	Local    bool   `json:"local"`  // the connection is a unix socket, which leaves no machine
}

// A Shape is what a file looks like to its reader. It holds names and counts, and
// no value but those names.
type Shape struct {
	Packing  string `json:"packing"` // gzip, zstd, zip or empty
	Format   string `json:"format"`
	Encoding string `json:"encoding"` // of a text
	// Of CSV: the delimiter and how sure it is, in thousandths of the records that
	// have as many fields as the first; whether a field is quoted; whether the
	// first record is a header; lf, crlf, cr or mixed.
	Delimiter byte   `json:"delimiter"`
	Score     int    `json:"score"`
	Quoted    bool   `json:"quoted"`
	Header    bool   `json:"header"`
	LineEnd   string `json:"line_end"`
	// Tables are the sheets of a workbook or the tables of a database.
	Tables  []string      `json:"tables"`
	Columns []ShapeColumn `json:"columns"`
	Rows    int64         `json:"rows"`
	// Whole tells that Rows, types and nulls are of the whole file, not of its
	// first rows.
	Whole bool `json:"whole"`
}

// A ShapeColumn is a column as it was found.
type ShapeColumn struct {
	Name string `json:"name"`
	// Type takes every value of the column, or is empty if no type of a delivery
	// does.
	Type string `json:"type"`
	// Stated tells that the source says so itself; else its values do.
	Stated bool  `json:"stated"`
	Nulls  int64 `json:"nulls"`
}

// SchemaMessage names the columns of a result.
type SchemaMessage struct {
	Columns []Column `json:"columns"`
}

// SegmentMessage names a segment: Table counts the tables in the order they were
// attached, Segment those of its segments that were announced.
type SegmentMessage struct {
	Table   int64 `json:"table"`
	Segment int64 `json:"segment"`
}

// DoneMessage closes an answer.
type DoneMessage struct {
	Rows int64 `json:"rows"`
}

// FaultMessage closes an answer that failed. It carries no text of the engine:
// that text may hold cell values.
type FaultMessage struct {
	Code   string `json:"code"`
	Offset int    `json:"offset"` // byte offset in the statement, -1 if none
	Row    int64  `json:"row,omitempty"`
	Column int    `json:"column"`         // index into the delivery's columns, -1 if none
	Cell   string `json:"cell,omitempty"` // of a sheet, such as B7
	// Field is the place of a foreign column in a header, from 1; 0 if that is not it.
	Field int `json:"field,omitempty"`
}

// HelloMessage is the worker's own account of its confinement. The gate compares
// it with the kernel's.
type HelloMessage struct {
	Engine     string            `json:"engine"`
	Landlock   int               `json:"landlock_abi"` // 0: not in force
	Dumpable   bool              `json:"dumpable"`
	Root       bool              `json:"root"` // its root directory is its own
	Namespaces map[string]string `json:"namespaces"`
	Files      []string          `json:"files"`
	Status     string            `json:"status"` // of /proc/self, as are the rest
	Limits     string            `json:"limits"`
	Mounts     string            `json:"mounts"`
	Cgroup     string            `json:"cgroup"`
}

// Append adds the frame of payload to dst and returns the result.
func Append(dst []byte, kind Kind, payload []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	return append(append(dst, byte(kind)), payload...)
}

// AppendJSON adds the frame of message to dst. It panics if message cannot be
// encoded, which none of this package's types can bring about.
func AppendJSON(dst []byte, kind Kind, message any) []byte {
	b, err := json.Marshal(message)
	if err != nil {
		panic("wire: " + err.Error())
	}
	return Append(dst, kind, b)
}

// Decode reads a message of a worker that must be, byte for byte, what AppendJSON
// writes: no field more or less, none twice, no name in other case, no text that
// is not UTF-8, nothing after the end. It returns an error wrapping ErrFrame.
func Decode[M any](payload []byte) (M, error) {
	var m M
	if err := json.Unmarshal(payload, &m); err != nil {
		return m, fmt.Errorf("%w: no message", ErrFrame) // the cause quotes the worker
	}
	if again, err := json.Marshal(m); err != nil || !bytes.Equal(again, payload) {
		return m, fmt.Errorf("%w: no plain message", ErrFrame)
	}
	return m, nil
}

// most returns how long the payload of a frame may be.
func (k Kind) most() int {
	switch k {
	case Parse, Bind, Attach, Execute, Deliver, Data, End, Probe, Tree, Batch:
		return MaxFrame
	case Hello:
		return MaxHello
	case Schema, Seen:
		return MaxSchema
	case Done, Fault, Want, Drop:
		return MaxReply
	case Rows:
		return MaxRows
	}
	return 0
}

// Read returns the next frame. It allocates only what has arrived: a frame that
// announces 16 MB and sends ten bytes costs little. It returns an error wrapping
// ErrFrame for a frame too large for its kind, and io.EOF or
// io.ErrUnexpectedEOF where the stream ends.
func Read(r io.Reader) (Kind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := int(binary.LittleEndian.Uint32(head[:4]))
	if n > Kind(head[4]).most() {
		return 0, nil, fmt.Errorf("%w: %d bytes", ErrFrame, n)
	}
	payload := make([]byte, min(n, 64<<10))
	for got := 0; got < n; {
		m, err := io.ReadFull(r, payload[got:])
		got += m
		if err != nil {
			return 0, nil, io.ErrUnexpectedEOF
		}
		if got < n {
			grown := make([]byte, min(n, 4*len(payload)))
			copy(grown, payload)
			payload = grown
		}
	}
	return Kind(head[4]), payload, nil
}

// Options is what the gate fixes before the worker starts. It travels on the
// command line and holds no secret.
type Options struct {
	Threads int   `json:"threads"`
	Memory  int64 `json:"memory"` // bytes the statement may use
	Spill   int64 `json:"spill"`  // bytes it may overflow into, 0 for none
	// Waived names layers the configuration lets be absent.
	Waived []string `json:"waived,omitempty"`
	// Skip names layers to leave out; only the worker that tests build obeys.
	Skip []string `json:"skip,omitempty"`

	CPU    int64 `json:"-"` // seconds
	Files  int   `json:"-"` // descriptors
	Tasks  int   `json:"-"` // threads, 0 for no limit of its own
	Mounts bool  `json:"-"` // the worker may mount
}

// Cell is the part of the options that is obeyed before the program begins
// (sandbox/worker/cell_linux.c).
func (o Options) Cell() string {
	mounts := 0
	if o.Mounts {
		mounts = 1
	}
	return fmt.Sprintf("mounts=%d;spill=%d;cpu=%d;files=%d;tasks=%d;waived=,%s,;skip=,%s,",
		mounts, o.Spill, o.CPU, o.Files, o.Tasks, strings.Join(o.Waived, ","), strings.Join(o.Skip, ","))
}
