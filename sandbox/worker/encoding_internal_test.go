package worker

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"

	"zonebox/sandbox/internal/wire"
)

// gbCode returns the i-th code of two or four bytes, by the order of gbTable.
func gbPair(i int) []byte {
	trail := byte(0x40 + i%190)
	if trail >= 0x7F {
		trail++
	}
	return []byte{byte(0x81 + i/190), trail}
}

func gbFour(i int) []byte {
	return []byte{byte(0x81 + i/12600), byte(0x30 + i/1260%10), byte(0x81 + i/10%126), byte(0x30 + i%10)}
}

// TestGB18030IsReadIntoAnyRoom: a reader of lines asks for as little as a byte
// when its buffer is nearly full.
func TestGB18030IsReadIntoAnyRoom(t *testing.T) {
	want := strings.Repeat("数据a治理𠀀,", 1000)
	text, err := simplifiedchinese.GB18030.NewEncoder().String(want)
	if err != nil {
		t.Fatal(err)
	}
	for room := 1; room <= 9; room++ {
		r := &roomyReader{src: newGBReader(strings.NewReader(text), false)}
		var got []byte
		for p := make([]byte, room); ; {
			n, err := r.Read(p)
			got = append(got, p[:n]...)
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("into %d bytes: %v", room, err)
			}
		}
		if string(got) != want {
			t.Errorf("into %d bytes at a time: another text of %d bytes, want %d", room, len(got), len(want))
		}
	}
}

// TestGB18030IsThatOfTheCLibrary compares every two-byte code, and every code of
// the basic plane in four bytes, with iconv of glibc (2.36: GB 18030-2005 with the
// changes of 2022 in two bytes). Where the library has a private use code point
// there is no character; A3A0, to the library private too, is the ideographic
// space, as it is to WHATWG and in the texts that have it; and of the four-byte
// codes that 2022 left to private use, those that name the same characters as
// two-byte codes are read as every decoder before 2022 wrote them.
func TestGB18030IsThatOfTheCLibrary(t *testing.T) {
	iconv, err := exec.LookPath("iconv")
	if err != nil {
		t.Skip("iconv is not installed")
	}
	version, _ := exec.Command(iconv, "--version").Output()
	if !bytes.Contains(version, []byte("GNU libc")) && !bytes.Contains(version, []byte("GLIBC")) {
		t.Skip("iconv is not that of glibc")
	}
	table := gbCodes()
	library := func(codes [][]byte) []rune {
		cmd := exec.Command(iconv, "-f", "GB18030", "-t", "UTF-8")
		cmd.Stdin = bytes.NewReader(bytes.Join(codes, nil))
		out, err := cmd.Output()
		if got := []rune(string(out)); err == nil && len(got) == len(codes) {
			return got
		}
		t.Fatalf("iconv: %v", err)
		return nil
	}
	var codes [][]byte
	for i := range gbPairs {
		codes = append(codes, gbPair(i))
	}
	characters := 0
	for i, want := range library(codes) {
		if isPrivate(want) {
			want = 0
		}
		if bytes.Equal(codes[i], []byte{0xA3, 0xA0}) {
			want = 0x3000
		}
		if got := table.pair(codes[i][0], codes[i][1]); got != want {
			t.Errorf("%X = U+%04X, want U+%04X", codes[i], got, want)
		}
		if want != 0 {
			characters++
		}
	}
	moved := map[rune]bool{}
	for _, c := range gbMoved {
		moved[c] = true
	}
	codes = nil
	var got []rune
	before := 0
	for i := range gbBasic {
		switch c := table.four(gbFour(i)); {
		case moved[c] && c < 0x10000:
			before++
		case c != 0:
			codes, got = append(codes, gbFour(i)), append(got, c)
		}
	}
	if before != 18 {
		t.Errorf("%d four-byte codes name a character that moved, want 18", before)
	}
	for i, want := range library(codes) {
		if got[i] != want {
			t.Errorf("%X = U+%04X, want U+%04X", codes[i], got[i], want)
		}
	}
	t.Logf("%s: %d two-byte and %d four-byte codes agree", strings.SplitN(string(version), "\n", 2)[0], characters, len(codes))
}

// TestGB18030OfTheYear2022 says the same without a library, and that x/text alone
// would lose these characters.
func TestGB18030OfTheYear2022(t *testing.T) {
	for code, want := range map[string]string{
		"\xFE\x59": "龴", "\xFE\x61": "龵", "\xFE\x66": "龶", "\xFE\x67": "龷", "\xFE\x6D": "龸", "\xFE\x7E": "龹", "\xFE\x90": "龺", "\xFE\xA0": "龻",
		"\xA6\xD9": "︐", "\xA6\xDA": "︒", "\xA6\xDB": "︑", "\xA6\xDC": "︓", "\xA6\xDD": "︔", "\xA6\xDE": "︕", "\xA6\xDF": "︖", "\xA6\xEC": "︗", "\xA6\xED": "︘", "\xA6\xF3": "︙",
		"\xFE\x51": "\U00020087", "\xFE\x52": "\U00020089", "\xFE\x53": "\U000200CC", "\xFE\x6C": "\U000215D7", "\xFE\x76": "\U0002298F", "\xFE\x91": "\U000241FE",
		"\xA8\xBC": "ḿ",
	} {
		got, err := decodedText(code, "gb18030")
		if err != nil || got != want {
			t.Errorf("%X = %q, %v, want %q", code, got, err, want)
		}
		if lost, _ := simplifiedchinese.GB18030.NewDecoder().String(code); lost != "\uFFFD" {
			t.Errorf("x/text reads %X as %q: the table of changes is out of date", code, lost)
		}
	}
	for rule, c := range map[string]struct{ encoding, text, want, code string }{
		"supplementary planes":             {"gb18030", "\x90\x30\x81\x30\x95\x32\x82\x36", "\U00010000\U00020000", ""},
		"the last code point":              {"gb18030", "\xE3\x32\x9A\x33", "\U0010FFFD", "undecodable"},
		"user-defined codes":               {"gb18030", "\xAA\xA1", "", "undecodable"},
		"8135F437, private since 2005":     {"gb18030", "\x81\x35\xF4\x37", "", "undecodable"},
		"four bytes of nothing":            {"gb18030", "\x84\x31\xA5\x30", "", "undecodable"},
		"half a pair":                      {"gb18030", "a\xD6", "", "undecodable"},
		"half of four":                     {"gb18030", "a\x81\x30\x81", "", "undecodable"},
		"a trail byte of 7F":               {"gb18030", "\xD6\x7F", "", "undecodable"},
		"80 alone":                         {"gb18030", "\x80", "", "undecodable"},
		"FF":                               {"gb18030", "\xFF\xFF", "", "undecodable"},
		"GBK has a euro sign":              {"gbk", "\x80\xD6\xD0", "€中", ""},
		"GBK has no four-byte codes":       {"gbk", "\x81\x30\x81\x30", "", "undecodable"},
		"a mark in GB18030":                {"gb18030", "\x84\x31\x95\x33\xD6\xD0", "中", ""},
		"minority scripts take four bytes": {"gb18030", "\x81\x32\xE8\x34", "ༀ", ""},
	} {
		got, err := decodedText(c.text, c.encoding)
		if code(err) != c.code || err == nil && got != c.want {
			t.Errorf("%s: %q, %v, want %q %s", rule, got, err, c.want, c.code)
		}
	}
}

// A character that does not fit into what is left of a reader's buffer comes with
// the next: at whatever place the buffer ends, a text ends too.
func TestCharactersAtTheEndsOfBuffers(t *testing.T) {
	for shift := range 8 {
		want := strings.Repeat("x", shift) + strings.Repeat("中文𠂇é,12345\n", 30_000)
		gb, err := simplifiedchinese.GB18030.NewEncoder().String(want)
		if err != nil {
			t.Fatal(err)
		}
		for encoding, text := range map[string]string{"gb18030": gb, "utf-16le": utf16Of(want, true), "utf-16be": utf16Of(want, false), "auto": gb, "utf-8": want} {
			r, err := decoded(strings.NewReader(text), encoding)
			if err != nil {
				t.Fatal(err)
			}
			if sample, err := r.Peek(sampleSize); err != nil || len(sample) != sampleSize { // as whoever looks for a dialect does
				t.Fatalf("%s after %d bytes: a sample of %d bytes, %v", encoding, shift, len(sample), err)
			}
			if got, err := io.ReadAll(r); err != nil || string(got) != want {
				t.Errorf("%s after %d bytes: %d bytes, %v; want the text", encoding, shift, len(got), err)
			}
		}
	}
}

func decodedText(text, encoding string) (string, error) {
	r, err := decoded(strings.NewReader(text), encoding)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(r)
	return string(b), err
}

func utf16Of(s string, little bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if little {
			b = append(b, byte(u), byte(u>>8))
		} else {
			b = append(b, byte(u>>8), byte(u))
		}
	}
	return string(b)
}

func gbOf(t testing.TB, s string) string {
	t.Helper()
	out, err := simplifiedchinese.GB18030.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAnEncodingIsFoundOrTheLieIsTold reads one register, in every encoding, under
// every name.
func TestAnEncodingIsFoundOrTheLieIsTold(t *testing.T) {
	const register = "姓名,城市,n\n李四,徐州市,1\n张三丰,南京市,2\n"
	const bom = "\uFEFF"
	columns := []wire.Column{{Name: "姓名", Type: "VARCHAR"}, {Name: "城市", Type: "VARCHAR"}, {Name: "n", Type: "BIGINT"}}
	want := []string{"李四|徐州市|1", "张三丰|南京市|2"}
	files := map[string]string{
		"UTF-8": register, "UTF-8 with a mark": bom + register, "GB18030": gbOf(t, register),
		"UTF-16LE": utf16Of(register, true), "UTF-16LE with a mark": utf16Of(bom+register, true),
		"UTF-16BE": utf16Of(register, false), "UTF-16BE with a mark": utf16Of(bom+register, false),
		"GB18030 with a mark": "\x84\x31\x95\x33" + gbOf(t, register),
		"two marks":           bom + bom + register, "a mark in the middle": strings.Replace(register, "张", bom+"张", 1),
		"ASCII for 100 KB, then GB18030": "姓名,城市,n\n", "UTF-32": "\xff\xfe\x00\x00" + register,
		"GB18030 behind 100 KB of ASCII": strings.Repeat("a,b,1\n", 20_000) + gbOf(t, "李四,徐州市,1\n"),
	}
	delete(files, "ASCII for 100 KB, then GB18030")
	read := map[string]map[string]string{ // by file, then by encoding named: "" or the code
		"UTF-8":                {"utf-8": "", "auto": "", "gb18030": "encoding_utf8", "gbk": "encoding_utf8", "utf-16le": "undecodable header_unknown", "utf-16be": "undecodable header_unknown"},
		"UTF-8 with a mark":    {"utf-8": "", "auto": "", "gb18030": "encoding_mark", "gbk": "encoding_mark", "utf-16le": "encoding_mark", "utf-16be": "encoding_mark"},
		"GB18030":              {"utf-8": "encoding", "auto": "", "gb18030": "", "gbk": "", "utf-16le": "undecodable header_unknown", "utf-16be": "undecodable header_unknown"},
		"GB18030 with a mark":  {"utf-8": "encoding_mark", "auto": "", "gb18030": "", "gbk": "encoding_mark"},
		"UTF-16LE":             {"utf-8": "encoding_utf16", "auto": "", "gb18030": "encoding_utf16", "gbk": "encoding_utf16", "utf-16le": "", "utf-16be": "header_unknown undecodable"},
		"UTF-16LE with a mark": {"utf-8": "encoding_mark", "auto": "", "gb18030": "encoding_mark", "gbk": "encoding_mark", "utf-16le": "", "utf-16be": "encoding_mark"},
		"UTF-16BE":             {"utf-8": "encoding_utf16", "auto": "", "gb18030": "encoding_utf16", "gbk": "encoding_utf16", "utf-16le": "header_unknown undecodable", "utf-16be": ""},
		"UTF-16BE with a mark": {"utf-8": "encoding_mark", "auto": "", "gb18030": "encoding_mark", "gbk": "encoding_mark", "utf-16le": "encoding_mark", "utf-16be": ""},
		"two marks":            {"utf-8": "mark", "auto": "mark"},
		"a mark in the middle": {"utf-8": "mark", "auto": "mark"},
		"UTF-32":               {"utf-8": "encoding_mark", "auto": "format"},
	}
	for name, codes := range read {
		for encoding, code := range codes {
			m := wire.DeliverMessage{Format: "csv", Encoding: encoding, Columns: columns, Decoded: 64 << 20, Memory: 256 << 20}
			got, err := deliverTo(t, m, []byte(files[name]))
			var f *fault
			switch {
			case code == "" && (err != nil || strings.Join(got, "\n") != strings.Join(want, "\n")):
				t.Errorf("%s as %s: %q, %v", name, encoding, got, err)
			case code != "" && (!errors.As(err, &f) || !strings.Contains(code, f.code)):
				t.Errorf("%s as %s: %q, %v, want %s", name, encoding, got, err, code)
			}
		}
	}
	ascii := []wire.Column{{Name: "a", Type: "VARCHAR"}, {Name: "b", Type: "VARCHAR"}, {Name: "1", Type: "BIGINT"}}
	m := wire.DeliverMessage{Format: "csv", Encoding: "auto", Columns: ascii, Decoded: 64 << 20, Memory: 256 << 20}
	if got, err := deliverTo(t, m, []byte(files["GB18030 behind 100 KB of ASCII"])); err != nil || got[len(got)-1] != want[0] {
		t.Errorf("GB18030 behind 100 KB of ASCII: %v", err)
	}
	m.Encoding = "gb18030"
	m.Columns = columns
	late := "姓名,城市,n\n" + strings.Repeat("a,b,1\n", 20_000) + "李四,徐州市,1\n"
	if _, err := deliverTo(t, m, []byte(late)); code(err) != "encoding_utf8" {
		t.Errorf("UTF-8 named gb18030: %v, want encoding_utf8", err)
	}
	// Two characters that are UTF-8 by accident are no reason to doubt.
	m.Columns = columns[2:]
	m.Columns = append([]wire.Column{{Name: "s", Type: "VARCHAR"}}, m.Columns...)
	if got, err := deliverTo(t, m, []byte("s,n\n"+gbOf(t, "联通,1\n"))); err != nil || got[0] != "联通|1" {
		t.Errorf("联通 in GB18030: %q, %v", got, err)
	}
}
