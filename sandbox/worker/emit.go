package worker

import (
	"bytes"
	"math/big"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

const (
	// batchRows and batchBytes close a batch: large enough that framing costs
	// nothing, small enough that a batch stays well under wire.MaxFrame.
	batchRows  = 64 << 10
	batchBytes = 4 << 20
)

// execute runs the statement if its tree is the approved one and streams the
// result. The socket's buffer holds it back when the gate reads slowly.
func (s *server) execute(m wire.ExecuteMessage) error {
	tree, err := s.engine.parse(m.SQL)
	if err != nil {
		return err
	}
	hash, err := s.cfg.TreeHash(tree)
	if err != nil || !bytes.Equal(hash[:], m.Tree) {
		return faulted("tree")
	}
	if err := s.engine.count(m.Groups); err != nil {
		return err
	}
	if err := s.engine.gather(m.Sets); err != nil {
		return err
	}
	stmt, columns, err := s.engine.prepare(m.SQL, m.Parameters)
	defer duckdb.DestroyPrepare(&stmt)
	if err != nil {
		return err
	}
	out, err := s.emit(columns, m.Rows, m.Bytes)
	if err != nil {
		return err
	}
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.ExecutePreparedStreaming(stmt, &res) != duckdb.StateSuccess {
		return engineFault(duckdb.ResultErrorType(&res), duckdb.ResultError(&res))
	}
	// A statement with parameters may have been bound again.
	if !typed(&res, columns) {
		return faulted("type")
	}
	for {
		chunk := duckdb.FetchChunk(res)
		n := 0
		if chunk.Ptr != nil {
			n = int(duckdb.DataChunkGetSize(chunk))
		}
		if n == 0 {
			duckdb.DestroyDataChunk(&chunk)
			break
		}
		err := out.chunk(chunk, n)
		duckdb.DestroyDataChunk(&chunk)
		if err != nil {
			return err
		}
	}
	if text := duckdb.ResultError(&res); text != "" {
		return engineFault(duckdb.ResultErrorType(&res), text)
	}
	if err := out.flush(); err != nil {
		return err
	}
	if err := s.tellRows(m.Sets); err != nil {
		return err
	}
	return out.done()
}

// An emitter gathers rows into record batches and sends them.
type emitter struct {
	write       func(frame []byte) error
	columns     []wire.Column
	schema      *arrow.Schema
	builder     *array.RecordBuilder
	pending     int
	size        int
	rows        int64
	bytes       int64
	rowsAllowed int64
	allowed     int64
	frame       bytes.Buffer
	sent        []byte      // memory of the last frame, of which write keeps nothing
	inspection  *inspection // of a delivery whose columns are found; else nil
}

// emit announces the columns of a result. Limits of 0 are no limits.
func (s *server) emit(columns []wire.Column, rows, size int64) (*emitter, error) {
	schema, err := wire.ArrowSchema(columns)
	if err != nil {
		return nil, faulted("type")
	}
	if err := s.reply(wire.Schema, wire.SchemaMessage{Columns: columns}); err != nil {
		return nil, err
	}
	return &emitter{write: s.send, columns: columns, schema: schema, rowsAllowed: rows, allowed: size,
		builder: array.NewRecordBuilder(memory.DefaultAllocator, schema)}, nil
}

// chunk adds n rows of the engine's.
func (e *emitter) chunk(chunk duckdb.DataChunk, n int) error {
	for i, c := range e.columns {
		v := duckdb.DataChunkGetVector(chunk, duckdb.IdxT(i))
		size, err := appendVector(e.builder.Field(i), v, c.Type, n)
		if err != nil {
			return err
		}
		e.size += size
	}
	return e.added(n)
}

// added counts n rows that are in the builder and sends what has gathered.
func (e *emitter) added(n int) error {
	if e.inspection != nil {
		return e.inspection.added()
	}
	e.pending += n
	if e.rowsAllowed > 0 && e.rows+int64(e.pending) > e.rowsAllowed {
		return faulted("output")
	}
	if e.pending >= batchRows || e.size >= batchBytes {
		return e.flush()
	}
	return nil
}

func (e *emitter) flush() error {
	if e.pending == 0 {
		return nil
	}
	rec := e.builder.NewRecordBatch()
	defer rec.Release()
	e.builder.Reserve(e.pending) // the next is about as long
	e.rows += int64(e.pending)
	e.pending, e.size = 0, 0
	return e.send(rec)
}

// send encodes rec as one frame, or as several when it is too large for one.
func (e *emitter) send(rec arrow.RecordBatch) error {
	payload, err := ipc.GetRecordBatchPayload(rec)
	if err != nil {
		return faulted("engine")
	}
	defer payload.Release()
	e.frame.Reset()
	if _, err := payload.WritePayload(&e.frame); err != nil {
		return faulted("engine")
	}
	if e.frame.Len() > wire.MaxFrame {
		half := rec.NumRows() / 2
		if half == 0 {
			return faulted("output")
		}
		first, second := rec.NewSlice(0, half), rec.NewSlice(half, rec.NumRows())
		defer first.Release()
		defer second.Release()
		if err := e.send(first); err != nil {
			return err
		}
		return e.send(second)
	}
	e.bytes += int64(e.frame.Len())
	if e.allowed > 0 && e.bytes > e.allowed {
		return faulted("output")
	}
	e.sent = wire.Append(e.sent[:0], wire.Batch, e.frame.Bytes())
	return e.write(e.sent)
}

func (e *emitter) done() error {
	if e.inspection != nil {
		return e.inspection.done(true)
	}
	if err := e.flush(); err != nil {
		return err
	}
	return e.write(wire.AppendJSON(nil, wire.Done, wire.DoneMessage{Rows: e.rows}))
}

// appendVector adds n values of v to b and returns about how many bytes they
// take.
func appendVector(b array.Builder, v duckdb.Vector, typ string, n int) (int, error) {
	data := duckdb.VectorGetData(v)
	valid := validity(duckdb.VectorGetValidity(v), n)
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.AppendValues(booleans(data, n), valid)
	case *array.Int8Builder:
		b.AppendValues(vector[int8](data, n), valid)
	case *array.Int16Builder:
		b.AppendValues(vector[int16](data, n), valid)
	case *array.Int32Builder:
		b.AppendValues(vector[int32](data, n), valid)
	case *array.Int64Builder:
		b.AppendValues(vector[int64](data, n), valid)
	case *array.Uint8Builder:
		b.AppendValues(vector[uint8](data, n), valid)
	case *array.Uint16Builder:
		b.AppendValues(vector[uint16](data, n), valid)
	case *array.Uint32Builder:
		b.AppendValues(vector[uint32](data, n), valid)
	case *array.Uint64Builder:
		b.AppendValues(vector[uint64](data, n), valid)
	case *array.Float32Builder:
		b.AppendValues(vector[float32](data, n), valid)
	case *array.Float64Builder:
		b.AppendValues(vector[float64](data, n), valid)
	case *array.Date32Builder:
		b.AppendValues(vector[arrow.Date32](data, n), valid)
	case *array.TimestampBuilder:
		b.AppendValues(vector[arrow.Timestamp](data, n), valid)
	case *array.Decimal128Builder:
		return 16 * n, appendDecimals(b, data, typ, valid, n)
	case *array.StringBuilder:
		size := 4 * n
		for i, s := range vector[stringT](data, n) {
			if valid != nil && !valid[i] {
				b.AppendNull()
				continue
			}
			text := s.text()
			size += len(text)
			b.Append(text)
		}
		return size, nil
	default:
		return 0, faulted("type")
	}
	return 8 * n, nil
}

// booleans copies n bytes as booleans. Where a value is NULL the engine leaves any
// byte, and one other than 0 and 1, taken for a bool, would change its neighbors
// when they are packed.
func booleans(data unsafe.Pointer, n int) []bool {
	out := make([]bool, n)
	for i, v := range vector[byte](data, n) {
		out[i] = v != 0
	}
	return out
}

// validity expands a mask; nil stands for no nulls.
func validity(mask unsafe.Pointer, n int) []bool {
	if mask == nil {
		return nil
	}
	words := vector[uint64](mask, (n+63)/64)
	valid := make([]bool, n)
	for i := range valid {
		valid[i] = words[i/64]>>(i%64)&1 == 1
	}
	return valid
}

// hugeLimit is the first whole number that decimal(38,0) cannot hold.
var hugeLimit = decimal128.FromBigInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(38), nil))

func appendDecimals(b *array.Decimal128Builder, data unsafe.Pointer, typ string, valid []bool, n int) error {
	precision, _, ok := wire.Decimal(typ)
	if !ok {
		precision = 38 // HUGEINT
	}
	var at func(i int) decimal128.Num
	switch {
	case precision <= 4:
		v := vector[int16](data, n)
		at = func(i int) decimal128.Num { return decimal128.FromI64(int64(v[i])) }
	case precision <= 9:
		v := vector[int32](data, n)
		at = func(i int) decimal128.Num { return decimal128.FromI64(int64(v[i])) }
	case precision <= 18:
		v := vector[int64](data, n)
		at = func(i int) decimal128.Num { return decimal128.FromI64(v[i]) }
	default:
		v := vector[[2]uint64](data, n)
		at = func(i int) decimal128.Num { return decimal128.New(int64(v[i][1]), v[i][0]) }
	}
	for i := range n {
		if valid != nil && !valid[i] {
			b.AppendNull()
			continue
		}
		d := at(i)
		if abs := d.Abs(); abs.Sign() < 0 || abs.Cmp(hugeLimit) >= 0 {
			return faulted("out_of_range")
		}
		b.Append(d)
	}
	return nil
}
