//go:build duckdb_arrow

package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	duckdb "github.com/duckdb/duckdb-go-bindings"
	"golang.org/x/sys/unix"

	"zonebox/bench/registers"
)

// A request fills the tables (Rows), or runs a statement, answering with its
// rows (Cells) or with how long it took.
type request struct {
	Rows    int64  `json:"rows,omitempty"`
	Threads int    `json:"threads,omitempty"`
	SQL     string `json:"sql,omitempty"`
	Cells   bool   `json:"cells,omitempty"`
}

// An answer to a request. Nanoseconds run from the statement's text to the last
// value of its last row in Arrow memory.
type answer struct {
	Nanoseconds int64      `json:"ns"`
	Processor   int64      `json:"cpu_ns"` // nanoseconds of all threads meanwhile
	Rows        int64      `json:"rows"`
	Types       []string   `json:"types,omitempty"`
	Cells       [][]string `json:"cells,omitempty"`
	Error       string     `json:"error,omitempty"`
}

// null is how a missing value shows among cells.
const null = "∅"

func main() {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	var conn duckdb.Connection
	for {
		var q request
		if err := in.Decode(&q); err != nil {
			return // the other side is gone
		}
		var a answer
		var err error
		if q.Rows > 0 {
			conn, err = fill(q.Rows, q.Threads)
		} else {
			a, err = run(conn, q)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			log.Fatal(err)
		}
	}
}

// fill opens a database in memory, with the engine's own settings but for the
// threads, and fills a table of the engine's own for each register.
func fill(rows int64, threads int) (duckdb.Connection, error) {
	var config duckdb.Config
	var db duckdb.Database
	var conn duckdb.Connection
	var text string
	if duckdb.CreateConfig(&config) != duckdb.StateSuccess ||
		duckdb.SetConfig(config, "threads", strconv.Itoa(threads)) != duckdb.StateSuccess ||
		duckdb.OpenExt(":memory:", &db, config, &text) != duckdb.StateSuccess || duckdb.Connect(db, &conn) != duckdb.StateSuccess {
		return conn, fmt.Errorf("native: open engine: %s", text)
	}
	for _, r := range registers.City(rows) {
		if err := fillTable(conn, r); err != nil {
			return conn, fmt.Errorf("native: fill %s: %w", r.Name, err)
		}
	}
	return conn, nil
}

func fillTable(conn duckdb.Connection, r registers.Register) error {
	var columns []string
	for _, c := range r.Columns {
		columns = append(columns, c.Name+" "+engineType(c.Type))
	}
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	if duckdb.Query(conn, "CREATE TABLE "+r.Name+" ("+strings.Join(columns, ", ")+")", &res) != duckdb.StateSuccess {
		return fmt.Errorf("create: %s", duckdb.ResultError(&res))
	}
	schema, failed := duckdb.SchemaFromArrow(conn, r.Schema())
	defer duckdb.DestroyErrorData(&failed)
	defer duckdb.DestroyArrowConvertedSchema(&schema)
	if duckdb.ErrorDataHasError(failed) {
		return fmt.Errorf("schema: %s", duckdb.ErrorDataMessage(failed))
	}
	var to duckdb.Appender
	defer duckdb.AppenderDestroy(&to)
	if duckdb.AppenderCreate(conn, "", r.Name, &to) != duckdb.StateSuccess {
		return fmt.Errorf("append: %s", duckdb.AppenderError(to))
	}
	for from := int64(0); from < r.Rows; from += registers.BatchRows {
		if err := appendBatch(conn, to, schema, r.Batch(from, min(r.Rows, from+registers.BatchRows))); err != nil {
			return err
		}
	}
	if duckdb.AppenderClose(to) != duckdb.StateSuccess {
		return fmt.Errorf("append: %s", duckdb.AppenderError(to))
	}
	return nil
}

// engineType returns the engine's name of a catalogue type.
func engineType(t string) string {
	if rest, ok := strings.CutPrefix(t, "decimal"); ok {
		return "DECIMAL" + rest
	}
	return map[string]string{"string": "VARCHAR", "int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN", "date": "DATE", "timestamp": "TIMESTAMP"}[t]
}

// appendBatch releases batch.
func appendBatch(conn duckdb.Connection, to duckdb.Appender, schema duckdb.ArrowConvertedSchema, batch arrow.RecordBatch) error {
	defer batch.Release()
	step := int64(duckdb.VectorSize())
	for from := int64(0); from < batch.NumRows(); from += step {
		part := batch.NewSlice(from, min(batch.NumRows(), from+step))
		chunk, failed := duckdb.DataChunkFromArrow(conn, part, schema)
		if duckdb.ErrorDataHasError(failed) {
			return fmt.Errorf("convert: %s", duckdb.ErrorDataMessage(failed))
		}
		state := duckdb.AppendDataChunk(to, chunk)
		duckdb.DestroyDataChunk(&chunk)
		duckdb.DestroyErrorData(&failed)
		runtime.KeepAlive(part)
		part.Release()
		if state != duckdb.StateSuccess {
			return fmt.Errorf("append: %s", duckdb.AppenderError(to))
		}
	}
	return nil
}

// run executes a statement and reads all of its rows into Arrow memory.
func run(conn duckdb.Connection, q request) (answer, error) {
	var a answer
	var res duckdb.Result
	defer duckdb.DestroyResult(&res)
	began, used := time.Now(), processor()
	if duckdb.Query(conn, q.SQL, &res) != duckdb.StateSuccess {
		return a, fmt.Errorf("native: %s", duckdb.ResultError(&res))
	}
	options := duckdb.ResultGetArrowOptions(&res)
	defer duckdb.DestroyArrowOptions(&options)
	schema, err := resultSchema(&res, options)
	if err != nil {
		return a, err
	}
	var batches []arrow.RecordBatch
	for {
		chunk := duckdb.FetchChunk(res)
		if chunk.Ptr == nil {
			break
		}
		batch, failed := duckdb.DataChunkToArrowArray(options, schema, chunk)
		duckdb.DestroyDataChunk(&chunk)
		if duckdb.ErrorDataHasError(failed) {
			return a, fmt.Errorf("native: read: %s", duckdb.ErrorDataMessage(failed))
		}
		duckdb.DestroyErrorData(&failed)
		a.Rows += batch.NumRows()
		batches = append(batches, batch)
	}
	a.Nanoseconds, a.Processor = time.Since(began).Nanoseconds(), processor()-used
	if q.Cells {
		for _, f := range schema.Fields() {
			a.Types = append(a.Types, f.Type.Name())
		}
	}
	for _, b := range batches {
		if q.Cells {
			a.Cells = append(a.Cells, cells(b)...)
		}
		b.Release()
	}
	return a, nil
}

func resultSchema(res *duckdb.Result, options duckdb.ArrowOptions) (*arrow.Schema, error) {
	var types []duckdb.LogicalType
	var names []string
	for i := range duckdb.ColumnCount(res) {
		types, names = append(types, duckdb.ColumnLogicalType(res, i)), append(names, duckdb.ColumnName(res, i))
	}
	schema, failed := duckdb.NewArrowSchema(options, types, names)
	for i := range types {
		duckdb.DestroyLogicalType(&types[i])
	}
	defer duckdb.DestroyErrorData(&failed)
	if duckdb.ErrorDataHasError(failed) {
		return nil, fmt.Errorf("native: schema: %s", duckdb.ErrorDataMessage(failed))
	}
	return schema, nil
}

func cells(b arrow.RecordBatch) [][]string {
	out := make([][]string, b.NumRows())
	for i := range out {
		out[i] = make([]string, b.NumCols())
		for c, column := range b.Columns() {
			if out[i][c] = null; column.IsValid(i) {
				out[i][c] = strings.Clone(column.ValueStr(i)) // a text is a view of the batch
			}
		}
	}
	return out
}

// processor returns the nanoseconds that this process has had on processors.
func processor() int64 {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		log.Fatal(err)
	}
	return used.Utime.Nano() + used.Stime.Nano()
}
