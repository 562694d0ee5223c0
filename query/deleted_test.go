package query_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zonebox/query"
	"zonebox/query/querytest"
)

// Rows of the registry are sealed one by one: whoever writes the file can take
// the newest of a document away and so bring an older one back into force. The
// log knows better.
func TestARegistryWhoseNewestRowsWereDeletedIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, statement string }{
		{"the newest version of a document", `DELETE FROM documents WHERE kind = 'Dataset' AND name = 'beds' AND version = 2`},
		{"a document", `DELETE FROM documents WHERE kind = 'Grant' AND name = (SELECT min(name) FROM documents WHERE kind = 'Grant')`},
		{"the newest data of a dataset", `DELETE FROM data_events WHERE dataset = 'beds' AND revision = (SELECT max(revision) FROM data_events WHERE dataset = 'beds')`},
		{"older data of a dataset", `DELETE FROM data_events WHERE dataset = 'beds' AND revision = (SELECT min(revision) FROM data_events WHERE dataset = 'beds')`},
		{"the epoch", `UPDATE registry_state SET epoch = 0`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := querytest.City(t, querytest.Options{Idle: 1})
			beds, err := os.ReadFile(filepath.Join("querytest", "city", "beds.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			d.Apply("qian.hospital", strings.Replace(string(beds), "title: 医院床位", "title: 医院床位(更新)", 1))
			d.LoadTable("beds", querytest.Registers().Beds)
			missed(t, d, tt.statement)
		})
	}
}

// missed has a statement change one row of the registry's file, and fails the test
// unless the domain opened before and does not any more.
func missed(t *testing.T, d *querytest.Domain, statement string) {
	t.Helper()
	d.Reopen() // nothing was touched: the control
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(d.Config.Domain, "registry.db"))
	if err != nil {
		t.Fatal(err)
	}
	res, err := db.Exec(statement)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		t.Fatalf("changed %d rows: %v, want 1", n, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	e, err := query.Open(t.Context(), d.Config)
	if err == nil {
		err = errors.Join(errors.New("the domain opened"), e.Close())
		t.Fatal(err)
	}
	if !errors.Is(err, query.ErrRollback) {
		t.Errorf("open = %v, want ErrRollback", err)
	}
}
