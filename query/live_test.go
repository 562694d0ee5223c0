package query_test

import (
	"errors"
	"testing"
	"time"

	"zonebox/query/ast"
	"zonebox/query/ast/asttest"
	"zonebox/query/querytest"
	"zonebox/sandbox"
)

func TestMain(m *testing.M) { querytest.Main(m) }

// livePool returns a pool of workers that ends with the test.
func livePool(t *testing.T, idle int) *sandbox.Pool {
	t.Helper()
	p, err := sandbox.NewPool(sandbox.Config{Worker: querytest.Worker(t), Pool: idle, Threads: 1, Wall: 5 * time.Minute})
	if err != nil {
		t.Fatalf("NewPool() = %v", err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// liveSession returns a worker that lives as long as the test.
func liveSession(t *testing.T, p *sandbox.Pool) *sandbox.Session {
	t.Helper()
	s, err := p.Start(t.Context())
	if err != nil {
		t.Fatalf("Start() = %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// The engine that the worker links parses the corpus as it was recorded, and
// parses what Print wrote to an equal tree; whatever was refused still is.
func TestTheEngineParsesTheCorpusAsRecorded(t *testing.T) {
	s := liveSession(t, livePool(t, 1))
	trees := asttest.Trees(t, "ast/testdata")
	accepted, refused := 0, 0
	for _, l := range asttest.Statements(t, "ast/testdata") {
		got, err := liveTree(t, s, l.SQL)
		if l.Refused != nil {
			if err == nil {
				t.Errorf("%s\nis accepted, want it refused", l.SQL)
			}
			refused++
			continue
		}
		if err != nil {
			t.Errorf("%s\n%v", l.SQL, err)
			continue
		}
		accepted++
		want, err := ast.Decode([]byte(trees[l.SQL]))
		if err != nil {
			t.Fatalf("%s\nrecorded tree: %v", l.SQL, err)
		}
		if !ast.Equal(got, want) {
			t.Errorf("%s\nparses to another tree than recorded", l.SQL)
		}
		printed := ast.Print(got)
		if printed != l.Print {
			t.Errorf("%s\n got %s\nwant %s", l.SQL, printed, l.Print)
		}
		again, err := liveTree(t, s, printed)
		if err != nil {
			t.Errorf("%s\nprinted as\n%s\n%v", l.SQL, printed, err)
			continue
		}
		if !ast.Equal(again, got) {
			t.Errorf("%s\nprinted as\n%s\nparses to another tree", l.SQL, printed)
		}
		// What is approved is the hash of the print's tree: printing that tree
		// again gives the same text, and the recording of it has the same hash.
		if twice := ast.Print(again); twice != printed {
			t.Errorf("%s\nprinted as\n%s\nprints as\n%s", l.SQL, printed, twice)
		}
		h := liveHash(t, s, printed)
		if recorded, err := ast.HashJSON([]byte(trees[printed])); err != nil || recorded != h {
			t.Errorf("%s\nprint hashes to %x, recorded %x (%v)", l.SQL, h, recorded, err)
		}
	}
	if accepted < 2000 || refused < 40 {
		t.Errorf("%d statements accepted and %d refused, want at least 2000 and 40", accepted, refused)
	}
}

// liveTree returns the decoded tree of sql, or why parsing or decoding refuses.
func liveTree(t *testing.T, s *sandbox.Session, sql string) (ast.Query, error) {
	t.Helper()
	raw, err := s.Parse(t.Context(), sql)
	if err != nil {
		if _, ok := errors.AsType[*sandbox.StatementError](err); !ok {
			t.Fatalf("Parse(%q) = %v", sql, err)
		}
		return nil, err
	}
	return ast.Decode(raw)
}

func liveHash(t *testing.T, s *sandbox.Session, sql string) [32]byte {
	t.Helper()
	raw, err := s.Parse(t.Context(), sql)
	if err != nil {
		t.Fatalf("Parse(%q) = %v", sql, err)
	}
	h, err := ast.HashJSON(raw)
	if err != nil {
		t.Fatalf("HashJSON(%q) = %v", sql, err)
	}
	return h
}
