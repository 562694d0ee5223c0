package ast

import "reflect"

// Equal reports whether a and b are the same query. Locations are ignored, and
// nothing else: names that differ in letter case differ.
func Equal(a, b Query) bool { return same(reflect.ValueOf(a), reflect.ValueOf(b)) }

// EqualExpr reports whether a and b are the same expression, locations and the
// aliases of a and b themselves ignored.
func EqualExpr(a, b Expr) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	a, b = CloneExpr(a), CloneExpr(b)
	a.SetAs("")
	b.SetAs("")
	return same(reflect.ValueOf(a), reflect.ValueOf(b))
}

// Clone returns a deep copy of q.
func Clone[Q Query](q Q) Q {
	return clone(reflect.ValueOf(q)).Interface().(Q)
}

// CloneExpr returns a deep copy of e.
func CloneExpr(e Expr) Expr {
	if e == nil {
		return nil
	}
	return clone(reflect.ValueOf(e)).Interface().(Expr)
}

// CloneFrom returns a deep copy of f.
func CloneFrom(f From) From {
	if f == nil {
		return nil
	}
	return clone(reflect.ValueOf(f)).Interface().(From)
}

// same and clone go by reflection so that a field added to a node cannot be
// forgotten here. Nodes are made of pointers, interfaces, slices, structs and
// plain values; an empty slice equals a nil one.
func same(a, b reflect.Value) bool {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return false
	}
	switch a.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return a.IsNil() && b.IsNil()
		}
		return same(a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Len() != b.Len() {
			return false
		}
		for i := range a.Len() {
			if !same(a.Index(i), b.Index(i)) {
				return false
			}
		}
		return true
	case reflect.Struct:
		for i := range a.NumField() {
			if a.Type().Field(i).Name != "Location" && !same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	default:
		return a.Equal(b)
	}
}

func clone(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(clone(v.Elem()))
		return c
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		return clone(v.Elem())
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(clone(v.Index(i)))
		}
		return c
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			c.Field(i).Set(clone(v.Field(i)))
		}
		return c
	default:
		return v
	}
}
