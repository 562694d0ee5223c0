package ast

import (
	"math"
	"reflect"
	"slices"
)

// logicalType decodes a type: its identifier and what belongs to it.
func (d *decoder) logicalType(v any) Type {
	d.enter()
	defer d.leave()
	r := d.record("TYPE", v)
	t := Type{ID: r.text("id")}
	info := r.take("type_info")
	r.done()
	switch {
	case t.ID == "VARIANT":
		if !reflect.DeepEqual(info, variant) {
			r.fail("type_info")
		}
	case info == nil:
		if t.ID == "GEOMETRY" || !slices.Contains(simpleTypes, t.ID) {
			r.fail("id=" + word(t.ID))
		}
	default:
		d.typeInfo(&t, d.record("TYPE", info))
	}
	return t
}

// typeInfo decodes what a type has besides its identifier.
func (d *decoder) typeInfo(t *Type, r *record) {
	kind, alias := r.text("type"), r.text("alias")
	r.null("extension_info")
	r.must("alias", alias == "" || t.ID == "BLOB")
	switch t.ID + " " + kind {
	case "DECIMAL DECIMAL_TYPE_INFO":
		t.Width, t.Scale = r.small("width", 38), r.small("scale", 38)
		r.must("width", t.Width >= 1 && t.Width >= t.Scale)
	case "LIST LIST_TYPE_INFO":
		t.Elem = d.elem(r)
	case "ARRAY ARRAY_TYPE_INFO":
		t.Elem = d.elem(r)
		t.Size = r.small("size", math.MaxInt32)
		r.must("size", t.Size > 0)
	case "MAP LIST_TYPE_INFO":
		entry := d.elem(r)
		r.must("child_type", entry.ID == "STRUCT" && len(entry.Members) == 2 && entry.Members[0].Name == "key" && entry.Members[1].Name == "value")
		t.Key, t.Elem = &entry.Members[0].Type, &entry.Members[1].Type
	case "STRUCT STRUCT_TYPE_INFO":
		t.Members = d.members(r, r.list("child_types"))
	case "UNION STRUCT_TYPE_INFO": // a tag comes first
		list := r.list("child_types")
		r.must("child_types", len(list) > 0 && reflect.DeepEqual(list[0], tag))
		t.Members = d.members(r, list[1:])
	case "BLOB GENERIC_TYPE_INFO":
		r.must("alias", alias == "GEOMETRY")
		t.ID = "GEOMETRY"
	case "UNBOUND UNBOUND_TYPE_INFO":
		t.User = &UserType{Catalog: r.text("catalog"), Schema: r.text("schema"), Name: r.text("name")}
		for _, v := range r.list("user_type_modifiers") {
			c := d.value(v)
			r.must("user_type_modifiers", c.written())
			t.User.Modifiers = append(t.User.Modifiers, c)
		}
		r.must("name", t.User.Name != "")
		r.must("catalog", t.User.Catalog == "" || t.User.Schema != "")
		r.must("user_type_modifiers", t.User.Schema == "" || t.User.Modifiers == nil)
	default:
		r.fail("id=" + word(t.ID))
	}
	r.done()
}

func (d *decoder) elem(r *record) *Type {
	t := d.logicalType(r.take("child_type"))
	return &t
}

func (d *decoder) members(r *record, list []any) []Member {
	var members []Member
	for _, v := range list {
		m := d.record("TYPE", v)
		members = append(members, Member{Name: m.text("first"), Type: d.logicalType(m.take("second"))})
		m.must("first", members[len(members)-1].Name != "")
		m.done()
	}
	r.must("child_types", len(members) > 0)
	return members
}

// tag is the member that every UNION has before those that were written, variant
// what the engine writes for VARIANT.
var (
	tag     = known(`{"first":"","second":{"id":"UTINYINT","type_info":null}}`)
	variant = known(`{"type":"STRUCT_TYPE_INFO","alias":"","extension_info":null,"child_types":[` +
		`{"first":"keys","second":{"id":"LIST","type_info":{"type":"LIST_TYPE_INFO","alias":"","extension_info":null,` +
		`"child_type":{"id":"VARCHAR","type_info":null}}}},` +
		`{"first":"children","second":{"id":"LIST","type_info":{"type":"LIST_TYPE_INFO","alias":"","extension_info":null,` +
		`"child_type":{"id":"STRUCT","type_info":{"type":"STRUCT_TYPE_INFO","alias":"","extension_info":null,"child_types":[` +
		`{"first":"keys_index","second":{"id":"UINTEGER","type_info":null}},` +
		`{"first":"values_index","second":{"id":"UINTEGER","type_info":null}}]}}}}},` +
		`{"first":"values","second":{"id":"LIST","type_info":{"type":"LIST_TYPE_INFO","alias":"","extension_info":null,` +
		`"child_type":{"id":"STRUCT","type_info":{"type":"STRUCT_TYPE_INFO","alias":"","extension_info":null,"child_types":[` +
		`{"first":"type_id","second":{"id":"UTINYINT","type_info":null}},` +
		`{"first":"byte_offset","second":{"id":"UINTEGER","type_info":null}}]}}}}},` +
		`{"first":"data","second":{"id":"BLOB","type_info":null}}]}`)
)

func known(text string) any {
	v, err := parse([]byte(text))
	if err != nil {
		panic("ast: " + err.Error())
	}
	return v
}
