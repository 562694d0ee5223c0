package ast

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// HashJSON returns the SHA-256 of a serialized statement without its locations,
// so that a statement has one hash however it is spaced or commented.
//
// What is hashed is the document in canonical form: no white space, the fields
// of every object in byte order of their names, every query_location left out,
// numbers digit for digit. The names are the engine's; nothing a statement says
// becomes one.
//
// HashJSON knows no node kinds: it serves the worker, which compares what it
// parses with what was approved, as well as the gate. It returns an error
// wrapping ErrDocument or ErrLimit.
func HashJSON(tree []byte) ([32]byte, error) {
	v, err := parse(tree)
	if err != nil {
		return [32]byte{}, fmt.Errorf("ast: hash tree: %w", err)
	}
	h := sha256.New()
	w := bufio.NewWriter(h)
	canonical(w, v)
	_ = w.Flush() // a hash never fails to write
	return [32]byte(h.Sum(nil)), nil
}

func canonical(w *bufio.Writer, v any) {
	switch v := v.(type) {
	case *object:
		fields := slices.DeleteFunc(slices.Clone(*v), func(f field) bool { return f.name == "query_location" })
		slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
		_ = w.WriteByte('{')
		for i, f := range fields {
			if i > 0 {
				_ = w.WriteByte(',')
			}
			scalar(w, f.name)
			_ = w.WriteByte(':')
			canonical(w, f.value)
		}
		_ = w.WriteByte('}')
	case []any:
		_ = w.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				_ = w.WriteByte(',')
			}
			canonical(w, e)
		}
		_ = w.WriteByte(']')
	default:
		scalar(w, v)
	}
}

func scalar(w io.Writer, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		panic("ast: hash tree: " + err.Error()) // parse yields nothing Marshal refuses
	}
	_, _ = w.Write(text)
}
