package effect

// A Family is one of the groups of techniques of GB/T 37964-2019, annex A, which
// follow ISO/IEC 20889. The names are as commonly quoted; the text of the
// standard was not at hand.
type Family string

// The families.
const (
	Statistics     Family = "统计技术"
	Cryptography   Family = "密码技术"
	Suppression    Family = "抑制技术"
	Pseudonymizing Family = "假名化技术"
	Generalizing   Family = "泛化技术"
	Randomizing    Family = "随机化技术"
)

// A Technique is the label of a masked column.
type Technique struct {
	Family Family
	Name   string // within the family
}

// String returns family and name.
func (t Technique) String() string { return string(t.Family) + "·" + t.Name }

// techniques are by the kind of recipe, aggregate of what a statement counts.
var techniques = map[string]Technique{
	"nullify":   {Suppression, "局部抑制"},
	"redact":    {Suppression, "屏蔽"},
	"fixed":     {Suppression, "屏蔽"},
	"partial":   {Suppression, "屏蔽"},
	"pattern":   {Suppression, "屏蔽"},
	"display":   {Suppression, "屏蔽"},
	"free_text": {Suppression, "屏蔽"},

	"token":      {Pseudonymizing, "基于密码技术的标识符派生假名创建"},
	"ff1":        {Cryptography, "保留格式加密"},
	"identifier": {Cryptography, "保留格式加密"},

	"date":       {Generalizing, "取整"},
	"number":     {Generalizing, "取整"},
	"region":     {Generalizing, "泛化编码"},
	"geohash":    {Generalizing, "泛化编码"},
	"map":        {Generalizing, "泛化编码"},
	"top_bottom": {Generalizing, "顶层与底层编码"},

	"shift":   {Randomizing, "噪声添加"},
	"noise":   {Randomizing, "噪声添加"},
	"shuffle": {Randomizing, "置换"},

	"aggregate": {Statistics, "数据聚合"},
}

// TechniqueOf returns the label of a column masked by a recipe of the kind, and
// false for a kind it does not know: such a column must not be labeled.
func TechniqueOf(kind string) (Technique, bool) {
	t, ok := techniques[kind]
	return t, ok
}
