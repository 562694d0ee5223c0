//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"zonebox/api"
)

var updateVerbs = flag.Bool("update-verbs", false, "write testdata/verbs.txt anew")

// local are the verbs that ask no gate: they work on files alone, or open the domain
// folder themselves and need its files or keys.
var local = strings.Fields(`
	init serve demo city user version bench/masking sign open inspect config/check config/show config/example
	manifest/sign policy/build policy/sign audit/verify backup/restore backup/accept shred/verify
`)

// TestEveryVerbHasItsRoutes: testdata/verbs.txt says which routes of the gate each verb
// asks, and api's table, which a test asserts cell by cell, says of each route who may.
// A verb that asks nothing is among the local ones; of any other nobody has said who
// may, and it fails.
func TestEveryVerbHasItsRoutes(t *testing.T) {
	routes := routesOfMethods(t)
	found := verbsIn(t, parseVerbs(t), routes)
	var text strings.Builder
	for _, v := range slices.Sorted(maps.Keys(found)) {
		if isLocal := slices.Contains(local, v); isLocal != (len(found[v]) == 0) {
			t.Errorf("verb %s asks %q: local is %v", v, found[v], isLocal)
		}
		if len(found[v]) > 0 {
			fmt.Fprintf(&text, "%s: %s\n", v, strings.Join(found[v], ", "))
		}
	}
	path := filepath.Join("testdata", "verbs.txt")
	if *updateVerbs {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != text.String() {
		t.Errorf("the verbs ask\n%s\nand testdata/verbs.txt says otherwise; write it anew with -update-verbs, and docs/ACCESS.md after it", text.String())
	}
	// Every method of the client serves a verb, or who may call it nobody can tell.
	for m, all := range routes {
		for _, r := range all {
			if !strings.Contains(text.String(), r) {
				t.Errorf("no verb asks %s, which %s does", r, m)
			}
		}
	}
}

// routesOfMethods calls every method of api.Client against a socket that records what it
// asks, and returns the routes as the table of api spells them.
func routesOfMethods(t *testing.T) map[string][]string {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.URL.EscapedPath())
		mu.Unlock()
		fmt.Fprint(w, "null")
	}), ReadHeaderTimeout: time.Minute}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	client := reflect.ValueOf(api.NewClient(socket, "x", "li.op", "en", func(m []byte) []byte { return m[:1] }, time.Now))
	table := tableOfRoutes(t)
	out := map[string][]string{}
	for i := range client.NumMethod() {
		name := client.Type().Method(i).Name
		for without := -1; without < client.Method(i).Type().NumIn(); without++ { // a name left out may be another route
			asked = nil
			callWith(t, client.Method(i), without)
			if len(asked) == 0 {
				t.Errorf("%s asks nothing", name)
			}
			for _, a := range asked {
				r := routeOf(table, a)
				if r == "" && without < 0 {
					t.Errorf("%s asks %s, which has no row in docs/ACCESS.md", name, a)
				}
				if r != "" && !slices.Contains(out[name], r) {
					out[name] = append(out[name], r)
				}
			}
		}
	}
	if len(out) < 80 {
		t.Fatalf("%d methods: the test shows nothing", len(out))
	}
	return out
}

// callWith calls a method with texts for texts, but for one, and empty values for the
// rest.
func callWith(t *testing.T, method reflect.Value, without int) {
	t.Helper()
	var in []reflect.Value
	for i := range method.Type().NumIn() {
		switch p := method.Type().In(i); {
		case p == reflect.TypeFor[context.Context]():
			in = append(in, reflect.ValueOf(t.Context()))
		case p == reflect.TypeFor[io.Reader]():
			in = append(in, reflect.ValueOf(io.Reader(strings.NewReader("x"))))
		case p.Kind() == reflect.String && i != without:
			in = append(in, reflect.ValueOf("x"))
		case p == reflect.TypeFor[[]byte]():
			in = append(in, reflect.ValueOf([]byte("{}")))
		default:
			in = append(in, reflect.Zero(p))
		}
	}
	method.Call(in)
}

// tableOfRoutes returns the routes that docs/ACCESS.md has rows of.
func tableOfRoutes(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "ACCESS.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(page)) {
		cell, ok := strings.CutPrefix(line, "| `")
		route, _, _ := strings.Cut(cell, "`")
		if f := strings.Fields(route); ok && len(f) == 2 && strings.HasPrefix(f[1], "/v1/") && !slices.Contains(all, route) {
			all = append(all, route)
		}
	}
	return all
}

// routeOf returns the route that a request is of, "" if of none. One without names goes
// before one with.
func routeOf(table []string, request string) string {
	method, path, _ := strings.Cut(request, " ")
	parts := strings.Split(path, "/")
	best := ""
	for _, r := range table {
		m, p, _ := strings.Cut(r, " ")
		pattern := strings.Split(p, "/")
		if m != method || len(pattern) != len(parts) {
			continue
		}
		fits := true
		for i, part := range pattern {
			fits = fits && (part == parts[i] || strings.HasPrefix(part, ":") && parts[i] != "")
		}
		if fits && (best == "" || strings.Count(r, ":") < strings.Count(best, ":")) {
			best = r
		}
	}
	return best
}

// program is the source of this command by the names of its functions.
type program struct {
	funcs map[string][]*ast.FuncDecl // methods by their names, whosever they are
	verbs map[string]*ast.FuncDecl   // those that return a command
}

func parseVerbs(t *testing.T) *program {
	t.Helper()
	p := &program{map[string][]*ast.FuncDecl{}, map[string]*ast.FuncDecl{}}
	names, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_other.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			p.funcs[f.Name.Name] = append(p.funcs[f.Name.Name], f)
			if r := f.Type.Results; r != nil && len(r.List) == 1 && source(r.List[0].Type) == "*cobra.Command" {
				p.verbs[f.Name.Name] = f
			}
		}
	}
	return p
}

// source is a type as it is written.
func source(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return "*" + source(e.X)
	case *ast.SelectorExpr:
		return source(e.X) + "." + e.Sel.Name
	case *ast.Ident:
		return e.Name
	case *ast.ParenExpr:
		return source(e.X)
	}
	return ""
}

// verbsIn returns the routes of every verb that runs, by its name.
func verbsIn(t *testing.T, p *program, routes map[string][]string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	root := (&app{}).root()
	p.below(t, root, p.verbs["root"], nil, routes, out)
	var all func(c *cobra.Command)
	all = func(c *cobra.Command) {
		name := strings.ReplaceAll(strings.TrimPrefix(c.CommandPath(), "zonebox "), " ", "/")
		if _, ok := out[name]; !ok && c.Runnable() && !c.HasSubCommands() && name != "help" && !strings.HasPrefix(name, "completion/") { // cobra's own
			t.Errorf("what verb %s asks is not found", name)
		}
		for _, sub := range c.Commands() {
			all(sub)
		}
	}
	all(root)
	return out
}

// below finds the verbs that the function adds to a command, and those below them. args
// are what it was called with.
func (p *program) below(t *testing.T, c *cobra.Command, f *ast.FuncDecl, args []ast.Expr, routes map[string][]string, out map[string][]string) {
	t.Helper()
	if c.Runnable() && !c.HasSubCommands() {
		name := strings.ReplaceAll(strings.TrimPrefix(c.CommandPath(), "zonebox "), " ", "/")
		all := []string{}
		for _, m := range p.asks(f, args, routes) {
			for _, r := range routes[m] {
				if !slices.Contains(all, r) {
					all = append(all, r)
				}
			}
		}
		slices.Sort(all)
		out[name] = all
	}
	children := map[string]*cobra.Command{}
	for _, sub := range c.Commands() {
		children[sub.Name()] = sub
	}
	type made struct {
		f    *ast.FuncDecl
		args []ast.Expr
	}
	var unnamed []made
	ast.Inspect(f.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if sel, is := selector(call, ok); !is || sel.Sel.Name != "AddCommand" {
			return true
		}
		for _, arg := range call.Args {
			sub, ok := arg.(*ast.CallExpr)
			sel, is := selector(sub, ok)
			if !is || p.verbs[sel.Sel.Name] == nil {
				t.Errorf("%s adds a verb in a way this test does not know", f.Name.Name)
				continue
			}
			g := p.verbs[sel.Sel.Name]
			name := p.use(g, sub.Args)
			if child := children[name]; child != nil {
				delete(children, name)
				p.below(t, child, g, sub.Args, routes, out)
			} else {
				unnamed = append(unnamed, made{g, sub.Args})
			}
		}
		return true
	})
	if len(unnamed) > 1 || len(unnamed) == 0 && len(children) > 0 && c.Parent() != nil {
		t.Errorf("%s: %d verbs are added under names that are not written there, and %d are left", c.CommandPath(), len(unnamed), len(children))
		return
	}
	for _, u := range unnamed { // one function for all that are left, by a list
		for _, child := range children {
			p.below(t, child, u.f, u.args, routes, out)
		}
	}
}

func selector(call *ast.CallExpr, ok bool) (*ast.SelectorExpr, bool) {
	if !ok {
		return nil, false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return sel, ok
}

// use returns the name of the verb that f makes of args, "" if it is not written there.
func (p *program) use(f *ast.FuncDecl, args []ast.Expr) (name string) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && name == "" { // a function that makes the verb for it
			if sel, is := selector(call, true); is && p.verbs[sel.Sel.Name] != nil && sel.Sel.Name != f.Name.Name && !adds(f, call) {
				name = p.use(p.verbs[sel.Sel.Name], call.Args)
			}
		}
		kv, ok := n.(*ast.KeyValueExpr)
		if !ok || name != "" || source(kv.Key) != "Use" {
			return true
		}
		value := kv.Value
		for {
			b, ok := value.(*ast.BinaryExpr)
			if !ok {
				break
			}
			value = b.X
		}
		if id, ok := value.(*ast.Ident); ok {
			i := 0
			for _, field := range f.Type.Params.List {
				for _, param := range field.Names {
					if param.Name == id.Name && i < len(args) {
						value = args[i]
					}
					i++
				}
			}
		}
		if lit, ok := value.(*ast.BasicLit); ok {
			text, _ := strconv.Unquote(lit.Value)
			name, _, _ = strings.Cut(text, " ")
		}
		return true
	})
	return name
}

// adds reports whether a call stands among those that f adds as verbs below its own.
func adds(f *ast.FuncDecl, call *ast.CallExpr) (found bool) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		outer, ok := n.(*ast.CallExpr)
		if sel, is := selector(outer, ok); is && sel.Sel.Name == "AddCommand" {
			found = found || slices.ContainsFunc(outer.Args, func(a ast.Expr) bool { return a == call })
		}
		return true
	})
	return found
}

// asks returns the methods of the client that the verb f makes may call, itself or in the
// functions that it calls.
func (p *program) asks(f *ast.FuncDecl, args []ast.Expr, routes map[string][]string) []string {
	found, seen := map[string]bool{}, map[*ast.FuncDecl]bool{}
	var look func(n ast.Node, clients map[string]bool)
	visit := func(f *ast.FuncDecl) {
		if !seen[f] {
			seen[f] = true
			look(f, map[string]bool{})
		}
	}
	look = func(n ast.Node, clients map[string]bool) {
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				if source(n.Type) == "*api.Client" {
					for _, name := range n.Names {
						clients[name.Name] = true
					}
				}
			case *ast.AssignStmt:
				if len(n.Rhs) == 1 {
					call, ok := n.Rhs[0].(*ast.CallExpr)
					if sel, is := selector(call, ok); is {
						p.clients(sel.Sel.Name, n.Lhs, clients)
					}
				}
			case *ast.CallExpr:
				if sel, is := selector(n, true); is && sel.Sel.Name == "AddCommand" {
					return false // of the verbs below, not its own
				}
				if id, ok := n.Fun.(*ast.Ident); ok {
					for _, g := range p.funcs[id.Name] {
						visit(g)
					}
				}
			case *ast.SelectorExpr:
				of := source(n.X)
				_, known := routes[n.Sel.Name]
				if known && (of == "*api.Client" || clients[of] || strings.HasSuffix(of, ".client")) {
					found[n.Sel.Name] = true
					return true
				}
				for _, g := range p.funcs[n.Sel.Name] {
					if g.Recv != nil && p.verbs["root"] != g {
						visit(g)
					}
				}
			}
			return true
		})
	}
	visit(f)
	for _, arg := range args {
		look(arg, map[string]bool{})
	}
	return slices.Sorted(maps.Keys(found))
}

// clients notes which of the variables a call gives a client to.
func (p *program) clients(name string, lhs []ast.Expr, clients map[string]bool) {
	for _, f := range p.funcs[name] {
		if f.Type.Results == nil {
			continue
		}
		for i, r := range f.Type.Results.List {
			if source(r.Type) == "*api.Client" && i < len(lhs) {
				clients[source(lhs[i])] = true
			}
		}
	}
}
