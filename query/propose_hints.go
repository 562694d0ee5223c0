package query

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"zonebox/masking/detect"
)

// trait is what speaks for the class of a column: what its values look like, and
// what its name says.
type trait struct {
	class      detect.Class // the likeliest that the values are; None if they are none
	sure       bool
	share      float64 // of the sample that is of the class, or holds one
	word       heading // what the name says, if anything
	personal   bool    // it speaks of people
	identifier bool    // its name is that of an identifier
}

// heading is what a name of a column tells of what is in it.
type heading struct {
	names    string // in small letters, without anything between letters
	class    string // of an entry
	kind     string // of personal information; empty if none
	level    int    // least; 1 is open data, and only proposed where nobody's data stand beside it
	personal bool
	zh, en   string
}

// words are common names of columns. The levels follow detect.DefaultLevels: 4 for
// sensitive personal information, 3 for other of one person. A city pack may have
// others; they are proposals.
var words = []heading{
	{"诊断 诊断名称 诊断编码 疾病 病种 治疗 疗效 转归 手术 diagnosis treatment outcome disease icd", "health", "health", 4, true, "健康与诊疗", "health and treatment"},
	{"出生日期 生日 birthdate birthday dob birth", "identity", "birth_date", 3, true, "出生日期", "date of birth"},
	{"年龄 age 性别 gender sex 民族 race ethnicity 婚姻 婚姻状况 married marital 学历 文化程度 educ education 职业 occupation", "demography", "attribute", 3, true, "个人属性", "attribute of a person"},
	{"收入 年收入 工资 income salary wage 存款 贷款", "economy", "income", 3, true, "个人财产", "property of a person"},
	{"姓名 name 人员姓名", "", "", 0, false, "", ""}, // of people or of places: values decide
	{"邮编 邮政编码 zip zipcode postcode postalcode", "region", "", 2, false, "邮政编码:与其他属性一起可识别个人", "postal code: with other attributes it may identify a person"},
	{"日期 统计日期 date day 年份 year 月份 month", "time", "", 1, false, "统计日期", "date of statistics"},
	{"国家 country 国家代码 countrycode 省份 省 province 省份代码 provincecode 城市 市 city 城市代码 citycode 区划 区划代码 areacode 行政区划代码 code streetcode", "region", "", 1, false, "公开的行政区划", "public division"},
	{"累计确诊 确诊 confirmed 疑似 suspected 累计治愈 治愈 cured 累计死亡 死亡 dead deaths 数量 count total 合计", "statistics", "", 1, false, "统计数", "figure of statistics"},
}

// identifiers are names of columns that tell rows or people apart.
var identifiers = strings.Fields("id pid uid personid userid 编号 序号 人员编号 患者编号 病案号 就诊号 户号")

func wordOf(name string) heading {
	plain := plainName(name)
	for _, w := range words {
		if slices.Contains(strings.Fields(w.names), plain) {
			return w
		}
	}
	return heading{}
}

func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// entryClasses are the class of an entry and the kind of personal information of
// what detect finds.
var entryClasses = map[detect.Class][2]string{
	detect.ResidentID: {"identity", "id_number"}, detect.Passport: {"identity", "passport"}, detect.Permit: {"identity", "permit"},
	detect.PersonName: {"identity", "name"}, detect.Mobile: {"contact", "phone"}, detect.Landline: {"contact", "phone"}, detect.Email: {"contact", "email"},
	detect.PostalAddress: {"contact", "address"}, detect.BankCard: {"economy", "bank_card"}, detect.Plate: {"vehicle", "plate"},
	detect.Network: {"network", "address"}, detect.CreditCode: {"organization", ""}, detect.Organization: {"organization", ""},
}

// surely is the score from which the values of a column are of a class with no
// doubt worth asking about.
const surely = 0.75

func traitOf(name string, p detect.Profile) trait {
	h := trait{word: wordOf(name), identifier: slices.Contains(identifiers, plainName(name))}
	for _, f := range p.Findings {
		if f.Proposed {
			h.class, h.sure = f.Class, f.Score >= surely
			h.share = float64(f.Whole+f.Within) / float64(max(1, p.Looked))
			break
		}
	}
	// Places look like addresses, and a column of divisions is called so.
	if h.class == detect.PostalAddress && h.word.class == "region" {
		h.class, h.sure = detect.None, false
	}
	h.personal = h.class != detect.None && h.class.Personal() && (h.sure || h.class != detect.PostalAddress) || h.word.personal
	return h
}

// settle writes what h says into the column. beside says that other columns of the
// file speak of people: then nothing is proposed to be open.
func (h trait) settle(c *ProposedColumn, beside bool) {
	yes, no := true, false
	levels := detect.DefaultLevels()
	switch {
	case h.class != detect.None:
		of := entryClasses[h.class]
		c.Class, c.PIKind, c.Least = of[0], of[1], max(levels[h.class], h.word.level)
		c.why(fmt.Sprintf("取样中 %.0f%% 的取值形似 %s", 100*h.share, h.class), fmt.Sprintf("%.0f%% of the values of the sample look like %s", 100*h.share, h.class))
		if h.sure {
			c.Level, c.Personal = c.Least, &no
			if h.class.Personal() {
				c.Personal = &yes
			}
		}
	case h.word.personal:
		c.Class, c.PIKind, c.Least, c.Level, c.Personal = h.word.class, h.word.kind, h.word.level, h.word.level, &yes
		c.why("列名表明是"+h.word.zh, "the name says: "+h.word.en)
	case h.word.level > 0:
		c.Class, c.Least = h.word.class, h.word.level
		c.why("列名表明是"+h.word.zh, "the name says: "+h.word.en)
		if !beside {
			c.Level, c.Personal = h.word.level, &no
		} else {
			c.WhyZH, c.WhyEN = c.WhyZH+";同表含个人信息,级别由提供单位定", c.WhyEN+"; beside personal information the provider decides"
		}
	case h.word.names != "" && beside:
		c.Class, c.Least = "identity", levels[detect.PersonName]
		c.why("列名是名称,同表含个人信息:可能是人名,由提供单位判断", "the name says it holds names, beside personal information: they may be of people, the provider decides")
	case h.identifier:
		c.Class = "identity"
		c.why("列名是编号:可能指向一个人,由提供单位判断", "the name is that of an identifier: it may lead to one person, the provider decides")
	default:
		c.why("看不出内容,由提供单位判断", "nothing tells what it holds: the provider decides")
	}
	if c.Type == "" {
		c.WhyZH, c.WhyEN = c.WhyZH+";没有类型容得下全部取值", c.WhyEN+"; no type takes all of its values"
	}
}

func (c *ProposedColumn) why(zh, en string) { c.WhyZH, c.WhyEN = zh, en }
