package query

import (
	"bytes"
	"errors"
	"io"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"
)

// errNotDecodable says that a byte sequence has no character in the encoding.
var errNotDecodable = errors.New("query: not decodable")

// decoded returns data as UTF-8. Bytes that the decoder cannot map, the code
// points that GB18030-2022 moved among them, are an error: a delivery must not
// be changed silently on its way in.
func decoded(data io.Reader, encoding string) io.Reader {
	if encoding != "gb18030" {
		return data
	}
	return &strictReader{source: transform.NewReader(data, simplifiedchinese.GB18030.NewDecoder())}
}

// replacement is U+FFFD, which decoders write for what they cannot map.
var replacement = []byte("\uFFFD")

// strictReader fails at the first replacement character. tail holds the last
// bytes read, in case one stands across two reads.
type strictReader struct {
	source io.Reader
	tail   []byte
}

func (r *strictReader) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	window := append(r.tail, p[:n]...)
	if bytes.Contains(window, replacement) {
		return 0, errNotDecodable
	}
	r.tail = append([]byte(nil), window[max(0, len(window)-len(replacement)+1):]...)
	return n, err
}
