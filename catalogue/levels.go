package catalogue

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
