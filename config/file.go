package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile is how long a file of settings may be. A long one has some thousand bytes.
const maxFile = 1 << 20

// A File is what a file sets.
type File struct {
	Path   string
	values map[string][]string
	lines  map[string]int
}

// Line returns the line on which the file sets name, 0 if it does not.
func (f *File) Line(name string) int {
	if f == nil {
		return 0
	}
	return f.lines[name]
}

// Value returns what the file sets name to, "" if it does not.
func (f *File) Value(name string) string {
	if f == nil {
		return ""
	}
	return strings.Join(f.values[name], ",")
}

// provider provides what the file sets, nothing if there is none.
func (f *File) provider() fileProvider {
	if f == nil {
		return nil
	}
	return f.values
}

type fileProvider map[string][]string

// Read returns the values by the names of their settings.
func (p fileProvider) Read() (map[string]any, error) {
	out := map[string]any{}
	for name, values := range p {
		out[name] = values
	}
	return out, nil
}

// ReadBytes is not asked for: the file is parsed before.
func (fileProvider) ReadBytes() ([]byte, error) { return nil, os.ErrInvalid }

// ReadFile reads the file at path, which may set what settings hold, and returns every
// fault of it but those of values, which Apply finds. It must belong to root or to whoever
// reads it, and nobody else may write it. An error wraps fs.ErrNotExist if there is none.
func ReadFile(path string, settings []Setting) (*File, []Fault, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	var faults []Fault
	if !info.Mode().IsRegular() {
		return nil, []Fault{{ZH: "不是普通文件", EN: "is no regular file"}}, nil
	}
	if info.Mode().Perm()&0o022 != 0 {
		faults = append(faults, Fault{ZH: "他人可写,请 chmod go-w", EN: "others may write it; chmod go-w"})
	}
	if !ownOrRoot(info) {
		faults = append(faults, Fault{ZH: "既不属于 root,也不属于运行者", EN: "belongs neither to root nor to whoever runs this"})
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("config: %w", err)
	}
	if len(text) > maxFile {
		return nil, append(faults, Fault{ZH: "超过 1 MiB", EN: "is longer than 1 MiB"}), nil
	}
	out, more := parse(text, settings)
	out.Path = path
	return out, append(faults, more...), nil
}

// parse reads a flat mapping of names to a value, or a list of values.
func parse(text []byte, settings []Setting) (*File, []Fault) {
	out := &File{values: map[string][]string{}, lines: map[string]int{}}
	var doc, next yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF): // comments alone
		return out, nil
	case err != nil:
		return out, []Fault{{Line: lineOf(err), ZH: "不是 YAML", EN: "is no YAML"}}
	}
	if !errors.Is(dec.Decode(&next), io.EOF) {
		return out, []Fault{{ZH: "只能有一份文档", EN: "holds more than one document"}}
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return out, nil
	}
	if top.Kind != yaml.MappingNode {
		return out, []Fault{{Line: top.Line, ZH: "须为“键: 值”", EN: "must be KEY: VALUE"}}
	}
	known := map[string]Setting{}
	for _, s := range settings {
		known[s.Name] = s
	}
	var faults []Fault
	for i := 0; i < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		fault := func(zh, en string) {
			faults = append(faults, Fault{Line: key.Line, Key: key.Value, ZH: zh, EN: en})
		}
		s, ok := known[key.Value]
		switch {
		case !ok:
			zh, en := "没有该键", "is no setting"
			if n := near(key.Value, settings); n != "" {
				zh, en = zh+",相近的有 "+n, en+"; near it is "+n
			}
			fault(zh, en)
			continue
		case out.lines[key.Value] != 0:
			fault(fmt.Sprintf("与第 %d 行重复", out.lines[key.Value]), fmt.Sprintf("stands on line %d as well", out.lines[key.Value]))
			continue
		}
		out.lines[key.Value] = key.Line
		values := []*yaml.Node{value}
		if _, list := s.Value.(*List); list && value.Kind == yaml.SequenceNode {
			values = value.Content
		}
		var texts []string
		for _, v := range values {
			switch _, path := s.Value.(*Path); {
			case v.Kind != yaml.ScalarNode || v.Tag == "!!null" || v.Value == "":
				fault("须写一个值", "must have one value")
				continue
			case (path || isPaths(s.Value)) && !filepath.IsAbs(v.Value):
				fault("须为绝对路径", "must be an absolute path")
				continue
			}
			texts = append(texts, v.Value)
		}
		if len(texts) == len(values) && len(texts) > 0 {
			out.values[key.Value] = texts
		}
	}
	return out, faults
}

// isPaths reports whether v is a list of paths.
func isPaths(v Value) bool {
	l, ok := v.(*List)
	return ok && l.paths
}

// lineOf is the line that an error of the parser names, 0 for none. The rest of its text
// may hold what stands there.
func lineOf(err error) int {
	_, rest, _ := strings.Cut(err.Error(), "line ")
	number, _, _ := strings.Cut(rest, ":")
	n, _ := strconv.Atoi(number)
	return n
}
