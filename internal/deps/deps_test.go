package deps_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed lists, for each package of the module, which other packages of the
// module it may import. Leaves import none: query translates between them.
var allowed = map[string][]string{
	"internal/raw":          {},
	"internal/city":         {},
	"internal/deps":         {},
	"internal/interleave":   {"internal/stopwatch"},
	"internal/requirements": {},
	"internal/stopwatch":    {},
	"masking":               {"internal/raw", "masking/china", "masking/detect", "masking/ff1", "masking/identifier", "masking/lanes", "masking/prf"},
	"masking/china":         {},
	"masking/detect":        {"masking/china"},
	"masking/effect":        {},
	"masking/ff1":           {"masking/lanes"},
	"masking/identifier":    {"masking/ff1", "masking/lanes"},
	"masking/lanes":         {},
	"masking/maskbench":     {"internal/city", "internal/stopwatch", "masking", "masking/lanes"},
	"masking/maskingtest":   {"masking", "masking/china", "masking/detect"},
	"masking/prf":           {"masking/lanes"},
	"quality":               {"masking/china"},
	"catalogue":             {},
	"config":                {},
	"zone":                  {"internal/raw", "masking", "masking/detect", "quality"}, // a load says what its columns look like; rows are given to checkers
	"sandbox/internal/wire": {},
	"sandbox":               {"sandbox/internal/wire"},
	"sandbox/worker":        {"sandbox/internal/wire"},
	"policy":                {"policy/calendar"}, // a term of a pack is counted in working days
	"policy/calendar":       {},
	"registry":              {},
	"workflow":              {},
	"keys":                  {},
	"keys/keystest":         {"keys"},
	"openid":                {},
	"openid/openidtest":     {},
	"release":               {},
	"release/disclosure":    {},
	"release/ledger":        {},
	"audit":                 {},
	"query/ast":             {},
	"query/ast/asttest":     {"query/ast"},
	"query/analysis":        {"query/ast"},
	"query":                 {"audit", "catalogue", "feed", "keys", "masking", "masking/china", "masking/detect", "masking/effect", "openid", "policy", "policy/calendar", "query/analysis", "query/ast", "quality", "registry", "release", "release/disclosure", "release/ledger", "repeats", "sandbox", "workflow", "zone"}, // numbers that people are called by are checked as those of data are
	"repeats":               {"masking/lanes", "masking/prf"},
	"drop":                  {},
	"feed":                  {},
	"bench":                 {},
	"bench/native":          {"bench/registers"},
	"bench/registers":       {},
	"query/querytest":       {"keys", "keys/keystest", "query", "registry", "release"},
	"api":                   {"quality", "query"},
	"cmd/zonebox":           {"api", "audit", "catalogue", "config", "drop", "feed", "internal/city", "keys", "masking/maskbench", "openid", "policy", "quality", "query", "registry", "release", "sandbox"}, // bundles are built and signed where no gate is
	"cmd/zonebox-worker":    {"query/ast", "sandbox/worker"},
	"internal/dist":         {},
}

// alsoInTests lists what only the test files of a package may import besides.
var alsoInTests = map[string][]string{
	"masking":            {"internal/interleave", "masking/maskingtest"},
	"masking/ff1":        {"internal/interleave"},
	"masking/lanes":      {"internal/interleave"},
	"masking/prf":        {"internal/interleave"},
	"query":              {"internal/city", "internal/stopwatch", "keys/keystest", "query/ast/asttest", "query/querytest"},
	"query/ast":          {"query/ast/asttest"},
	"query/analysis":     {"query/ast/asttest"},
	"sandbox":            {"query/ast"},
	"masking/detect":     {"internal/city"}, // invented people to be found
	"policy":             {"internal/stopwatch"},
	"masking/effect":     {"masking"}, // whose kinds have techniques
	"release":            {"keys"},
	"release/disclosure": {"internal/stopwatch"},
	"release/ledger":     {"internal/stopwatch"},
	"api":                {"keys", "openid", "openid/openidtest", "query/querytest", "registry"},
	"openid":             {"openid/openidtest"},
	"bench":              {"bench/registers", "internal/city", "internal/stopwatch", "masking", "masking/ff1", "masking/lanes", "masking/maskbench", "masking/prf", "query", "query/analysis", "query/ast", "query/querytest", "registry", "sandbox"}, // a rewrite beside its statement, each in a worker
	"cmd/zonebox":        {"keys/keystest", "masking", "query/querytest", "zone"},
	"masking/identifier": {"internal/interleave"},
	"keys":               {"keys/keystest"},
	"repeats":            {"internal/city"}, // registers that are no repetitions
	"registry":           {"masking"},       // its schema lists what masking knows
}

// owners names the only packages that may import a big dependency.
var owners = map[string][]string{
	"github.com/open-policy-agent/opa":       {"policy"},
	"github.com/gin-gonic/gin":               {"api"},
	"github.com/danielgtaylor/huma":          {"api"},
	"github.com/prometheus/":                 {"api"},
	"github.com/duckdb/":                     {"bench/native", "sandbox/worker"}, // the engine alone, to measure the product against
	"github.com/transparency-dev/tessera":    {"audit"},
	"github.com/landlock-lsm/go-landlock":    {"sandbox", "sandbox/worker"},
	"modernc.org/sqlite":                     {"registry", "workflow"},
	"github.com/pressly/goose":               {"registry"},
	"github.com/santhosh-tekuri/":            {"registry", "policy"},
	"github.com/knadh/koanf":                 {"config"},
	"go.yaml.in/yaml":                        {"config"}, // which tells lines
	"github.com/spf13/cobra":                 {"cmd/zonebox"},
	"github.com/jedib0t/go-pretty":           {"cmd/zonebox"},
	"github.com/schollz/progressbar":         {"cmd/zonebox"},
	"github.com/tink-crypto/tink-go":         {"bench", "keys", "keys/keystest", "masking/prf", "release", "zone"}, // keystest: a root that costs little to guess
	"github.com/pquerna/otp":                 {"query"},
	"github.com/boombuler/barcode":           {"cmd/zonebox"},
	"github.com/coreos/go-oidc":              {"openid"},
	"golang.org/x/oauth2":                    {"openid"},
	"golang.org/x/crypto":                    {"keys", "keys/keystest"},
	"github.com/jackc/pgx":                   {"sandbox/worker"},
	"github.com/go-sql-driver/mysql":         {"sandbox/worker"},
	"github.com/apache/arrow-go/v18/parquet": {"cmd/zonebox", "internal/city", "release", "sandbox", "sandbox/worker"},
}

// oracles lists the owners' dependencies that tests of others may ask what is right.
var oracles = map[string][]string{
	"modernc.org/sqlite":             {"sandbox", "sandbox/worker"}, // the reader of SQLite files is our own
	"github.com/pquerna/otp":         {"api", "cmd/zonebox"},        // its codes are what authenticators show
	"github.com/jackc/pgx":           {"query", "sandbox"},          // they fill the servers that a worker reads
	"github.com/go-sql-driver/mysql": {"query", "sandbox"},
}

const module = "zonebox"

// TestImportsFollowTheArchitecture reads the files themselves: a test that
// asked the go command would keep its cached pass after a forbidden import
// appeared.
func TestImportsFollowTheArchitecture(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	files := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		files++
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(rel)
		seen[pkg] = true
		test := strings.HasSuffix(path, "_test.go")
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if msg := verdict(pkg, imp, test); msg != "" {
				t.Errorf("%s: %s", filepath.Join(rel, filepath.Base(path)), msg)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("read %d Go files under %s, want the whole module", files, root)
	}
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("the table names package %s, which does not exist", pkg)
		}
	}
}

// verdict returns why pkg may not import imp, or "".
func verdict(pkg, imp string, test bool) string {
	own, ok := allowed[pkg]
	if !ok {
		return "package " + pkg + " is not in the table of allowed imports"
	}
	if rest, ours := strings.CutPrefix(imp, module+"/"); ours {
		switch {
		case slices.Contains(own, rest):
		case test && (rest == pkg || slices.Contains(alsoInTests[pkg], rest)):
		default:
			return "must not import " + imp
		}
		return ""
	}
	for prefix, pkgs := range owners {
		if strings.HasPrefix(imp, prefix) && !slices.Contains(pkgs, pkg) && !(test && slices.Contains(oracles[prefix], pkg)) {
			return "must not import " + imp + ", which belongs to " + strings.Join(pkgs, ", ")
		}
	}
	return ""
}

func TestVerdictRefusesWhatTheTableForbids(t *testing.T) {
	for _, tt := range []struct {
		pkg, imp string
		test     bool
		ok       bool
	}{
		{"zone", "zonebox/internal/raw", false, true},
		{"query", "zonebox/internal/raw", false, false},
		{"masking", "zonebox/zone", false, false},
		{"policy", "github.com/open-policy-agent/opa/v1/rego", false, true},
		{"query", "github.com/open-policy-agent/opa/v1/rego", false, false},
		{"query", "github.com/duckdb/duckdb-go/v2", true, false},
		{"query", "zonebox/query", true, true},
		{"query", "zonebox/internal/city", true, true},
		{"query", "zonebox/internal/city", false, false},
		{"sandbox/worker", "modernc.org/sqlite", true, true},
		{"sandbox/worker", "modernc.org/sqlite", false, false},
		{"elsewhere", "fmt", false, false},
	} {
		if got := verdict(tt.pkg, tt.imp, tt.test) == ""; got != tt.ok {
			t.Errorf("verdict(%s imports %s, test %v) allowed = %v, want %v", tt.pkg, tt.imp, tt.test, got, tt.ok)
		}
	}
}
