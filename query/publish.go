package query

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"zonebox/query/ast"
	"zonebox/registry"
	"zonebox/sandbox"
)

// readable refuses a template whose statement nobody could ask: it must be one
// that the engine parses and whose tree is known, and have just the parameters
// that are declared. Whether it may run depends on grants and data of the day,
// and is judged each time it is asked. Reading takes a turn among the statements
// of the person's organization.
func (e *Engine) readable(ctx context.Context, s Subject, docs []registry.Document) error {
	var open []registry.Document // whose statements are to be read
	for _, d := range docs {
		t, err := registry.SpecOf[registry.Template](d)
		if d.Kind == registry.KindTemplate && err == nil && t.Status != registry.StatusRevoked {
			open = append(open, d)
		}
	}
	if len(open) == 0 {
		return nil
	}
	turn, _, err := e.turns.join(ctx, s.organization, "")
	if errors.Is(err, errQueueFull) {
		return fail("BUSY", err)
	}
	if err != nil {
		return asError(err)
	}
	defer turn.leave()
	session, err := e.worker(ctx)
	if err != nil {
		return asError(err)
	}
	defer session.Close()
	for _, d := range open {
		t, err := registry.SpecOf[registry.Template](d)
		if err != nil {
			return asError(err)
		}
		if err := unreadable(ctx, session, d.Name, t); err != nil {
			return err
		}
	}
	return nil
}

// unreadable returns the refusal of a template whose statement is not readable,
// nil if it is.
func unreadable(ctx context.Context, s *sandbox.Session, name string, t registry.Template) error {
	refused := func(code, zh, en string) error {
		place := registry.KindTemplate + " " + name + " /spec/sql"
		out := fail("DOCUMENT_REFUSED", nil).because(place+":"+zh, place+": "+en)
		out.Details = []Detail{{Code: code, ZH: place + ":" + zh, EN: place + ": " + en, Articles: out.Articles}}
		return out
	}
	text, err := s.Parse(ctx, t.SQL)
	var statement *sandbox.StatementError
	if errors.As(err, &statement) {
		return refused(registry.CodeSchema, "须为一条可解析的 SELECT 语句", "must be one SELECT statement that can be parsed")
	}
	if err != nil {
		return asError(err)
	}
	tree, err := ast.Decode(text)
	var unknown *ast.UnknownError
	if errors.As(err, &unknown) {
		return refused(registry.CodeSchema, "含有尚不支持的语法:"+unknown.Node, "has syntax that is not supported: "+unknown.Node)
	}
	if err != nil {
		return asError(err)
	}
	used := map[string]bool{}
	ast.Walk(tree, func(n ast.Node) bool {
		if p, ok := n.(*ast.Parameter); ok {
			used[strings.ToLower(p.Name)] = true // "" of one by position
		}
		return true
	})
	for _, p := range t.Parameters {
		if !used[p.Name] {
			return refused(registry.CodeReference, "未使用声明的参数 $"+p.Name, "does not use the declared parameter $"+p.Name)
		}
		delete(used, p.Name)
	}
	if len(used) == 0 {
		return nil
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(used)) {
		names = append(names, "$"+printName(name))
	}
	list := strings.Join(names, ", ")
	return refused(registry.CodeReference, "使用了未声明的参数:"+list, "uses parameters that are not declared: "+list)
}
