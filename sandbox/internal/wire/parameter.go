package wire

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A Parameter is a value of the engine's type Type for $Name. Text spells it: as
// Go's strconv writes a BIGINT, a DOUBLE and a BOOLEAN, a DECIMAL with all the
// digits after its point, 2006-01-02 for a DATE, 2006-01-02 15:04:05.999999 for a
// TIMESTAMP, and a VARCHAR as it is. Values never become part of a statement's
// text.
type Parameter struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Text string `json:"text"`
}

const (
	// maxParameters and maxValue bound what one statement is given.
	maxParameters = 64
	maxValue      = 4096
)

var parameterName = regexp.MustCompile(`\A[a-z][a-z0-9_]{0,62}\z`)

// CheckParameters returns an error unless all have a name of their own, a type
// that parameters have, and a text that can reach the engine whole. It names no
// value.
func CheckParameters(all []Parameter) error {
	if len(all) > maxParameters {
		return errors.New("wire: too many parameters")
	}
	seen := map[string]bool{}
	for _, p := range all {
		switch _, _, decimal := Decimal(p.Type); {
		case !parameterName.MatchString(p.Name) || seen[p.Name]:
			return errors.New("wire: a parameter has no name of its own")
		case !decimal && p.Type != "VARCHAR" && p.Type != "BIGINT" && p.Type != "DOUBLE" && p.Type != "BOOLEAN" && p.Type != "DATE" && p.Type != "TIMESTAMP":
			return fmt.Errorf("wire: parameter %s: no type that parameters have", p.Name)
		case len(p.Text) > maxValue || !utf8.ValidString(p.Text) || strings.IndexByte(p.Text, 0) >= 0:
			return fmt.Errorf("wire: parameter %s: no value", p.Name)
		}
		seen[p.Name] = true
	}
	return nil
}
