package sandbox

import (
	"strings"

	"zonebox/sandbox/internal/wire"
)

// Attestations go into audit entries and errors into logs, so that what a worker
// says of itself is checked letter by letter, although it has seen nothing
// hostile when it says it.

// plainHello reports whether every text in m is short and of the letters an
// honest worker uses.
func plainHello(m wire.HelloMessage) bool {
	if !plain(m.Engine, 64) || m.Landlock < 0 || m.Landlock > 1000 || len(m.Namespaces) > 16 || len(m.Files) > maxOpenFiles {
		return false
	}
	for name, shown := range m.Namespaces {
		if !plain(name, 16) || !plain(shown, 64) {
			return false
		}
	}
	for _, f := range m.Files {
		if !plain(f, 128) {
			return false
		}
	}
	return true
}

// layerName reports whether code could name a layer of isolation.
func layerName(code string) bool {
	return code != "" && len(code) <= 32 && strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// plain reports whether s has at most length bytes, all of them printable ASCII
// but quotes, angle brackets and the backslash.
func plain(s string, length int) bool {
	return len(s) <= length && !strings.ContainsFunc(s, func(c rune) bool {
		return c < ' ' || c > '~' || strings.ContainsRune("\"'`\\<>", c)
	})
}
