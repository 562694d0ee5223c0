package asttest

import (
	"reflect"

	"zonebox/query/ast"
)

// Graft returns a copy of tree in which an expression, a query or a part of a FROM
// clause, number at of them, is a copy of number from of those of donor that are
// one too. Numbers are taken modulo how many there are. An expression takes the
// alias of the one whose place it takes, and nil parts stay nil.
//
// What has no print, which no parser gives, is not grafted; a result that has one
// need not be a tree that the parser could give.
func Graft(tree, donor ast.Query, at, from uint) ast.Query {
	type root struct{ Query ast.Query }
	out, other := root{ast.Clone(tree)}, root{ast.Clone(donor)}
	var places, grafts []reflect.Value
	slots(reflect.ValueOf(&out).Elem(), func(v reflect.Value) { places = append(places, v) })
	place := places[at%uint(len(places))]
	slots(reflect.ValueOf(&other).Elem(), func(v reflect.Value) {
		if v.Type() == place.Type() {
			grafts = append(grafts, v)
		}
	})
	if len(grafts) == 0 {
		return out.Query
	}
	graft := grafts[from%uint(len(grafts))]
	if old, ok := place.Interface().(ast.Expr); ok {
		graft.Interface().(ast.Expr).SetAs(old.As())
	}
	place.Set(graft)
	if !printable(out.Query) {
		return ast.Clone(tree)
	}
	return out.Query
}

func printable(q ast.Query) (ok bool) {
	defer func() { ok = recover() == nil }()
	ast.Print(q)
	return
}

var replaceable = []reflect.Type{reflect.TypeFor[ast.Expr](), reflect.TypeFor[ast.Query](), reflect.TypeFor[ast.From]()}

// slots visits every place of v that holds a node of a kind that others can take
// the place of.
func slots(v reflect.Value, visit func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		for _, t := range replaceable {
			if v.Type() == t {
				visit(v)
			}
		}
		slots(v.Elem(), visit)
	case reflect.Pointer:
		if !v.IsNil() {
			slots(v.Elem(), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			slots(v.Field(i), visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			slots(v.Index(i), visit)
		}
	}
}
