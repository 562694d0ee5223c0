package sandbox

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"zonebox/sandbox/internal/wire"
)

func honestHello() wire.HelloMessage {
	return wire.HelloMessage{Engine: "v1.5.5", Landlock: 7, Namespaces: map[string]string{"net": "net:[4026531840]"},
		Files: []string{"0 /dev/null", "3 socket:[12345]", "5 anon_inode:[eventpoll]"}}
}

func TestAHelloHoldsNothingButPlainWords(t *testing.T) {
	if !plainHello(honestHello()) {
		t.Fatal("plainHello() refuses an honest worker's")
	}
	for _, c := range []struct {
		rule  string
		spoil func(m *wire.HelloMessage)
	}{
		{"an engine of a hundred bytes", func(m *wire.HelloMessage) { m.Engine = strings.Repeat("v", 100) }},
		{"a line break", func(m *wire.HelloMessage) { m.Engine = "v1\nlevel=INFO msg=fine" }},
		{"a terminal's escape", func(m *wire.HelloMessage) { m.Engine = "\x1b[2J" }},
		{"text outside ASCII", func(m *wire.HelloMessage) { m.Files[0] = "0 /dev/李四" }},
		{"a quote", func(m *wire.HelloMessage) { m.Files[0] = `0 "` }},
		{"markup", func(m *wire.HelloMessage) { m.Files[0] = "0 <script>" }},
		{"a file's name without end", func(m *wire.HelloMessage) { m.Files[0] = strings.Repeat("x", 1000) }},
		{"files without end", func(m *wire.HelloMessage) { m.Files = make([]string, 1000) }},
		{"a namespace of its own words", func(m *wire.HelloMessage) { m.Namespaces["net"] = strings.Repeat("x", 1000) }},
		{"a namespace's name of its own", func(m *wire.HelloMessage) { m.Namespaces[strings.Repeat("n", 50)] = "" }},
		{"namespaces without end", func(m *wire.HelloMessage) {
			for i := range 100 {
				m.Namespaces[strings.Repeat("n", i%16)+string(rune('a'+i%26))] = ""
			}
		}},
		{"a negative version", func(m *wire.HelloMessage) { m.Landlock = -1 }},
		{"a huge version", func(m *wire.HelloMessage) { m.Landlock = 1 << 40 }},
	} {
		m := honestHello()
		c.spoil(&m)
		if plainHello(m) {
			t.Errorf("plainHello() accepts %s", c.rule)
		}
	}
}

func TestALayerIsOneWord(t *testing.T) {
	for code, want := range map[string]bool{"seccomp": true, "no_new_privs": true, "": false, "Seccomp": false,
		"seccomp\n": false, "李": false, strings.Repeat("x", 33): false} {
		if got := layerName(code); got != want {
			t.Errorf("layerName(%q) = %v, want %v", code, got, want)
		}
	}
}

// FuzzMessages: of each message a worker may send, what is accepted is what the
// gate itself would write, and takes memory in proportion.
func FuzzMessages(f *testing.F) {
	seeds(f)
	f.Add(wire.AppendJSON(nil, wire.Hello, honestHello())[5:])
	f.Fuzz(func(t *testing.T, payload []byte) {
		if m, err := wire.Decode[wire.HelloMessage](payload); err == nil && plainHello(m) {
			texts := slices.Concat([]string{m.Engine}, m.Files, slices.Collect(maps.Keys(m.Namespaces)), slices.Collect(maps.Values(m.Namespaces)))
			for _, s := range texts {
				if len(s) > 128 || strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' }) {
					t.Errorf("plainHello() accepts %q", s)
				}
			}
		}
		if m, err := wire.Decode[wire.SchemaMessage](payload); err == nil && len(payload) < 22*len(m.Columns) {
			t.Errorf("%d columns in %d bytes", len(m.Columns), len(payload))
		}
		_, _ = wire.Decode[wire.DoneMessage](payload)
		_, _ = wire.Decode[wire.FaultMessage](payload)
		if m, err := wire.Decode[wire.SegmentMessage](payload); err == nil {
			s := &Session{process: &os.Process{}}
			if s.stream(payload) == nil || s.dropped(payload) == nil {
				t.Errorf("a session that announced nothing gives or takes %v", m)
			}
		}
	})
}
