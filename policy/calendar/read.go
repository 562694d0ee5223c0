package calendar

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed holidays/*.json
var embedded embed.FS

// announcement is one file: what the State Council announced for a year.
type announcement struct {
	Year     int       `json:"year"`
	Source   string    `json:"source"`
	Holidays []holiday `json:"holidays"`
	Working  []string  `json:"working"` // weekend days that are worked
}

// holiday is a run of free days, first and last included.
type holiday struct {
	Name  string `json:"name"`
	From  string `json:"from"`
	Until string `json:"until"`
}

// Announced returns the table of the announcements this version was built with.
//
// It returns an error if one of them is not as Read wants it.
func Announced() (*Table, error) {
	files, err := fs.Sub(embedded, "holidays")
	if err != nil {
		return nil, fmt.Errorf("calendar: open tables: %w", err)
	}
	return Read(files)
}

// Read returns the table of the files YEAR.json at the root of fsys, at least one.
//
// It returns an error if a file is of another form, names another year, gives no
// source, has a day twice, a day outside its year and the week before it, a free
// run that ends before it begins or is longer than 15 days, or a working day that
// is no Saturday or Sunday.
func Read(fsys fs.FS) (*Table, error) {
	names, err := fs.Glob(fsys, "*.json")
	if err != nil {
		return nil, fmt.Errorf("calendar: list tables: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("calendar: list tables: there is none")
	}
	slices.Sort(names)
	t := &Table{days: map[Day]bool{}}
	sum := sha256.New()
	for _, name := range names {
		content, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, fmt.Errorf("calendar: read %s: %w", name, err)
		}
		if err := t.announce(strings.TrimSuffix(name, ".json"), content); err != nil {
			return nil, fmt.Errorf("calendar: read %s: %w", name, err)
		}
		_, _ = fmt.Fprintf(sum, "%s %d\n", name, len(content)) // a hash does not fail
		_, _ = sum.Write(content)
	}
	t.version = hex.EncodeToString(sum.Sum(nil))[:16]
	slices.Sort(t.years)
	return t, nil
}

// announce adds the announcement of the year of that name.
func (t *Table) announce(name string, content []byte) error {
	var a announcement
	dec := json.NewDecoder(bytes.NewReader(content))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&a); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text follows the announcement")
	}
	switch {
	case strconv.Itoa(a.Year) != name:
		return fmt.Errorf("file calls itself %d", a.Year)
	case a.Source == "":
		return errors.New("no source")
	case len(a.Holidays) == 0:
		return errors.New("no holiday")
	}
	for _, h := range a.Holidays {
		if h.Name == "" {
			return errors.New("holiday without a name")
		}
		if err := t.free(a.Year, h); err != nil {
			return fmt.Errorf("holiday from %q: %w", h.From, err)
		}
	}
	for _, w := range a.Working {
		d, err := Parse(w)
		if err != nil {
			return err
		}
		if wd := d.Start().Weekday(); wd != time.Saturday && wd != time.Sunday {
			return fmt.Errorf("working day %s is no Saturday or Sunday", d)
		}
		if err := t.set(a.Year, d, true); err != nil {
			return err
		}
	}
	t.years = append(t.years, a.Year)
	return nil
}

// free sets the days of a holiday.
func (t *Table) free(year int, h holiday) error {
	from, err := Parse(h.From)
	if err != nil {
		return err
	}
	until, err := Parse(h.Until)
	if err != nil {
		return err
	}
	if until < from || until > from.next(14) {
		return errors.New("ends before it begins or lasts longer than 15 days")
	}
	for d := from; d <= until; d = d.next(1) {
		if err := t.set(year, d, false); err != nil {
			return err
		}
	}
	return nil
}

// set says of one day whether it is worked.
func (t *Table) set(year int, d Day, worked bool) error {
	first := Day(fmt.Sprintf("%04d-12-%02d", year-1, lastDays))
	last := Day(fmt.Sprintf("%04d-12-31", year))
	if d < first || d > last {
		return fmt.Errorf("%s is not of the year %d", d, year)
	}
	if _, twice := t.days[d]; twice {
		return fmt.Errorf("%s is announced twice", d)
	}
	t.days[d] = worked
	return nil
}
