package query_test

import "testing"

// The engine alone reads on for whoever asks when the test that asked first has
// ended: a test that shares it is not cut short by another's end.
func TestTheEngineAloneOutlivesTheTestThatAskedFirst(t *testing.T) {
	t.Parallel()
	alone := &loneEngine{pool: livePool(t, 1)}
	var first []byte
	t.Run("first", func(t *testing.T) {
		var err error
		if first, err = alone.parse(t, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
	})
	reader := alone.parser
	for range 20 {
		t.Run("next", func(t *testing.T) {
			if tree, err := alone.parse(t, "SELECT 1"); err != nil || string(tree) != string(first) || alone.parser != reader {
				t.Fatalf("parse() = %s, %v, of the same worker: %v", tree, err, alone.parser == reader)
			}
		})
	}
}
