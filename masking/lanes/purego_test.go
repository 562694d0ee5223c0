//go:build purego

package lanes_test

import "testing"

// Without assembly both ciphers look up tables, and say so.
func TestTablesAreNotSaidToBeConstantTime(t *testing.T) {
	for _, k := range ciphers {
		if newCipher(t, k.name, make([]byte, k.key)).ConstantTime() {
			t.Errorf("%s says that its time is constant", k.name)
		}
	}
}
