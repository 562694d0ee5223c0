package quality

// say holds one text in both languages.
type say struct{ zh, en string }

func (s say) in(lang string) string {
	if lang == "en" {
		return s.en
	}
	return s.zh
}

var dimensionWords = map[Dimension]say{
	Conformity: {"规范性", "conformity"}, Completeness: {"完整性", "completeness"}, Accuracy: {"准确性", "accuracy"},
	Consistency: {"一致性", "consistency"}, Timeliness: {"时效性", "timeliness"}, Accessibility: {"可访问性", "accessibility"},
}

// Title returns what people call the dimension, in zh or en.
func (d Dimension) Title(lang string) string { return dimensionWords[d].in(lang) }

var severityWords = map[Severity]say{Error: {"错误", "error"}, Warning: {"警告", "warning"}, Info: {"提示", "info"}}

// Title returns what people call the severity, in zh or en.
func (s Severity) Title(lang string) string { return severityWords[s].in(lang) }

var metricWords = map[Metric]say{
	NullValues: {"空值", "nulls"}, MissingValues: {"缺失值", "missing values"}, InvalidValues: {"无效值", "invalid values"},
	DuplicateValues: {"重复值", "duplicates"}, RowCount: {"行数", "rows"},
	Entry: {"不应为空而为空", "empty against the entry"}, Filled: {"未填单元格", "empty cells"}, Manifest: {"与清单相差的行", "rows off the manifest"},
	Freshness: {"超过更新周期的天数", "days over the period"}, Readable: {"无法读回的行", "rows not readable"},
}

// Title returns what people call what the metric counts, in zh or en.
func (m Metric) Title(lang string) string { return metricWords[m].in(lang) }

var reasonWords = map[string]say{
	"form": {"格式", "form"}, "check": {"校验码", "check character"}, "calendar": {"日历中没有的日期或时间", "no day or time of the calendar"},
	"future": {"出生日期未到", "birthday to come"}, "region": {"无此区划代码", "no region code"}, "obsolete": {"区划代码已停用", "region code no longer in force"},
	"list": {"不在允许的取值内", "not an allowed value"}, "below": {"小于下限", "under the minimum"}, "above": {"大于上限", "over the maximum"},
	"unreadable": {"数据无法读取", "the data cannot be read"},
	"orphan":     {"所引用的数据集中没有", "not in the dataset referred to"}, "no_reference_data": {"所引用的数据集没有数据", "the dataset referred to has no data"},
}

// Reason returns what people call a reason of an outcome, in zh or en.
func Reason(code, lang string) string {
	if w, ok := reasonWords[code]; ok {
		return w.in(lang)
	}
	return code
}

var gradeWords = map[string]say{"A": {"优", "excellent"}, "B": {"良", "good"}, "C": {"中", "fair"}, "D": {"合格", "sufficient"}, "E": {"差", "poor"}}

// GradeTitle returns what people call a grade, in zh or en.
func GradeTitle(grade, lang string) string { return gradeWords[grade].in(lang) }
