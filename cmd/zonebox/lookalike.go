package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"zonebox/query"
)

// classTitles are what people call the classes of masking/detect.
var classTitles = map[string][2]string{
	"resident_id": {"居民身份证号", "resident identity number"}, "credit_code": {"统一社会信用代码", "social credit code"},
	"mobile": {"手机号", "mobile number"}, "bank_card": {"银行卡号", "bank card number"}, "landline": {"固定电话", "landline number"},
	"organization_code": {"组织机构代码", "organization code"}, "passport": {"护照号", "passport number"},
	"travel_permit": {"通行证号", "travel permit number"}, "plate": {"车牌号", "license plate"}, "email": {"电子邮箱", "e-mail address"},
	"network_address": {"网络地址", "network address"}, "postal_address": {"地址", "postal address"}, "person_name": {"姓名", "name of a person"},
}

// called is what people call a code, the code itself if the table has none.
func (a *app) called(table map[string][2]string, code string) string {
	if t, ok := table[code]; ok {
		return a.say(t[0], t[1])
	}
	return printable(code)
}

// printLookalikes says which columns look more sensitive than the catalogue has
// them, why, and who may change that. It prints nothing if there are none.
func (a *app) printLookalikes(w io.Writer, found []query.Lookalike) {
	if len(found) == 0 {
		return
	}
	t := newTable(a.say("列", "column"), a.say("形似", "looks like"), a.say("依据", "evidence"), a.say("现级别", "level"), a.say("建议不低于", "least"))
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 4, Align: text.AlignRight, AlignHeader: text.AlignRight}, {Number: 5, Align: text.AlignRight, AlignHeader: text.AlignRight},
	})
	for _, l := range found {
		t.AppendRow([]any{printable(l.Column), a.called(classTitles, l.Class.String()), a.evidence(l), l.Level, l.Least})
	}
	fmt.Fprintf(w, a.say("! %d 处内容比目录所载敏感;数据已装载,级别未变:\n%s\n下一步:由该数据集的提供单位核实,提高级别或更正个人信息标志后重新 apply 目录条目\n",
		"! %d findings more sensitive than the catalogue says; the data were loaded and no level was changed:\n%s\nnext: the dataset's provider looks into it, raises the level or mends the mark of personal information, and applies the entry again\n"),
		len(found), t.Render())
}

// evidence says in words what speaks for a look-alike.
func (a *app) evidence(l query.Lookalike) string {
	var out []string
	add := func(zh, en string, args ...any) { out = append(out, fmt.Sprintf(a.say(zh, en), args...)) }
	if l.Whole > 0 {
		add("%s 的值符合", "%s of the values are one", share(l.Whole, l.Looked))
		if l.Checked {
			add("校验码正确", "check characters right")
		}
	}
	if l.Within > 0 {
		add("%s 的值内含", "%s hold one", share(l.Within, l.Looked))
	}
	if l.Header {
		add("列名相符", "the name says so")
	}
	if l.Personal {
		add("目录标为非个人信息", "entry says no personal information")
	}
	add("取样 %d,不同值约 %d", "sample of %d, about %d distinct", l.Looked, l.Distinct)
	return strings.Join(out, a.say(",", ", "))
}

// share is n of all in percent; a few of many are not none.
func share(n, all int64) string {
	if p := 100 * float64(n) / float64(max(1, all)); p >= 0.1 {
		return fmt.Sprintf("%.1f%%", p)
	}
	return "<0.1%"
}
