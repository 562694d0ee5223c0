package worker

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	duckdb "github.com/duckdb/duckdb-go-bindings"

	"zonebox/sandbox/internal/wire"
)

// register is 200,000 visits as CSV, some 14 MB.
func register() (csv []byte, columns []wire.Column) {
	var b bytes.Buffer
	b.WriteString("visit_id,id_number,visit_date,district,department,diagnosis,cost\n")
	for n := range 200_000 {
		fmt.Fprintf(&b, "MZ%012d,32010%d%04d0101%04d,2026-%02d-%02d,32010%d,内科,I10,%d.25\n", n, 1+n%6, 1950+n%50, n%10000, 1+n%12, 1+n%28, n%4, 100+n%1000)
	}
	for _, name := range []string{"visit_id", "id_number", "visit_date", "district", "department", "diagnosis", "cost"} {
		columns = append(columns, wire.Column{Name: name, Type: map[string]string{"visit_date": "DATE", "cost": "DECIMAL(12,2)"}[name]})
		if c := &columns[len(columns)-1]; c.Type == "" {
			c.Type = "VARCHAR"
		}
	}
	return b.Bytes(), columns
}

// BenchmarkDeliveries parses the same register from each kind of file, up to the
// frames that the gate gets. engine is what a load is held against: DuckDB's own
// CSV → Parquet (zstd) of the same file, on as many threads. MB/s are of the CSV.
func BenchmarkDeliveries(b *testing.B) {
	csv, columns := register()
	var lines, packed bytes.Buffer
	for i, row := range strings.Split(strings.TrimSpace(string(csv)), "\n") {
		if i == 0 {
			continue
		}
		object := map[string]string{}
		for c, v := range strings.Split(row, ",") {
			object[columns[c].Name] = v
		}
		line, err := json.Marshal(object)
		if err != nil {
			b.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	g := gzip.NewWriter(&packed)
	if _, err := g.Write(csv); err != nil || g.Close() != nil {
		b.Fatal("gzip")
	}
	dir := b.TempDir()
	path := filepath.Join(dir, "visits.csv")
	if err := os.WriteFile(path, csv, 0o600); err != nil {
		b.Fatal(err)
	}
	engine := func(sql string) {
		b.Helper()
		var db duckdb.Database
		var conn duckdb.Connection
		var result duckdb.Result
		if duckdb.Open("", &db) != duckdb.StateSuccess || duckdb.Connect(db, &conn) != duckdb.StateSuccess {
			b.Fatal("open")
		}
		if duckdb.Query(conn, sql, &result) != duckdb.StateSuccess {
			b.Fatal(duckdb.ResultError(&result))
		}
		duckdb.DestroyResult(&result)
		duckdb.Disconnect(&conn)
		duckdb.Close(&db)
	}
	const read = "(SELECT * FROM read_csv('%[1]s/visits.csv', header = true, columns = {visit_id: VARCHAR, id_number: VARCHAR, visit_date: DATE, district: VARCHAR, department: VARCHAR, diagnosis: VARCHAR, cost: 'DECIMAL(12,2)'}))"
	engine(fmt.Sprintf("COPY "+read+" TO '%[1]s/visits.parquet' (FORMAT parquet, COMPRESSION zstd)", dir))
	parquet, err := os.ReadFile(filepath.Join(dir, "visits.parquet"))
	if err != nil {
		b.Fatal(err)
	}
	var insert strings.Builder
	for i, row := range strings.Split(strings.TrimSpace(string(csv)), "\n")[1:] {
		if i%500 == 0 {
			if i > 0 {
				insert.WriteString(";")
			}
			insert.WriteString("INSERT INTO visits VALUES ")
		} else {
			insert.WriteString(",")
		}
		insert.WriteString("('" + strings.ReplaceAll(row, ",", "','") + "')")
	}
	sqlite := sqliteBytes(b, "CREATE TABLE visits(visit_id TEXT, id_number TEXT, visit_date TEXT, district TEXT, department TEXT, diagnosis TEXT, cost TEXT)", "BEGIN", insert.String(), "COMMIT")
	for _, c := range []struct {
		name string
		m    wire.DeliverMessage
		file []byte
	}{
		{"csv", wire.DeliverMessage{Format: "csv"}, csv},
		{"csv_gb18030", wire.DeliverMessage{Format: "csv", Encoding: "gb18030"}, []byte(gbOf(b, string(csv)))},
		{"csv_gzip", wire.DeliverMessage{Format: "csv", Packing: "gzip"}, packed.Bytes()},
		{"json_lines", wire.DeliverMessage{Format: "jsonl"}, lines.Bytes()},
		{"parquet", wire.DeliverMessage{Format: "parquet"}, parquet},
		{"sqlite", wire.DeliverMessage{Format: "sqlite"}, sqlite},
	} {
		c.m.Columns, c.m.Decoded, c.m.Memory = columns, 1<<30, 1<<30
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(csv)))
			for b.Loop() {
				schema, err := wire.ArrowSchema(columns)
				if err != nil {
					b.Fatal(err)
				}
				out := &emitter{write: func([]byte) error { return nil }, columns: columns, schema: schema, allowed: 1 << 30,
					builder: array.NewRecordBuilder(memory.DefaultAllocator, schema)}
				if c.m.Format == "parquet" || c.m.Format == "sqlite" {
					err = readDelivery(c.m, nil, c.file, out)
				} else {
					err = readDelivery(c.m, bytes.NewReader(c.file), nil, out)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(200_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprint("engine_csv_to_parquet_threads_", threads), func(b *testing.B) {
			b.SetBytes(int64(len(csv)))
			for b.Loop() {
				engine(fmt.Sprintf("SET threads = %[2]d; COPY "+read+" TO '%[1]s/out.parquet' (FORMAT parquet, COMPRESSION zstd)", dir, threads))
			}
			b.ReportMetric(200_000*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
