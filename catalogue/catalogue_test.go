package catalogue_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"zonebox/catalogue"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sample is a catalogue of four published entries and of what no list has.
func sample() []catalogue.Entry {
	column := func(name, title, typ string, level int) catalogue.Column {
		return catalogue.Column{Name: name, Title: title, Type: typ, Level: level, Class: "register"}
	}
	entry := func(name, title, share, open string, columns ...catalogue.Column) catalogue.Entry {
		return catalogue.Entry{Name: name, Title: title, Version: 2, Zone: "medical", Category: catalogue.Category{Kind: "DEPARTMENT"}, Provider: "public-security",
			ProviderTitle: "市公安局", Collector: "public-security", Auditor: "public-security", Format: "TABLE", ShareType: share, ShareMode: "REQUEST_RESPONSE",
			OpenType: open, LegalBasis: []string{"户口登记条例"}, UseRequirements: "专区内使用", Source: catalogue.Source{Acquired: "2026-11-01", UpdateFrequency: "monthly"},
			Columns: columns, Status: "PUBLISHED", Loaded: "2026-11-20"}
	}
	persons := entry("persons", "人口登记", catalogue.Conditional, catalogue.Conditional, column("id_number", "身份证号", "string", 4), column("born", "出生日期", "date", 3))
	persons.Category, persons.OpenReason = catalogue.Category{Kind: "BASE", Code: "population"}, "含个人信息"
	persons.Entity = &catalogue.Entity{Column: "id_number", Kind: "person"}
	persons.Columns[0].Element, persons.Columns[0].Authoritative = "DE00001", true
	beds := entry("beds", "=床位(公式)", catalogue.Unconditional, catalogue.Unconditional, column("district", "区划", "string", 1), column("beds", "床位数", "int64", 1))
	beds.Columns[0].PublicCodes, beds.Columns[1].Nullable = []string{"320102", "320104"}, true
	secret := entry("patrols", "巡逻", catalogue.None, catalogue.Prohibited, column("at", "时间", "timestamp", 3))
	secret.OpenGround, secret.OpenReason = "PUBLIC_SAFETY", "可能危及公共安全"
	photo := entry("photos", "照片", catalogue.Conditional, catalogue.Conditional)
	photo.Format, photo.OpenReason, photo.Columns = "IMAGE", "含个人信息", []catalogue.Column{}
	temporary := entry("survey", "临时调查", catalogue.Unconditional, catalogue.Unconditional, column("a", "", "string", 1))
	temporary.Temporary = true
	retired := entry("old", "旧表", catalogue.Unconditional, catalogue.Unconditional, column("a", "", "string", 1))
	retired.Status = "RETIRED"
	return []catalogue.Entry{photo, persons, beds, secret, temporary, retired}
}

var publisher = catalogue.Publisher{Name: "city-data-authority", Title: "市数据主管部门", Issued: "2026-11-22"}

var asked = []catalogue.Demand{
	{Request: "r-2", Dataset: "persons", Scenario: "流感监测", Operator: "medco", Columns: []string{"born"}, Status: "SUBMITTED"},
	{Request: "r-1", Dataset: "persons", Scenario: "统计", Operator: "huiyi", Columns: []string{"id_number", "born"}, Status: "SUBMITTED"},
	{Request: "r-3", Dataset: "births", Scenario: "统计", Operator: "huiyi", Columns: []string{"born"}, Status: "SUBMITTED"},
}

func TestExportsAreAsTheGoldenFilesHaveThem(t *testing.T) {
	for _, c := range [][2]string{
		{"all", "csv"}, {"open", "csv"}, {"unconditional", "csv"}, {"conditional", "csv"}, {"restricted", "csv"}, {"supply-demand", "csv"}, {"supply-demand", "json"},
		{"all", "json"}, {"all", "gbt21063-xml"}, {"all", "gbt21063-json"}, {"all", "dcat"}, {"all", "frictionless"}, {"all", "odcs"},
	} {
		t.Run(c[0]+" "+c[1], func(t *testing.T) {
			got, media, err := catalogue.Write(sample(), asked, c[0], c[1], publisher)
			if err != nil || media == "" {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", c[0]+"."+c[1])
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("export differs from %s:\n%s", golden, got)
			}
			shuffled := sample()
			slices.Reverse(shuffled)
			if again, _, err := catalogue.Write(shuffled, asked, c[0], c[1], publisher); err != nil || !bytes.Equal(again, got) {
				t.Errorf("another order of entries gives another export: %v", err)
			}
			if !wellFormed(c[1], got) {
				t.Errorf("is not well formed:\n%s", got)
			}
		})
	}
	for _, c := range [][2]string{{"nothing", "csv"}, {"all", "pdf"}, {"supply-demand", "dcat"}} {
		if _, _, err := catalogue.Write(sample(), nil, c[0], c[1], publisher); err == nil {
			t.Errorf("%v was written", c)
		}
	}
}

func wellFormed(format string, text []byte) bool {
	if format == "gbt21063-xml" {
		d := xml.NewDecoder(bytes.NewReader(text))
		for {
			if _, err := d.Token(); err == io.EOF {
				return true
			} else if err != nil {
				return false
			}
		}
	}
	return format == "csv" || json.Valid(text)
}

// What is on which list, and what is on none (NJ19-25, SY20-27, NJ19-19).
func TestLists(t *testing.T) {
	for list, want := range map[string]string{
		"all": "beds patrols persons photos", "open": "beds persons photos", "unconditional": "beds", "conditional": "persons photos", "restricted": "patrols persons photos",
	} {
		got, err := catalogue.Select(sample(), list)
		var names []string
		for _, e := range got {
			names = append(names, e.Name)
		}
		if err != nil || strings.Join(names, " ") != want {
			t.Errorf("%s = %v, %v, want %s", list, names, err, want)
		}
	}
}

// No spreadsheet takes a text of the catalogue for a formula.
func TestNoCellIsAFormula(t *testing.T) {
	for _, title := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\n=1", "\uff1d1+1", "\uff20SUM(A1)"} {
		e := sample()[2]
		e.Title = title
		text, _, err := catalogue.Write([]catalogue.Entry{e}, nil, "all", "csv", publisher)
		if err != nil || !strings.Contains(string(text), "'"+title) {
			t.Errorf("%q: %v\n%s", title, err, text)
		}
	}
}

// The columns of another entry at a lower level are its data under another name,
// whatever the entry is called and whomever it says its rows are about.
func TestColumnsAtALowerLevelLower(t *testing.T) {
	columns := func(levels ...int) (e catalogue.Entry) {
		for i, level := range levels {
			e.Columns = append(e.Columns, catalogue.Column{Name: "c" + string(rune('a'+i)), Type: "string", Level: level})
		}
		return e
	}
	b := columns(1, 3, 2, 1)
	for _, c := range []struct {
		name string
		a    catalogue.Entry
		want bool
	}{
		{"one lower", columns(1, 2, 2, 1), true},
		{"the same", columns(1, 3, 2, 1), false},
		{"one higher", columns(1, 4, 2, 1), false},
		{"half of them, one lower", columns(1, 2), true},
		{"one of four", catalogue.Entry{Columns: columns(1, 2).Columns[1:]}, false},
		{"none", catalogue.Entry{}, false},
	} {
		if got := catalogue.Lowers(c.a, b); got != c.want {
			t.Errorf("%s: Lowers = %v, want %v", c.name, got, c.want)
		}
	}
}

// The likeness by hand: each part counted by whoever reads this.
func TestAlikeByHand(t *testing.T) {
	person := func(name, title string, columns ...string) catalogue.Entry {
		e := catalogue.Entry{Name: name, Title: title, Entity: &catalogue.Entity{Column: "id", Kind: "person"}}
		for _, c := range columns {
			e.Columns = append(e.Columns, catalogue.Column{Name: c, Type: "string"})
		}
		return e
	}
	a := person("persons", "人口登记", "id", "name", "born", "address")
	for _, c := range []struct {
		name string
		b    catalogue.Entry
		want catalogue.Likeness
	}{
		{"itself", a, catalogue.Likeness{Name: 1, Title: 1, Schema: 1, Key: 1, Total: 1}},
		{"in other letters and widths", person("PERSONS", "人口 登记", "address", "NAME", "id", "born"), catalogue.Likeness{Name: 1, Title: 1, Schema: 1, Key: 1, Total: 1}},
		// bigrams 人口|口登|登记 and 人口|口信|信息: one of three and three in common
		{"another title", person("persons", "人口信息", "id", "name", "born", "address"), catalogue.Likeness{Name: 1, Title: 1. / 3, Schema: 1, Key: 1, Total: 0.15 + 0.25/3 + 0.45 + 0.15}},
		// two of six columns
		{"half the columns", person("persons", "人口登记", "id", "name", "x", "y"), catalogue.Likeness{Name: 1, Title: 1, Schema: 2. / 6, Key: 1, Total: 0.15 + 0.25 + 0.15 + 0.15}},
		{"nothing in common", catalogue.Entry{Name: "beds", Title: "床位", Columns: []catalogue.Column{{Name: "ward", Type: "string"}}}, catalogue.Likeness{}},
		{"no columns", catalogue.Entry{Name: "persons", Title: "人口登记"}, catalogue.Likeness{Name: 1, Title: 1, Total: 0.4}},
	} {
		got := catalogue.Alike(a, c.b)
		for part, d := range map[string]float64{"name": got.Name - c.want.Name, "title": got.Title - c.want.Title, "schema": got.Schema - c.want.Schema, "key": got.Key - c.want.Key, "total": got.Total - c.want.Total} {
			if math.Abs(d) > 1e-9 {
				t.Errorf("%s: %s is off by %v: %+v, want %+v", c.name, part, d, got, c.want)
			}
		}
	}
}

// An oracle that tries every pairing of columns, and every bigram by itself, says
// the same; the order of columns and of the two entries makes no difference.
func TestAlikeIsWhatTryingEverythingGives(t *testing.T) {
	const seed = 20261122
	r := rand.New(rand.NewPCG(seed, 1))
	names, titles := []string{"id", "name", "born", "ID"}, []string{"", "编号", "姓名"}
	for n := range 400 {
		a, b := drawn(r, names, titles), drawn(r, names, titles)
		got := catalogue.Alike(a, b)
		common := float64(most(a.Columns, b.Columns))
		want := 0.0
		if len(a.Columns) > 0 && len(b.Columns) > 0 {
			want = common / (float64(len(a.Columns)+len(b.Columns)) - common)
		}
		if math.Abs(got.Schema-want) > 1e-9 {
			t.Fatalf("seed %d, draw %d: schema %v, the oracle says %v\n%+v\n%+v", seed, n, got.Schema, want, a.Columns, b.Columns)
		}
		if math.Abs(got.Name-bigrams(a.Name, b.Name)) > 1e-9 {
			t.Fatalf("seed %d, draw %d: name %v, the oracle says %v of %q and %q", seed, n, got.Name, bigrams(a.Name, b.Name), a.Name, b.Name)
		}
		slices.Reverse(a.Columns)
		if back := catalogue.Alike(b, a); math.Abs(back.Total-got.Total) > 1e-9 {
			t.Fatalf("seed %d, draw %d: %v one way, %v the other", seed, n, got.Total, back.Total)
		}
	}
}

func drawn(r *rand.Rand, names, titles []string) catalogue.Entry {
	letters := []rune("abcde")
	name := ""
	for range 1 + r.IntN(6) {
		name += string(letters[r.IntN(len(letters))])
	}
	e := catalogue.Entry{Name: name, Title: name}
	for range r.IntN(5) {
		e.Columns = append(e.Columns, catalogue.Column{Name: names[r.IntN(len(names))], Title: titles[r.IntN(len(titles))],
			Type: []string{"string", "date"}[r.IntN(2)], Element: []string{"", "", "D1", "D2"}[r.IntN(4)]})
	}
	return e
}

// most returns the greatest number of pairs, by trying each for each.
func most(a, b []catalogue.Column) int {
	if len(a) == 0 {
		return 0
	}
	best := most(a[1:], b)
	for i := range b {
		if one(a[0], b[i]) {
			rest := slices.Concat(b[:i], b[i+1:])
			best = max(best, 1+most(a[1:], rest))
		}
	}
	return best
}

// one says what "the same thing" is, in other words than the code.
func one(a, b catalogue.Column) bool {
	switch {
	case a.Element != "" && b.Element != "":
		return a.Element == b.Element
	case a.Type != b.Type:
		return false
	}
	return strings.EqualFold(a.Name, b.Name) || a.Title != "" && a.Title == b.Title
}

func bigrams(a, b string) float64 {
	if a == b {
		return 1
	}
	var x, y []string
	for i := 0; i+2 <= len(a); i++ {
		x = append(x, a[i:i+2])
	}
	for i := 0; i+2 <= len(b); i++ {
		y = append(y, b[i:i+2])
	}
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	total, common := len(x)+len(y), 0
	for _, g := range x {
		if i := slices.Index(y, g); i >= 0 {
			common++
			y = slices.Delete(y, i, i+1)
		}
	}
	return 2 * float64(common) / float64(total)
}

const cityFile = `名称,资源名称,分类,基础库,共享类型,共享条件,共享方式,开放属性,法律依据,更新周期,主体标识列,主体类型,涉密,影响公共安全,信息项,信息项名称,字段类型,分级,数据类别,个人信息,数据项涉密,可空
persons,人口登记,基础,population,有条件共享,按场景申请,接口,有条件开放,户口登记条例;居民身份证法,monthly,id_number,自然人,否,否,id_number,身份证号,字符串,4级,identity,是,否,
,,,,,,,,,,,,,,born,出生日期,日期,3,identity,是,否,是
beds,床位,部门,,无条件共享,,文件,无条件开放,医疗机构管理条例,daily,,,否,否,beds,床位数,整数,1,health,否,否,
`

// The city's file is read whatever it is encoded in; what it does not say stays
// unsaid.
func TestTheCitysFileIsRead(t *testing.T) {
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(cityFile)
	if err != nil {
		t.Fatal(err)
	}
	d := catalogue.Defaults{Zone: "medical", Provider: "public-security", ProviderType: "administration"}
	var first []byte
	for name, text := range map[string]string{"UTF-8": cityFile, "with BOM": "\ufeff" + cityFile, "GB18030": gb, "CRLF": strings.ReplaceAll(cityFile, "\n", "\r\n")} {
		entries, faults, err := catalogue.Read(strings.NewReader(text), d)
		if err != nil || len(faults) > 0 || len(entries) != 2 {
			t.Fatalf("%s: %v %v %d entries", name, err, faults, len(entries))
		}
		got, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		}
		if !bytes.Equal(got, first) {
			t.Errorf("%s: %s\nwant %s", name, got, first)
		}
		p := entries[0]
		if p.Category.Kind != "BASE" || p.ShareType != catalogue.Conditional || p.OpenType != catalogue.Conditional || len(p.LegalBasis) != 2 || p.Collector != "public-security" ||
			len(p.Columns) != 2 || p.Columns[0].Level != 4 || !p.Columns[1].Nullable || p.Columns[1].Type != "date" || !*p.PersonalInfo || *p.SecretFlag || p.Status != "PUBLISHED" {
			t.Errorf("%s: %+v", name, p)
		}
		if p.Columns[0].CauseCode != "" || entries[1].PersonalInfo != nil {
			t.Errorf("%s: something was said that the file does not say: %+v", name, entries)
		}
		again, faults, err := catalogue.Read(bytes.NewReader(got), d) // as JSON
		if text, _ := json.Marshal(again); err != nil || len(faults) > 0 || !bytes.Equal(text, got) {
			t.Errorf("%s: read again as JSON: %v %v %s", name, err, faults, text)
		}
	}
}

// Each fault is told by row and column, none by its value, and no entry is taken.
func TestFaultsOfTheCitysFileHaveAPlace(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // row:column
	}{
		"an unknown heading":     {"名称,标题,秘密\npersons,人口,机密值\n", []string{"1:3"}},
		"a heading twice":        {"名称,标题,资源名称\npersons,人口,人口\n", []string{"1:3"}},
		"no name":                {"标题\n人口\n", []string{"1:0", "2:0"}},
		"no such share type":     {"名称,标题,共享类型\npersons,人口,机密值\n", []string{"2:3"}},
		"no level":               {"名称,标题,数据项,级别\npersons,人口,id,机密值\n,,born,0\n", []string{"2:4", "3:4"}},
		"no date":                {"名称,标题,评估日期\npersons,人口,机密值\n", []string{"2:3"}},
		"neither yes nor no":     {"名称,标题,涉密\npersons,人口,机密值\n", []string{"2:3"}},
		"no table name":          {"名称,标题\n人口表,机密值\n", []string{"2:1"}},
		"no title":               {"名称,标题\npersons,\n", []string{"2:2"}},
		"no type":                {"名称,标题,数据项,数据类型\npersons,人口,id,机密值\n", []string{"2:4"}},
		"rows apart":             {"名称,标题\na,甲\nb,乙\na,甲\n", []string{"4:1"}},
		"a column of no entry":   {"名称,标题,数据项\n,,id\n", []string{"2:1"}},
		"more cells":             {"名称,标题\npersons,人口,机密值\n", []string{"2:0"}},
		"a quote that is open":   {"名称,标题\npersons,\"机密值\n", []string{"2:0"}},
		"JSON, an unknown field": {`[{"name":"a","title":"t"},{"name":"b","levle":"机密值"}]`, []string{"2:0"}},
		"JSON, a bad name":       {`[{"name":"机密值","title":"t"}]`, []string{"1:0"}},
	} {
		entries, faults, err := catalogue.Read(strings.NewReader(c.text), catalogue.Defaults{})
		var got []string
		for _, f := range faults {
			got = append(got, fmt.Sprintf("%d:%d", f.Row, f.Column))
			if strings.Contains(f.ZH+f.EN, "机密值") {
				t.Errorf("%s: a fault tells the value", name)
			}
		}
		if err != nil || entries != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %d entries, faults at %v, want %v", name, err, len(entries), got, c.want)
		}
	}
	for name, text := range map[string]string{"neither encoding": "名称\xff\xff\xff,标题", "no JSON": "[{"} {
		if _, _, err := catalogue.Read(strings.NewReader(text), catalogue.Defaults{}); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

// FuzzRead looks for a file that makes Read panic, or that gives entries and faults.
func FuzzRead(f *testing.F) {
	f.Add([]byte(cityFile))
	f.Add([]byte(`[{"name":"a","title":"t","columns":[{"name":"x","type":"string"}]}]`))
	f.Add([]byte("名称,标题\n\"a"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, faults, err := catalogue.Read(bytes.NewReader(text), catalogue.Defaults{Zone: "z"})
		if len(entries) > 0 && (len(faults) > 0 || err != nil) {
			t.Errorf("%d entries beside %v, %v", len(entries), faults, err)
		}
	})
}

// A file that is not what a city sends is refused at its first bytes, rows or faults,
// and read as one thing.
func TestAHostileFileIsRefused(t *testing.T) {
	row := func(n int) string { return strings.Repeat(",", n) }
	for name, c := range map[string]struct {
		file   string
		faults int // at most, and at least one; 0 wants an error
	}{
		"no bytes":                   {"", 1},
		"a header of a million":      {"name,title" + row(1_000_000) + "\n", 1},
		"a row of a million":         {"name,title\na,b\n" + row(1_000_000), 1},
		"a million rows":             {"name,title\n" + strings.Repeat("a,b\n", 1_000_000), 1},
		"more faults than rows told": {"name,title\n" + strings.Repeat("?,\n!,\n", 20_000), 1100},
		"a quote that never ends":    {"name,title\n\"a,b\n", 1},
		"larger than it may be":      {strings.Repeat("a", 33<<20), 0},
		"neither encoding":           {"name,title\n\xff\xff\xff,b", 0},
		"UTF-8 and GB18030 mixed":    {"名称,标题\na,\xc4\xcf\xff\n", 0},
		"nested without end":         {strings.Repeat("[", 100_000), 0},
		"an entry nested":            {`[{"name":"a","title":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}]`, 1},
		"a field twice":              {`[{"name":"a","title":"x","title":"y"}]`, 1},
		"a field twice apart":        {`[{"name":"a","secret_flag":true,"Secret_flag":false}]`, 1},
		"a column's field twice":     {`[{"name":"a","title":"x","columns":[{"name":"c","level":3,"level":1}]}]`, 1},
		"a field nobody knows":       {`[{"name":"a","title":"x","trusted":true}]`, 1},
		"something after the array":  {`[] {"name":"a"}`, 0},
	} {
		out, faults, err := catalogue.Read(strings.NewReader(c.file), catalogue.Defaults{Zone: "medical", Provider: "p"})
		switch {
		case out != nil || (err == nil) != (c.faults > 0):
			t.Errorf("%s: %d entries, %v", name, len(out), err)
		case c.faults > 0 && (len(faults) == 0 || len(faults) > c.faults):
			t.Errorf("%s: %d faults, want 1 to %d", name, len(faults), c.faults)
		}
	}
}
