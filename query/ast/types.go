package ast

// Type is a type as the engine names it: BIGINT, VARCHAR, DOUBLE, BOOLEAN, DATE,
// TIMESTAMP and so on, NULL for an untyped NULL, DECIMAL, the nested types LIST,
// ARRAY, MAP, STRUCT and UNION, and UNBOUND for a type that only a catalogue
// knows, such as an enumeration or JSON. The lengths of VARCHAR(10) and BIT(3)
// leave no trace in the parse tree; they have no effect.
type Type struct {
	ID      string
	Width   int       // DECIMAL
	Scale   int       // DECIMAL
	Key     *Type     // MAP
	Elem    *Type     // LIST, ARRAY; the value of MAP
	Size    int       // ARRAY, 1 or more
	Members []Member  // STRUCT, UNION; never empty there
	User    *UserType // UNBOUND
}

// Member is a field of a STRUCT or an alternative of a UNION.
type Member struct {
	Name string
	Type Type
}

// UserType is a type by name, as written.
type UserType struct {
	Catalog   string
	Schema    string
	Name      string
	Modifiers []*Constant // name(…); only without Schema
}

// nested returns the types directly inside t.
func (t *Type) nested() []*Type {
	var list []*Type
	for _, n := range []*Type{t.Key, t.Elem} {
		if n != nil {
			list = append(list, n)
		}
	}
	for i := range t.Members {
		list = append(list, &t.Members[i].Type)
	}
	return list
}

// simpleTypes are the types that are one name.
var simpleTypes = []string{
	"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
	"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE",
	"VARCHAR", "BLOB", "BIT", "UUID", "DATE", "TIME", "INTERVAL",
	"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS",
	"TIMESTAMP WITH TIME ZONE", "TIME WITH TIME ZONE",
	"TIME_NS", "BIGNUM", "VARIANT", "GEOMETRY", "TYPE", "NULL",
}
