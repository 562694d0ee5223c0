package keys

import (
	"fmt"
	"io"
	"log/slog"
)

// Whatever holds a key prints and logs as what it is called, by every verb.

// Format implements fmt.Formatter.
func (passphrase) Format(s fmt.State, _ rune) { io.WriteString(s, "keys.Passphrase") }

// LogValue implements slog.LogValuer.
func (passphrase) LogValue() slog.Value { return slog.StringValue("keys.Passphrase") }

// Format implements fmt.Formatter.
func (f *Folder) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "keys.Folder(%q)", f.dir) }

// LogValue implements slog.LogValuer.
func (f *Folder) LogValue() slog.Value { return slog.StringValue(f.dir) }

// Format implements fmt.Formatter.
func (s *Signer) Format(st fmt.State, _ rune) { fmt.Fprintf(st, "keys.Signer(%x)", s.Public()) }

// LogValue implements slog.LogValuer.
func (s *Signer) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// Format implements fmt.Formatter.
func (h *HoldKey) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "keys.HoldKey(%q)", h.id) }

// LogValue implements slog.LogValuer.
func (h *HoldKey) LogValue() slog.Value { return slog.StringValue(h.id) }

// Format implements fmt.Formatter.
func (u *User) Format(s fmt.State, verb rune) {
	if verb == 'v' && s.Flag('#') {
		fmt.Fprintf(s, "keys.User(%q)", u.name)
		return
	}
	io.WriteString(s, u.name)
}

// LogValue implements slog.LogValuer.
func (u *User) LogValue() slog.Value { return slog.StringValue(u.name) }
