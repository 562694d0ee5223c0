package worker

import (
	"errors"
	"testing"
)

// What the engine says of a text is a code; that it had no memory for it is not a
// fault of the text.
func TestTheEnvelopeOfATreeIsACode(t *testing.T) {
	for _, c := range []struct{ tree, code string }{
		{`{"error":false,"statements":[{}]}`, ""},
		{`{"error":false,"statements":[]}`, "empty"},
		{`{"error":false,"statements":[{},{}]}`, "multiple"},
		{`{"error":true,"error_type":"parser","error_message":"x","position":"7"}`, "syntax"},
		{`{"error":true,"error_type":"not implemented","error_message":"x"}`, "not_select"},
		{`{"error":true,"error_type":"out of memory","error_message":"x"}`, "memory"},
		{`{`, "engine"},
	} {
		var f *fault
		err := oneSelect([]byte(c.tree))
		if errors.As(err, &f); f == nil && c.code != "" || f != nil && f.code != c.code {
			t.Errorf("%s = %v, want %q", c.tree, err, c.code)
		}
	}
}
