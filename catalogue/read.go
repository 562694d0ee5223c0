package catalogue

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// Fault is what is wrong with a catalogue file, by row and column as a spreadsheet
// counts them: the header is row 1. Column 0 is the row as a whole.
type Fault struct {
	Row    int    `json:"row"`
	Column int    `json:"column"`
	Name   string `json:"name,omitempty"` // of the column
	ZH     string `json:"zh"`
	EN     string `json:"en"`
}

// What Read takes, and how many faults it tells.
const (
	maxFile   = 32 << 20
	maxRows   = 50_000
	maxHeads  = 256
	maxFaults = 1000
)

// Defaults are what the file of a city does not say of every entry.
type Defaults struct {
	Zone, Provider, ProviderType string
	Levels                       *LevelScheme // the numbering of the file's levels; nil is that of zones
}

// heads are the columns of a catalogue file: each by the name of the field and by
// the headings people use. A row is one column (数据项) of an entry; the fields of
// the entry stand in its first row and may be empty in those after it.
var heads = map[string][]string{
	"name": {"名称", "资源代码", "英文名"}, "title": {"标题", "资源名称", "信息资源名称", "目录名称"}, "zone": {"专区"},
	"provider": {"提供单位", "提供方"}, "provider_type": {"提供单位类型"}, "collector": {"收集单位", "采集单位"}, "auditor": {"审核单位"},
	"category": {"分类", "资源分类"}, "category_code": {"分类代码", "基础库", "主题"}, "category_lead": {"牵头单位"}, "format": {"格式", "资源格式"},
	"share_type": {"共享类型"}, "share_mode": {"共享方式"}, "share_reason": {"共享理由", "共享条件"},
	"open_type": {"开放类型", "开放属性"}, "open_reason": {"开放理由", "开放条件"}, "open_ground": {"不予开放事由"},
	"legal_basis": {"依据", "法律依据"}, "use_requirements": {"使用要求"}, "review_due": {"评估日期"}, "regime": {"管理类别"},
	"entity_column": {"主体标识列"}, "entity_kind": {"主体类型"}, "acquired": {"获取日期"}, "update_frequency": {"更新频率", "更新周期", "更新时限"},
	"temporary": {"临时采集"}, "public_safety": {"影响公共安全"}, "secret": {"涉密"}, "personal": {"含个人信息"},
	"column": {"数据项", "信息项", "字段名"}, "column_title": {"数据项名称", "信息项名称"}, "column_type": {"数据类型", "字段类型"}, "column_level": {"级别", "分级"},
	"column_class": {"类别", "数据类别"}, "column_personal": {"个人信息"}, "column_secret": {"数据项涉密"}, "column_nullable": {"可空"}, "column_cause": {"敏感事由"},
	"column_element": {"数据元"}, "column_authoritative": {"权威来源"}, "column_item": {"数据项类别"}, "column_standard": {"标准"},
}

// words are the values people write for codes, by field.
var words = map[string]map[string]string{
	"share_type":    {"可社会公开": Unconditional, "无条件": Unconditional, "无条件共享": Unconditional, "有条件": Conditional, "有条件共享": Conditional, "不予共享": None, "不共享": None},
	"open_type":     {"无条件": Unconditional, "无条件开放": Unconditional, "有条件": Conditional, "有条件开放": Conditional, "依申请开放": Conditional, "不予开放": Prohibited, "不开放": Prohibited},
	"category":      {"基础": "BASE", "基础类": "BASE", "主题": "THEME", "主题类": "THEME", "专题": "SPECIAL", "部门": "DEPARTMENT", "部门类": "DEPARTMENT"},
	"format":        {"表": "TABLE", "表格": "TABLE", "数据库": "TABLE", "库表": "TABLE", "文档": "DOCUMENT", "电子文件": "DOCUMENT", "图片": "IMAGE", "音频": "AUDIO", "视频": "VIDEO", "其他": "OTHER"},
	"share_mode":    {"接口": "REQUEST_RESPONSE", "请求响应": "REQUEST_RESPONSE", "库表交换": "TABLE_EXCHANGE", "文件": "FILE", "介质": "MEDIA"},
	"entity_kind":   {"自然人": "person", "个人": "person", "法人": "enterprise", "企业": "enterprise"},
	"column_type":   {"字符串": "string", "文本": "string", "整数": "int64", "数值": "float64", "日期": "date", "日期时间": "timestamp", "布尔": "bool"},
	"column_cause":  {"国家秘密": "STATE_SECRET", "商业秘密": "TRADE_SECRET", "个人隐私": "PRIVACY", "其他法律": "OTHER_LAW"},
	"column_item":   {"基础数据项": "BASE", "业务数据项": "BUSINESS"},
	"provider_type": {"行政机关": "administration", "授权组织": "authorized_body"},
}

// codes are the values that a field takes.
var codes = map[string][]string{
	"share_type": {Unconditional, Conditional, None}, "open_type": {Unconditional, Conditional, Prohibited},
	"category": {"BASE", "THEME", "SPECIAL", "DEPARTMENT"}, "format": {"TABLE", "DOCUMENT", "IMAGE", "AUDIO", "VIDEO", "OTHER"},
	"share_mode": {"REQUEST_RESPONSE", "TABLE_EXCHANGE", "FILE", "MEDIA"}, "entity_kind": {"person", "enterprise"},
	"column_cause": {"STATE_SECRET", "TRADE_SECRET", "PRIVACY", "OTHER_LAW"}, "column_item": {"BASE", "BUSINESS"},
}

var (
	tableName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)
	day       = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	kindOf    = regexp.MustCompile(`^(?:string|int64|float64|bool|date|timestamp|decimal\([0-9]{1,2},[0-9]{1,2}\))$`)
)

// Read returns the entries of a city's catalogue file: CSV with a header, or JSON
// (an array of entries), in UTF-8 with or without BOM, or GB18030. Levels of a standard
// are texts in JSON, as the standard writes them: a number may be anybody's. Every entry has
// the status PUBLISHED, which is what it would say; what becomes of it is the
// caller's. Where anything is wrong Read returns every fault and no entry.
func Read(r io.Reader, d Defaults) ([]Entry, []Fault, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("catalogue: read: %w", err)
	}
	if len(raw) > maxFile {
		return nil, nil, errors.New("catalogue: the file is larger than 32 MiB")
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if !utf8.Valid(raw) {
		if raw, err = simplifiedchinese.GB18030.NewDecoder().Bytes(raw); err != nil || bytes.ContainsRune(raw, utf8.RuneError) {
			return nil, nil, errors.New("catalogue: the file is neither UTF-8 nor GB18030")
		}
	}
	if text := bytes.TrimSpace(raw); len(text) > 0 && (text[0] == '[' || text[0] == '{') {
		return readJSON(text, d)
	}
	return readCSV(raw, d)
}

func readJSON(text []byte, d Defaults) ([]Entry, []Fault, error) {
	var rows []json.RawMessage
	if text[0] == '{' {
		rows = []json.RawMessage{text}
	} else if err := json.Unmarshal(text, &rows); err != nil || len(rows) > maxRows {
		return nil, nil, errors.New("catalogue: the file is not a JSON array of entries")
	}
	var out []Entry
	var faults []Fault
	for i, row := range rows {
		if len(faults) >= maxFaults {
			break
		}
		var e Entry
		twice := twice(json.NewDecoder(bytes.NewReader(row)))
		if d.Levels != nil && !twice {
			var taken bool
			if row, taken = d.Levels.numbered(row); !taken {
				faults = append(faults, Fault{Row: i + 1, Name: "level", ZH: "有的级别不是该标准可进入专区的级别;级别须按标准的写法写为文本", EN: "a level is no level of the standard that a zone takes; levels are texts, as the standard writes them"})
				continue
			}
		}
		dec := json.NewDecoder(bytes.NewReader(row))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&e); err != nil || twice {
			faults = append(faults, Fault{Row: i + 1, ZH: "不是目录条目,或含未知、重复的字段", EN: "is no entry, or has a field that is unknown or stands twice"})
			continue
		}
		e.Status = "PUBLISHED"
		e.fill(d)
		if !tableName.MatchString(e.Name) {
			faults = append(faults, Fault{Row: i + 1, Name: "name", ZH: "名称须为小写字母、数字、下划线,以字母开头", EN: "the name must be lower-case letters, digits and underscores, a letter first"})
		}
		out = append(out, e)
	}
	if len(faults) > 0 {
		return nil, faults, nil
	}
	return out, nil, nil
}

// twice reports whether an object of a JSON value has a key twice, or twice apart from
// case, of which encoding/json takes the last: the file's author may mean the first.
func twice(dec *json.Decoder) bool {
	open, _ := dec.Token() // of a value that was decoded before
	if _, nested := open.(json.Delim); !nested {
		return false
	}
	seen := map[string]bool{}
	for dec.More() {
		if open == json.Delim('{') {
			key, _ := dec.Token()
			name := strings.ToLower(fmt.Sprint(key))
			if seen[name] {
				return true
			}
			seen[name] = true
		}
		if twice(dec) {
			return true
		}
	}
	_, err := dec.Token()
	return err != nil
}

func (e *Entry) fill(d Defaults) {
	for _, f := range []struct {
		into *string
		from string
	}{{&e.Zone, d.Zone}, {&e.Provider, d.Provider}, {&e.ProviderType, d.ProviderType}} {
		if *f.into == "" {
			*f.into = f.from
		}
	}
	for _, into := range []*string{&e.Collector, &e.Auditor} {
		if *into == "" {
			*into = e.Provider
		}
	}
}

// sheet is a CSV file being read.
type sheet struct {
	fields []string // of the columns, by place
	faults []Fault
	row    int
	cells  []string
	names  map[string]bool // of the entries so far
	levels *LevelScheme
}

func readCSV(raw []byte, d Defaults) ([]Entry, []Fault, error) {
	in := csv.NewReader(bytes.NewReader(raw))
	in.FieldsPerRecord = -1
	var rows [][]string
	for {
		row, err := in.Read()
		if err == io.EOF {
			break
		}
		var parse *csv.ParseError
		switch {
		case errors.As(err, &parse):
			return nil, []Fault{{Row: parse.StartLine, ZH: "不是合法的 CSV", EN: "is not CSV"}}, nil
		case err != nil:
			return nil, nil, fmt.Errorf("catalogue: read CSV: %w", err)
		case len(rows) == maxRows:
			return nil, []Fault{{Row: 1, ZH: "须不超过 50000 行", EN: "has more than 50000 rows"}}, nil
		case len(row) > maxHeads:
			return nil, []Fault{{Row: len(rows) + 1, ZH: "须不超过 256 列", EN: "has more than 256 columns"}}, nil
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, []Fault{{Row: 1, ZH: "须有表头", EN: "needs a header"}}, nil
	}
	s := &sheet{row: 1, cells: rows[0], names: map[string]bool{}, levels: d.Levels}
	s.header()
	var out []Entry
	for i, row := range rows[1:] {
		s.row, s.cells = i+2, row
		if len(row) > len(s.fields) {
			s.fault("", "单元格多于表头", "more cells than headings")
		}
		if s.blank() {
			continue
		}
		if len(s.faults) >= maxFaults {
			break
		}
		if name := s.at("name"); name != "" && (len(out) == 0 || out[len(out)-1].Name != name) {
			if s.names[name] {
				s.fault("name", "条目 "+name+" 的各行须相连", "the rows of "+name+" must stand together")
			}
			s.names[name] = true
			out = append(out, s.entry(d))
		}
		if len(out) == 0 {
			s.fault("name", "首行须写明名称", "the first row must name its entry")
			break
		}
		s.column(&out[len(out)-1])
	}
	if len(s.faults) > 0 {
		return nil, s.faults, nil
	}
	return out, nil, nil
}

// level reads a level in the numbering of the file.
func (s *sheet) level(text string) int {
	if s.levels != nil {
		n, taken := s.levels.Level(text)
		if !taken {
			s.fault("column_level", "级别不是该标准可进入专区的级别", "is no level of the standard that a zone takes")
		}
		return n
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, "级"))
	if err != nil || n < 1 || n > 9 {
		s.fault("column_level", "级别须为 1 至 9", "the level must be 1 to 9")
	}
	return n
}

func (s *sheet) fault(field, zh, en string) {
	f := Fault{Row: s.row, Name: field, ZH: zh, EN: en}
	f.Column = slices.Index(s.fields, field) + 1
	s.faults = append(s.faults, f)
}

// header reads the headings: a field's own name, or one of those people use.
func (s *sheet) header() {
	for i, h := range s.cells {
		h = strings.TrimSpace(h)
		field := ""
		for f, names := range heads {
			if strings.EqualFold(h, f) || slices.Contains(names, h) {
				field = f
			}
		}
		if field == "" || slices.Contains(s.fields, field) {
			s.faults = append(s.faults, Fault{Row: 1, Column: i + 1, ZH: "表头无法识别或重复", EN: "the heading is unknown, or stands twice"})
			field = ""
		}
		s.fields = append(s.fields, field)
	}
	for _, needed := range []string{"name", "title"} {
		if !slices.Contains(s.fields, needed) {
			s.faults = append(s.faults, Fault{Row: 1, Name: needed, ZH: "缺少表头 " + heads[needed][0], EN: "the heading " + needed + " is missing"})
		}
	}
}

func (s *sheet) blank() bool {
	return !slices.ContainsFunc(s.cells, func(c string) bool { return strings.TrimSpace(c) != "" })
}

// at returns the cell of a field.
func (s *sheet) at(field string) string {
	if i := slices.Index(s.fields, field); i >= 0 && i < len(s.cells) {
		return strings.TrimSpace(s.cells[i])
	}
	return ""
}

// code returns the code that a cell stands for.
func (s *sheet) code(field string) string {
	v := s.at(field)
	if c, ok := words[field][v]; ok {
		return c
	}
	if want := codes[field]; v != "" && want != nil && !slices.Contains(want, v) {
		s.fault(field, "须为 "+strings.Join(want, "、")+" 之一", "must be one of "+strings.Join(want, ", "))
	}
	return v
}

// flag returns what a cell says, nil if it says nothing.
func (s *sheet) flag(field string) *bool {
	yes := false
	switch strings.ToLower(s.at(field)) {
	case "":
		return nil
	case "否", "no", "false", "0", "n":
	case "是", "yes", "true", "1", "y":
		yes = true
	default:
		s.fault(field, "须为 是 或 否", "must be yes or no")
	}
	return &yes
}

func (s *sheet) yes(field string) bool {
	f := s.flag(field)
	return f != nil && *f
}

func (s *sheet) date(field string) string {
	v := s.at(field)
	if v != "" && !day.MatchString(v) {
		s.fault(field, "须为日期 2006-01-02", "must be a date 2006-01-02")
	}
	return v
}

// entry reads the fields of the entry in its first row.
func (s *sheet) entry(d Defaults) Entry {
	e := Entry{Name: s.at("name"), Title: s.at("title"), Zone: s.at("zone"), Provider: s.at("provider"), ProviderType: s.code("provider_type"),
		Collector: s.at("collector"), Auditor: s.at("auditor"), Format: s.code("format"), ShareType: s.code("share_type"), ShareMode: s.code("share_mode"),
		ShareReason: s.at("share_reason"), OpenType: s.code("open_type"), OpenReason: s.at("open_reason"), OpenGround: s.at("open_ground"),
		UseRequirements: s.at("use_requirements"), ReviewDue: s.date("review_due"), Regime: s.at("regime"), Temporary: s.yes("temporary"), PublicSafety: s.flag("public_safety"), SecretFlag: s.flag("secret"), PersonalInfo: s.flag("personal"),
		Category: Category{Kind: s.code("category"), Code: s.at("category_code"), Lead: s.at("category_lead")},
		Source:   Source{Acquired: s.date("acquired"), UpdateFrequency: s.at("update_frequency")}, Columns: []Column{}, Status: "PUBLISHED"}
	for _, basis := range strings.FieldsFunc(s.at("legal_basis"), func(r rune) bool { return r == ';' || r == '\uff1b' }) {
		e.LegalBasis = append(e.LegalBasis, strings.TrimSpace(basis))
	}
	if c := s.at("entity_column"); c != "" {
		e.Entity = &Entity{Column: c, Kind: s.code("entity_kind")}
	}
	if !tableName.MatchString(e.Name) {
		s.fault("name", "名称须为小写字母、数字、下划线,以字母开头", "the name must be lower-case letters, digits and underscores, a letter first")
	}
	if e.Title == "" {
		s.fault("title", "缺少标题", "the title is missing")
	}
	e.fill(d)
	return e
}

// column adds the column of a row to its entry.
func (s *sheet) column(e *Entry) {
	name := s.at("column")
	if name == "" {
		return
	}
	c := Column{Name: name, Title: s.at("column_title"), Type: s.code("column_type"), Class: s.at("column_class"), PersonalInfo: s.flag("column_personal"), SecretFlag: s.flag("column_secret"),
		Nullable: s.yes("column_nullable"), CauseCode: s.code("column_cause"), Item: s.code("column_item"), Element: s.at("column_element"),
		Authoritative: s.yes("column_authoritative"), Standard: s.at("column_standard")}
	if c.Type == "" {
		c.Type = "string"
	}
	if !kindOf.MatchString(c.Type) {
		s.fault("column_type", "没有该数据类型", "is no type of a column")
	}
	if level := s.at("column_level"); level != "" {
		c.Level = s.level(level)
	}
	if c.PersonalInfo != nil && *c.PersonalInfo {
		e.PersonalInfo = c.PersonalInfo
	}
	e.Columns = append(e.Columns, c)
}
