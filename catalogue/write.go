package catalogue

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Lists that Write knows: which entries go into an export.
const (
	ListAll           = "all"           // every published entry
	ListOpen          = "open"          // the open catalogue (YC22-26)
	ListUnconditional = "unconditional" // opened without condition (NJ19-25)
	ListConditional   = "conditional"   // opened on condition (NJ19-25)
	ListRestricted    = "restricted"    // opened on condition or not at all, with the bases (SY20-27)
	ListSupplyDemand  = "supply-demand" // what there is and who asks for it (YC22-19); FormatCSV and FormatJSON
)

// Formats that Write knows.
const (
	FormatCSV          = "csv"
	FormatJSON         = "json"
	FormatCoreXML      = "gbt21063-xml" // core metadata after GB/T 21063.3
	FormatCoreJSON     = "gbt21063-json"
	FormatDCAT         = "dcat"         // JSON-LD in the terms of DCAT-AP
	FormatFrictionless = "frictionless" // data package descriptor with table schemas
	FormatODCS         = "odcs"         // Open Data Contract Standard v3.1.0, an array of contracts
)

// Lists and Formats are what Write takes, in the order of a help text.
var (
	Lists   = []string{ListAll, ListOpen, ListUnconditional, ListConditional, ListRestricted, ListSupplyDemand}
	Formats = []string{FormatCSV, FormatJSON, FormatCoreXML, FormatCoreJSON, FormatDCAT, FormatFrictionless, FormatODCS}
)

// Publisher says who exports, and when: metadata name both.
type Publisher struct {
	Name, Title string
	Issued      string // day, 2006-01-02
}

// Demand is a data request for columns of a dataset.
type Demand struct {
	Request  string   `json:"request"`
	Dataset  string   `json:"dataset"`
	Scenario string   `json:"scenario"`
	Operator string   `json:"operator"`
	Columns  []string `json:"columns"`
	Status   string   `json:"status"`
}

// Select returns the entries of a list, by name. Only what is published is on any,
// and what is temporary on none: it is not catalogued yet.
func Select(entries []Entry, list string) ([]Entry, error) {
	if !slices.Contains(Lists, list) {
		return nil, fmt.Errorf("catalogue: no list %q", list)
	}
	var out []Entry
	for _, e := range entries {
		if e.Status != "PUBLISHED" || e.Temporary || !e.on(list) {
			continue
		}
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func (e Entry) on(list string) bool {
	switch list {
	case ListOpen:
		return e.OpenType == Unconditional || e.OpenType == Conditional
	case ListUnconditional:
		return e.OpenType == Unconditional
	case ListConditional:
		return e.OpenType == Conditional
	case ListRestricted:
		return e.OpenType == Conditional || e.OpenType == Prohibited
	}
	return true
}

// Write returns an export of the entries of a list and its media type. It returns
// an error for a list or format it does not know, or that do not go together.
func Write(entries []Entry, demands []Demand, list, format string, by Publisher) (text []byte, media string, err error) {
	chosen, err := Select(entries, list)
	if err != nil {
		return nil, "", err
	}
	if list == ListSupplyDemand {
		return supplyDemand(chosen, demands, format)
	}
	switch format {
	case FormatCSV:
		text, err = table(chosen, list)
		return text, "text/csv", err
	case FormatJSON:
		text, err = indented(chosen)
		return text, "application/json", err
	case FormatCoreXML:
		text, err = coreXML(chosen, by)
		return text, "application/xml", err
	case FormatCoreJSON:
		text, err = indented(cores(chosen, by))
		return text, "application/json", err
	case FormatDCAT:
		text, err = indented(dcat(chosen, by))
		return text, "application/ld+json", err
	case FormatFrictionless:
		text, err = indented(frictionless(chosen, by))
		return text, "application/json", err
	case FormatODCS:
		text, err = indented(contracts(chosen))
		return text, "application/json", err
	}
	return nil, "", fmt.Errorf("catalogue: no format %q", format)
}

func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("catalogue: encode: %w", err)
	}
	return b.Bytes(), nil
}

// titles of types and classes, as the lists print them.
var titles = map[string]string{
	Unconditional: "无条件", Conditional: "有条件", None: "不予共享", Prohibited: "不予开放",
	"BASE": "基础", "THEME": "主题", "SPECIAL": "专题", "DEPARTMENT": "部门",
}

func titleOf(code string) string {
	if t, ok := titles[code]; ok {
		return t
	}
	return code
}

// table writes the entries of a list as CSV, UTF-8, with a header.
func table(entries []Entry, list string) ([]byte, error) {
	header := []string{"名称", "标题", "分类", "提供单位", "收集单位", "审核单位", "格式", "更新频率", "共享类型", "共享方式", "开放类型", "使用要求", "数据项"}
	restricted := list == ListRestricted
	if restricted {
		header = []string{"名称", "标题", "提供单位", "开放类型", "事由", "理由", "依据"}
	}
	rows := [][]string{header}
	for _, e := range entries {
		if restricted {
			rows = append(rows, []string{e.Name, e.Title, e.provider(), titleOf(e.OpenType), e.OpenGround, e.OpenReason, strings.Join(e.LegalBasis, ";")})
			continue
		}
		rows = append(rows, []string{e.Name, e.Title, strings.TrimSpace(titleOf(e.Category.Kind) + " " + e.Category.Code), e.provider(), e.Collector, e.Auditor, e.Format,
			e.Source.UpdateFrequency, titleOf(e.ShareType), e.ShareMode, titleOf(e.OpenType), e.UseRequirements, strings.Join(e.items(), "、")})
	}
	return asCSV(rows)
}

// formulas are what a cell begins with that a spreadsheet may compute: in full width
// as well, which some read as the other.
const formulas = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"

// asCSV writes rows so that no spreadsheet takes a cell for a formula (OWASP, CSV
// injection): the texts are those of people.
func asCSV(rows [][]string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, row := range rows {
		out := make([]string, len(row))
		for i, cell := range row {
			if first, _ := utf8.DecodeRuneInString(cell); cell != "" && strings.ContainsRune(formulas, first) {
				cell = "'" + cell
			}
			out[i] = cell
		}
		if err := w.Write(out); err != nil {
			return nil, fmt.Errorf("catalogue: write CSV: %w", err)
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func (e Entry) provider() string {
	if e.ProviderTitle != "" {
		return e.ProviderTitle
	}
	return e.Provider
}

// items returns the columns by their titles.
func (e Entry) items() []string {
	var out []string
	for _, c := range e.Columns {
		out = append(out, c.said())
	}
	return out
}

func (c Column) said() string {
	if c.Title != "" {
		return c.Title
	}
	return c.Name
}

// supplyDemand writes each entry with the requests for it; a request for what is
// not catalogued stands at the end (YC22-21).
func supplyDemand(entries []Entry, demands []Demand, format string) ([]byte, string, error) {
	type line struct {
		Dataset   string   `json:"dataset"`
		Title     string   `json:"title"`
		Provider  string   `json:"provider"`
		ShareType string   `json:"share_type"`
		Demands   []Demand `json:"demands"`
	}
	var lines []line
	known := map[string]bool{}
	of := func(dataset string) []Demand {
		out := []Demand{}
		for _, d := range demands {
			if d.Dataset == dataset {
				out = append(out, d)
			}
		}
		slices.SortFunc(out, func(a, b Demand) int { return strings.Compare(a.Request, b.Request) })
		return out
	}
	for _, e := range entries {
		known[e.Name] = true
		lines = append(lines, line{e.Name, e.Title, e.provider(), e.ShareType, of(e.Name)})
	}
	var missing []string
	for _, d := range demands {
		if !known[d.Dataset] {
			known[d.Dataset] = true
			missing = append(missing, d.Dataset)
		}
	}
	slices.Sort(missing)
	for _, name := range missing {
		lines = append(lines, line{Dataset: name, Demands: of(name)})
	}
	if format == FormatJSON {
		text, err := indented(lines)
		return text, "application/json", err
	}
	if format != FormatCSV {
		return nil, "", fmt.Errorf("catalogue: the supply-demand list has no format %q", format)
	}
	rows := [][]string{{"数据资源", "标题", "提供单位", "共享类型", "需求数", "申请", "需求单位", "应用场景", "数据项", "状态"}}
	for _, l := range lines {
		row := []string{l.Dataset, l.Title, l.Provider, titleOf(l.ShareType), strconv.Itoa(len(l.Demands)), "", "", "", "", ""}
		if len(l.Demands) == 0 {
			rows = append(rows, row)
		}
		for _, d := range l.Demands {
			rows = append(rows, append(slices.Clone(row[:5]), d.Request, d.Operator, d.Scenario, strings.Join(d.Columns, "、"), d.Status))
		}
	}
	text, err := asCSV(rows)
	return text, "text/csv", err
}
