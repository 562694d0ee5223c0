package policy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"time"
)

// Bounds of a bundle. What is larger is refused before it is looked into.
const (
	MaxBundle    = 1 << 20 // bytes of the archive
	maxUnpacked  = 4 << 20 // bytes of its files together
	maxFile      = 1 << 20 // bytes of one file
	maxFiles     = 64
	maxJSONDepth = 32
)

// Names of the files that OPA gives a meaning.
const (
	manifestFile  = ".manifest"
	signatureFile = ".signatures.json"
)

// fileName lists what a bundle may hold beside those: expert rules and packs. A
// name with anything else in it, such as a path that leads elsewhere, is none.
var fileName = regexp.MustCompile(`^(expert/[a-z][a-z0-9_]{0,40}\.rego|packs/[a-z0-9][a-z0-9-]{0,60}/data\.json)$`)

// pack writes files as the one archive that there is of them: sorted, without
// owners, times or modes of their own.
func pack(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := writeTar(zw, files); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func writeTar(w io.Writer, files map[string][]byte) error {
	tw := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		h := &tar.Header{Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: name, Size: int64(len(files[name])), Mode: 0o600, ModTime: time.Unix(0, 0)}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := tw.Write(files[name]); err != nil {
			return err
		}
	}
	return tw.Close()
}

// unpack returns the files of an archive that pack wrote, and an error for any
// other: of two archives with the same files one is not a bundle, so that nothing
// in it escapes the signature. How well it was compressed is not looked at, for
// that differs by the release of the compressor; see exact.
func unpack(raw []byte) (map[string][]byte, error) {
	if len(raw) > MaxBundle {
		return nil, fmt.Errorf("archive is larger than %d bytes", MaxBundle)
	}
	in := bytes.NewReader(raw)
	zr, err := gzip.NewReader(in)
	if err != nil {
		return nil, errors.New("archive is not gzip")
	}
	zr.Multistream(false)
	plain, err := io.ReadAll(io.LimitReader(zr, maxUnpacked+1))
	switch {
	case err != nil:
		return nil, errors.New("archive is damaged")
	case len(plain) > maxUnpacked:
		return nil, fmt.Errorf("archive unpacks to more than %d bytes", maxUnpacked)
	case in.Len() > 0:
		return nil, errors.New("archive is followed by other bytes")
	}
	files, err := readTar(plain)
	if err != nil {
		return nil, err
	}
	var again bytes.Buffer
	if err := writeTar(&again, files); err != nil || !bytes.Equal(again.Bytes(), plain) {
		return nil, errors.New("archive is not written as bundles are")
	}
	return files, nil
}

func readTar(plain []byte) (map[string][]byte, error) {
	files := map[string][]byte{}
	tr := tar.NewReader(bytes.NewReader(plain))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, errors.New("archive is damaged")
		}
		switch _, twice := files[h.Name]; {
		case twice:
			return nil, errors.New("archive holds a file twice")
		case len(files) == maxFiles:
			return nil, fmt.Errorf("archive holds more than %d files", maxFiles)
		case h.Typeflag != tar.TypeReg || h.Name != manifestFile && h.Name != signatureFile && !fileName.MatchString(h.Name):
			return nil, errors.New("archive holds a file that bundles do not have")
		case h.Size > maxFile:
			return nil, fmt.Errorf("a file of the archive is larger than %d bytes", maxFile)
		}
		content, err := io.ReadAll(io.LimitReader(tr, maxFile+1))
		if err != nil {
			return nil, errors.New("archive is damaged")
		}
		files[h.Name] = content
	}
}

// exact refuses an archive of files that is not, byte for byte, the one that pack
// writes: a flipped bit that the compressor's reader does not look at.
func exact(raw []byte, files map[string][]byte) error {
	again, err := pack(files)
	if err != nil || !bytes.Equal(again, raw) {
		return errors.New("archive is not written as bundles are")
	}
	return nil
}
