package asttest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"zonebox/query/ast"
)

// A Coverage counts what trees have used: "Window" is a kind of node,
// "Window.Filter" a field of it that held something, "JoinKind SEMI" a value of
// an enumeration and "Type DATE" a type.
type Coverage map[string]int

// Add counts what q uses.
func (c Coverage) Add(q ast.Query) { c.add(reflect.ValueOf(&q).Elem()) }

func (c Coverage) add(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return
		}
		if n, ok := v.Interface().(ast.Node); ok && v.Kind() == reflect.Pointer {
			c[Kind(n)]++
		}
		c.add(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			c.add(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.Name == "Location" {
				continue
			}
			if f.Type.Kind() != reflect.Struct && !v.Field(i).IsZero() {
				c[v.Type().Name()+"."+f.Name]++
			}
			if v.Type() == reflect.TypeFor[ast.Type]() && f.Name == "ID" {
				c["Type "+v.Field(i).String()]++
			}
			c.add(v.Field(i))
		}
	case reflect.String:
		if v.Type().PkgPath() != "" {
			c[v.Type().Name()+" "+v.String()]++
		}
	}
}

// Missing returns what of the kinds of nodes, the fields they can hold and the
// values of enumerations no tree has used, sorted. words are the values by
// enumeration.
func (c Coverage) Missing(words map[string][]string) []string {
	want := map[string]bool{}
	for _, n := range Kinds() {
		want[Kind(n)] = true
		fields(reflect.TypeOf(n), want)
	}
	for typ, values := range words {
		for _, v := range values {
			want[typ+" "+v] = true
		}
	}
	var missing []string
	for name := range want {
		if c[name] == 0 {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing
}

// fields adds the fields of t and of what it is made of.
func fields(t reflect.Type, want map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		fields(t.Elem(), want)
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			name := t.Name() + "." + f.Name
			if f.Name == "Location" || want[name] {
				continue
			}
			if f.Type.Kind() != reflect.Struct {
				want[name] = true
			}
			fields(f.Type, want)
		}
	}
}

// Table returns what was counted: for each kind of node, each structure in one
// and each enumeration a line.
func (c Coverage) Table() string {
	lines := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(c)) {
		head, rest := name, ""
		if i := strings.IndexAny(name, ". "); i >= 0 {
			head, rest = name[:i], name[i+1:]+" "
		}
		lines[head] = append(lines[head], rest+strconv.Itoa(c[name]))
	}
	var out strings.Builder
	for _, head := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(&out, "%-14s %s\n", head, strings.Join(lines[head], ", "))
	}
	return out.String()
}
