package worker

import (
	"slices"
	"strings"
)

// A sqliteTable is what a CREATE TABLE statement says that a reader of rows needs.
type sqliteTable struct {
	names    []string
	defaults []bool // by column: rows older than the column have a value that is not in them
	stored   []int  // which column each value of a record is
	alias    int    // the column that is the row's number, -1 if none is
	rowid    bool
	root     uint32
}

// A sqliteToken is a word, a name, a string or a sign of SQL.
type sqliteToken struct {
	text   string
	quoted bool // and therefore no keyword
}

func (t sqliteToken) is(words ...string) bool {
	return !t.quoted && slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, t.text) })
}

// sqliteTokens splits a statement that SQLite has parsed before; what it cannot
// split it returns as signs.
func sqliteTokens(sql string) (tokens []sqliteToken) {
	word := func(c byte) bool {
		return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
	}
	for i := 0; i < len(sql); {
		c := sql[i]
		rest := sql[i:]
		switch {
		case c == ' ' || '\t' <= c && c <= '\r':
			i++
		case strings.HasPrefix(rest, "--"):
			if end := strings.IndexByte(rest, '\n'); end >= 0 {
				i += end
			} else {
				return tokens
			}
		case strings.HasPrefix(rest, "/*"):
			if end := strings.Index(rest[2:], "*/"); end >= 0 {
				i += end + 4
			} else {
				return tokens
			}
		case c == '\'' || c == '"' || c == '`' || c == '[':
			closing := c
			if c == '[' {
				closing = ']'
			}
			var b strings.Builder
			for i++; i < len(sql); i++ {
				if sql[i] == closing {
					if c != '[' && i+1 < len(sql) && sql[i+1] == closing {
						i++
					} else {
						break
					}
				}
				b.WriteByte(sql[i])
			}
			i++
			tokens = append(tokens, sqliteToken{b.String(), true})
		case word(c):
			end := i
			for end < len(sql) && word(sql[end]) {
				end++
			}
			tokens = append(tokens, sqliteToken{sql[i:end], false})
			i = end
		default:
			tokens = append(tokens, sqliteToken{string(c), false})
			i++
		}
	}
	return tokens
}

// sqliteTableOf reads a CREATE TABLE statement as the schema of a file keeps it.
// Virtual tables and generated columns are faults.
func sqliteTableOf(sql string) (*sqliteTable, error) {
	tokens := sqliteTokens(sql)
	if len(tokens) < 2 || !tokens[0].is("create") || !tokens[1].is("table") {
		return nil, faulted("table_kind")
	}
	open := slices.IndexFunc(tokens, func(t sqliteToken) bool { return t.is("(") })
	if open < 0 {
		return nil, faulted("damaged")
	}
	t := &sqliteTable{alias: -1, rowid: true}
	var types []string
	var key []string
	aliasable := true
	depth, start := 1, open+1
	at := start
	for ; at < len(tokens) && depth > 0; at++ {
		switch {
		case tokens[at].is("("):
			depth++
		case tokens[at].is(")"):
			depth--
		}
		if part := tokens[start:at]; depth == 0 || depth == 1 && tokens[at].is(",") {
			if len(part) == 0 {
				return nil, faulted("damaged")
			}
			start = at + 1
			if part[0].is("constraint", "primary", "unique", "check", "foreign") {
				key = append(key, sqliteKey(part)...)
				continue
			}
			primary, descending, err := t.column(part, &types)
			if err != nil {
				return nil, err
			}
			if primary {
				key = append(key, part[0].text)
				aliasable = !descending
			}
		}
	}
	if depth > 0 || len(t.names) == 0 {
		return nil, faulted("damaged")
	}
	for ; at < len(tokens); at++ {
		if tokens[at].is("without") {
			t.rowid = false
		}
	}
	return t, t.order(key, types, aliasable)
}

// sqliteConstraints are the words a column's type ends before.
var sqliteConstraints = []string{"constraint", "primary", "not", "null", "unique", "check", "default", "collate", "references", "generated", "as"}

// column adds the column that part defines, and tells whether it is the key.
func (t *sqliteTable) column(part []sqliteToken, types *[]string) (primary, descending bool, err error) {
	t.names = append(t.names, part[0].text)
	rest := part[1:]
	end := slices.IndexFunc(rest, func(w sqliteToken) bool { return w.is(sqliteConstraints...) })
	if end < 0 {
		end = len(rest)
	}
	var typ []string
	for _, w := range rest[:end] {
		typ = append(typ, strings.ToLower(w.text))
	}
	*types = append(*types, strings.Join(typ, " "))
	defaults := false
	depth := 0
	for i, w := range rest[end:] {
		switch {
		case w.is("("):
			depth++
		case w.is(")"):
			depth--
		case depth > 0:
		case w.is("generated", "as"):
			return false, false, faulted("table_kind")
		case w.is("default"):
			defaults = true
		case w.is("primary"):
			primary = true
			descending = end+i+2 < len(rest) && rest[end+i+2].is("desc")
		}
	}
	t.defaults = append(t.defaults, defaults)
	return primary, descending, nil
}

// sqliteKey returns the columns of a PRIMARY KEY constraint, none for any other.
func sqliteKey(part []sqliteToken) (names []string) {
	at := slices.IndexFunc(part, func(t sqliteToken) bool { return t.is("primary") })
	if part[0].is("constraint") && at != 2 || at < 0 {
		return nil
	}
	name := false
	for _, w := range part[at:] {
		switch {
		case w.is("("), w.is(","):
			name = true
		case w.is(")"):
			return names
		case name:
			names = append(names, w.text)
			name = false
		}
	}
	return names
}

// order works out which column each value of a record is. The rows of a table
// without row numbers begin with its key.
func (t *sqliteTable) order(key, types []string, aliasable bool) error {
	column := func(name string) int {
		return slices.IndexFunc(t.names, func(n string) bool { return strings.EqualFold(n, name) })
	}
	if t.rowid {
		if len(key) == 1 && aliasable {
			if i := column(key[0]); i >= 0 && types[i] == "integer" {
				t.alias = i
			}
		}
		key = nil
	} else if len(key) == 0 {
		return faulted("damaged")
	}
	for _, name := range key {
		i := column(name)
		if i < 0 {
			return faulted("damaged")
		}
		if !slices.Contains(t.stored, i) {
			t.stored = append(t.stored, i)
		}
	}
	for i := range t.names {
		if !slices.Contains(t.stored, i) {
			t.stored = append(t.stored, i)
		}
	}
	return nil
}
