package query

import (
	"context"
	"errors"
	"slices"
	"strings"

	"zonebox/query/ast"
	"zonebox/registry"
	"zonebox/sandbox"
)

// readable refuses a template whose statement nobody could ask: it must be one
// that the engine parses and whose tree is known, and have just the parameters
// that are declared. Whether it may run depends on grants and data of the day,
// and is judged each time it is asked.
func (e *Engine) readable(ctx context.Context, docs []registry.Document) error {
	var session *sandbox.Session
	for _, d := range docs {
		if d.Kind != registry.KindTemplate {
			continue
		}
		t, err := registry.SpecOf[registry.Template](d)
		if err != nil {
			return asError(err)
		}
		if t.Status == registry.StatusRevoked {
			continue // it is not asked any more
		}
		if session == nil {
			if session, err = e.worker(ctx); err != nil {
				return asError(err)
			}
			defer session.Close()
		}
		if why, err := unreadable(ctx, session, t); err != nil {
			return err
		} else if why != nil {
			place := registry.KindTemplate + " " + d.Name + " /spec/sql"
			why.ZH, why.EN = place+":"+why.ZH, place+": "+why.EN
			out := fail("DOCUMENT_REFUSED", nil).because(why.ZH, why.EN)
			out.Details = []Detail{*why}
			return out
		}
	}
	return nil
}

// unreadable returns what is wrong with the statement of t, nil if nothing is.
func unreadable(ctx context.Context, s *sandbox.Session, t registry.Template) (*Detail, error) {
	text, err := s.Parse(ctx, t.SQL)
	var refused *sandbox.StatementError
	if errors.As(err, &refused) {
		return &Detail{Code: registry.CodeSchema, ZH: "须为一条可解析的 SELECT 语句", EN: "must be one SELECT statement that can be parsed"}, nil
	}
	if err != nil {
		return nil, asError(err)
	}
	tree, err := ast.Decode(text)
	var unknown *ast.UnknownError
	if errors.As(err, &unknown) {
		return &Detail{Code: registry.CodeSchema, ZH: "含有尚不支持的语法:" + unknown.Node, EN: "has syntax that is not supported: " + unknown.Node}, nil
	}
	if err != nil {
		return nil, asError(err)
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
			return &Detail{Code: registry.CodeReference, ZH: "未使用声明的参数 $" + p.Name, EN: "does not use the declared parameter $" + p.Name}, nil
		}
		delete(used, p.Name)
	}
	if len(used) > 0 {
		var names []string
		for name := range used {
			names = append(names, "$"+printName(name))
		}
		slices.Sort(names)
		list := strings.Join(names, ", ")
		return &Detail{Code: registry.CodeReference, ZH: "使用了未声明的参数:" + list, EN: "uses parameters that are not declared: " + list}, nil
	}
	return nil, nil
}
