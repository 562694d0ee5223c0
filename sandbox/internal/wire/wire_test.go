package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"zonebox/sandbox/internal/wire"
)

func header(kind wire.Kind, n uint32) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, n), byte(kind))
}

func TestAFrameIsBoundedByItsKind(t *testing.T) {
	for _, c := range []struct {
		kind wire.Kind
		most uint32
	}{
		{wire.Parse, 16 << 20}, {wire.Data, 16 << 20}, {wire.Tree, 16 << 20}, {wire.Batch, 16 << 20},
		{wire.Schema, 4 << 20}, {wire.Hello, 64 << 10}, {wire.Done, 1 << 10}, {wire.Fault, 1 << 10},
		{0, 0}, {63, 0}, {200, 0}, {255, 0},
	} {
		frame := append(header(c.kind, c.most), make([]byte, c.most)...)
		if kind, payload, err := wire.Read(bytes.NewReader(frame)); err != nil || kind != c.kind || len(payload) != int(c.most) {
			t.Errorf("Read() of kind %d and %d bytes = %d, %d bytes, %v", c.kind, c.most, kind, len(payload), err)
		}
		if _, _, err := wire.Read(bytes.NewReader(header(c.kind, c.most+1))); !errors.Is(err, wire.ErrFrame) {
			t.Errorf("Read() of kind %d and %d bytes = %v, want ErrFrame", c.kind, c.most+1, err)
		}
	}
}

func TestAFrameCutShortIsTheEndOfTheStream(t *testing.T) {
	frame := wire.Append(nil, wire.Tree, []byte("0123456789"))
	for n := range frame {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		if _, _, err := wire.Read(bytes.NewReader(frame[:n])); err != want {
			t.Errorf("Read() of %d of %d bytes = %v, want %v", n, len(frame), err, want)
		}
	}
}

func TestAMessageIsReadOnlyAsItIsWritten(t *testing.T) {
	for _, c := range []struct {
		payload string
		ok      bool
	}{
		{`{"code":"memory","offset":-1,"column":-1}`, true},
		{`{"code":"value","offset":-1,"row":7,"column":2}`, true},
		{`{"code":"value","offset":-1,"row":0,"column":2}`, false},
		{`{"offset":-1,"code":"memory","column":-1}`, false},
		{`{"code":"memory","offset":-1}`, false},
		{`{"code":"memory","offset":-1,"column":-1,"text":"x"}`, false},
		{`{"code":"memory","code":"memory","offset":-1,"column":-1}`, false},
		{`{"Code":"memory","offset":-1,"column":-1}`, false},
		{`{"code":"memory","offset":-1.0,"column":-1}`, false},
		{`{"code":"memory","offset":-1,"column":-1}{}`, false},
		{` {"code":"memory","offset":-1,"column":-1}`, false},
		{`{"code":"m\u0065mory","offset":-1,"column":-1}`, false},
		{"{\"code\":\"\xff\",\"offset\":-1,\"column\":-1}", false},
		{`null`, false},
		{``, false},
	} {
		if m, err := wire.Decode[wire.FaultMessage]([]byte(c.payload)); (err == nil) != c.ok || err != nil && !errors.Is(err, wire.ErrFrame) {
			t.Errorf("Decode(%q) = %+v, %v, want accepted %v", c.payload, m, err, c.ok)
		} else if err != nil && strings.Contains(err.Error(), "memory") {
			t.Errorf("the error quotes the message: %v", err)
		}
	}
}

// FuzzRead: frames come out as they went in, and reading n bytes allocates in
// proportion to n, whatever they announce.
func FuzzRead(f *testing.F) {
	if found, err := filepath.Glob("testdata/fuzz/FuzzRead/*"); err != nil || len(found) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r := bytes.NewReader(stream)
		var again []byte
		frames := 0
		for {
			kind, payload, err := wire.Read(r)
			if err != nil {
				break
			}
			again = wire.Append(again, kind, payload)
			frames++
		}
		runtime.ReadMemStats(&after)
		// A frame of up to 64 KiB is allocated at once.
		if size := after.TotalAlloc - before.TotalAlloc; size > uint64(256<<10+32*len(stream)) {
			t.Errorf("Read() of %d bytes in %d frames allocated %d", len(stream), frames, size)
		}
		if !bytes.HasPrefix(stream, again) {
			t.Errorf("Read() of %x gave %x", stream, again)
		}
	})
}
