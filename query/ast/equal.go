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

func clone(v reflect.Value) reflect.Value { return copied(v, func(Expr) Expr { return nil }) }

// Replace returns a deep copy of q with other expressions in it. instead is asked
// for each expression, the outermost first. What it returns stands there instead
// and is not looked into; nil lets the expression stand, and its parts are asked.
func Replace[Q Query](q Q, instead func(Expr) Expr) Q {
	return copied(reflect.ValueOf(q), instead).Interface().(Q)
}

func copied(v reflect.Value, instead func(Expr) Expr) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(copied(v.Elem(), instead))
		return c
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		if e, ok := v.Interface().(Expr); ok {
			if other := instead(e); other != nil {
				return reflect.ValueOf(other)
			}
		}
		return copied(v.Elem(), instead)
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(copied(v.Index(i), instead))
		}
		return c
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		for i := range v.NumField() {
			c.Field(i).Set(copied(v.Field(i), instead))
		}
		return c
	default:
		return v
	}
}
