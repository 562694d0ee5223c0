package catalogue

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed levels/*.json
var levelFiles embed.FS

// LevelScheme is the numbering of a standard and what its levels are in a zone,
// where 3 and above is masked. A level that a standard masks is at least 3 here;
// one that no zone takes has no number. It is data: levels/*.json.
type LevelScheme struct {
	ID    string `json:"id"`
	Title struct {
		ZH string `json:"zh"`
		EN string `json:"en"`
	} `json:"title"`
	Levels []SchemeLevel `json:"levels"`
}

// SchemeLevel is one level of a standard.
type SchemeLevel struct {
	Codes []string `json:"codes"` // as the standard writes it
	Level int      `json:"level"` // in a zone, from 1; 0 is none: such data are not taken
	Seen  bool     `json:"seen"`  // whether the standard's own text was seen; else the number is a local reading
}

// LevelSchemes returns the schemes in order of their ids.
//
// It returns an error if a file is of another form, or names a code twice.
func LevelSchemes() ([]LevelScheme, error) {
	files, err := levelFiles.ReadDir("levels")
	if err != nil {
		return nil, fmt.Errorf("catalogue: list level schemes: %w", err)
	}
	var all []LevelScheme
	for _, f := range files {
		text, err := levelFiles.ReadFile("levels/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("catalogue: read level scheme: %w", err)
		}
		var s LevelScheme
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&s); err != nil {
			return nil, fmt.Errorf("catalogue: read level scheme %s: %w", f.Name(), err)
		}
		if err := s.check(f.Name()); err != nil {
			return nil, fmt.Errorf("catalogue: read level scheme %s: %w", f.Name(), err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (s LevelScheme) check(file string) error {
	if s.ID+".json" != file || s.Title.ZH == "" || s.Title.EN == "" || len(s.Levels) == 0 {
		return errors.New("its id, title or levels are missing")
	}
	seen := map[string]bool{}
	for _, l := range s.Levels {
		if l.Level < 0 || l.Level > 9 || len(l.Codes) == 0 {
			return errors.New("a level is not from 0 to 9 or has no code")
		}
		for _, c := range l.Codes {
			if c == "" || seen[strings.ToLower(c)] {
				return errors.New("a code is empty or stands twice")
			}
			seen[strings.ToLower(c)] = true
		}
	}
	return nil
}

// Level returns the number in a zone of a level as the standard writes it, with or
// without 级 after it. It reports false where the standard has no such level, and
// for one that no zone takes.
func (s LevelScheme) Level(code string) (int, bool) {
	code = strings.TrimSuffix(strings.TrimSpace(code), "级")
	for _, l := range s.Levels {
		if l.Level > 0 && slices.ContainsFunc(l.Codes, func(c string) bool { return strings.EqualFold(c, code) }) {
			return l.Level, true
		}
	}
	return 0, false
}

// numbered returns an entry with the levels of its columns as they are numbered in a
// zone. It reports false where one is no text, or no level that a zone takes. An entry
// that is none is as it was.
func (s LevelScheme) numbered(entry json.RawMessage) (json.RawMessage, bool) {
	var fields map[string]json.RawMessage
	var columns []map[string]json.RawMessage
	if json.Unmarshal(entry, &fields) != nil {
		return entry, true
	}
	at := keyOf(fields, "columns")
	if json.Unmarshal(fields[at], &columns) != nil {
		return entry, true
	}
	for _, c := range columns {
		level, ok := c[keyOf(c, "level")]
		if !ok {
			continue
		}
		var code *string
		if json.Unmarshal(level, &code) != nil || code == nil {
			return nil, false
		}
		n, taken := s.Level(*code)
		if !taken {
			return nil, false
		}
		c[keyOf(c, "level")] = json.RawMessage(strconv.Itoa(n))
	}
	var err error
	if fields[at], err = json.Marshal(columns); err == nil {
		entry, err = json.Marshal(fields)
	}
	return entry, err == nil
}

// keyOf returns the key by which encoding/json finds a field: its name, in whatever
// case.
func keyOf(fields map[string]json.RawMessage, name string) string {
	for k := range fields {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	return name
}
