package detect

import (
	"strings"
	"unicode/utf8"

	"zonebox/masking/china"
)

// nameWords come before the name of a person. After the strong ones, which are
// the captions of forms, nearly every word with a surname is one.
const (
	strongNameWords = "姓名 名字 联系人 申请人 经办人 负责人 收件人 收货人 寄件人 受理人 办理人 当事人 被告人 被告 原告 委托人 代理人 监护人 持卡人 开户人 借款人 " +
		"担保人 证人 死者 嫌疑人 投保人 被保险人 受益人 业主 房主 承租人 出租人 车主 驾驶人 法定代表人 法人代表 户主 患者 病人 家属 报案人 举报人 投诉人 来访人 缴款人 " +
		"纳税人 参保人 我叫 名叫 叫做 父亲 母亲 配偶 妻子 丈夫 儿子 女儿 紧急联系人 签字人 审核人 填表人 制单人 "
	weakNameWords = "法人 学生 家长 教师 老师 医生 医师 护士 司机 客户 用户 会员 本人 职工 员工 居民 市民 村民 男子 女子 队员 同事 邻居 朋友 客服 民警 法官 律师 " +
		"主任 经理 组长 书记 同学 "
	courtesies = "先生 女士 小姐 同志 "
	titles     = "同学 老师 医生 医师 经理 主任 教授 律师 法官 护士 师傅 局长 处长 科长 书记 院长 校长 队长 班长 老人 某某 "
	// noNames are words that read like a surname and a given name.
	noNames = "高兴 高级 黄金 黄河 黄山 安全 安康 安宁 平安 平均 和平 和谐 国家 国际 国庆 国民 国有 金融 金额 方面 方法 方式 方便 方向 方案 成立 成功 成果 项目 时间 时代 常年 " +
		"经济 经理 经过 经常 管理 全国 全部 全面 全体 任何 任务 向前 从事 从业 文化 文明 文件 江南 江北 江东 江西 河南 河北 山东 山西 海南 云南 湖南 湖北 广东 广西 " +
		"关于 关键 关系 支持 支付 严重 严格 严肃 双方 白天 古代 古城 温度 温泉 车辆 车站 单位 单元 强化 强调 明天 明年 明确 明显 水平 水利 水泉 石家 公司 公民 公园 " +
		"公安 公正 公共 公立 祝福 幸福 万元 万一 于是 后来 居民 居住 左右 东方 东南 南方 南京 南平 北方 西方 西安 上海 司法 司机 商家 商业 商务 解决 解放 空间 查询 查明 " +
		"计划 计算 计生 花园 花生 马上 马路 马来 周年 周末 周一 周二 周三 周四 周五 周六 周日 年龄 年度 年金 年月 月份 季度 危险 姓名 何时 何地 庄园 路面 路口 段落 " +
		"党员 党中央 农民 农业 农村 满意 应当 应该 相关 充分 连续 连锁 容易 通知 通过 通信 通讯 通行 包括 包含 包装 焦点 乐园 符合 武汉 武警 双人 双月 同意 钱款 钱包 " +
		"卫生 卫健 贝壳 易于 尚未 别人 别名 常见 常德 祖国 毛利 戴上 雷雨 龙头 郑州 徐州 苏州 苏北 苏南 汤山 扬州 凤凰 曲线 能力 能够 能源 储蓄 储存 闻名 利息 利率 利用 " +
		"保险 保证 保障 保安 励志 信息 信用 信任 初次 初步 户口 户主 户籍 青年 青春 战略 普通 隆重 "
)

var (
	nameWords = indexWords(strongNameWords, weakNameWords)
	titleSet  = indexWords(courtesies, titles)
	notNames  = indexWords(noNames, "")
	placeEnds = china.NewRuneSet("省市区县旗盟镇乡街道路巷局院厅处所部委办店厂校站馆寺港湾")
	nameTail  = china.NewRuneSet("诉称开说变担于在的是与和及对为向因已将被等到男女住电手身联号从有说把就也都又还曾系经收持出交至按由以")
)

// indexWords lists words of Chinese characters; true are those of the first list.
func indexWords(first, second string) map[string]bool {
	m := map[string]bool{}
	for _, s := range strings.Fields(second) {
		m[s] = false
	}
	for _, s := range strings.Fields(first) {
		m[s] = true
	}
	return m
}

// leadEnds are the last characters of captions and of what may stand between a
// caption and a name; nameFollows the first of what may follow one.
var (
	leadEnds    = china.NewRuneSet("：　为是“（【】）、" + edge(strongNameWords+weakNameWords, utf8.DecodeLastRuneInString))
	nameFollows = china.NewRuneSet(edge(courtesies+titles+strings.Join(descriptions, " "), utf8.DecodeRuneInString))
)

// edge returns the first or the last characters of words.
func edge(words string, decode func(string) (rune, int)) string {
	var b strings.Builder
	for _, s := range strings.Fields(words) {
		r, _ := decode(s)
		b.WriteRune(r)
	}
	return b.String()
}

// A lead is what stands before a possible name.
type lead uint8

const (
	noLead   lead = iota
	gapLead       // a blank, a colon or a bracket
	cellLead      // the border of a cell or a quotation mark
	weakLead
	strongLead
)

// maySurname reports whether a surname may begin with r.
func maySurname(r rune) bool {
	known, _ := china.SingleSurname(r)
	return known || china.BeginsCompound(r)
}

// name looks for the name of a person at text[i], where first stands, which may
// begin a surname. It returns where the name ends, or 0.
func (w *walk) name(i int, first rune) int {
	text := w.text
	size := len("王")
	if hanziAt(text, i+size) == 0 || !w.worth(i) {
		return 0
	}
	surname := size
	if china.BeginsCompound(first) {
		if surname = china.Surname(text[i:]); surname == 0 {
			return 0
		}
	}
	_, common := china.SingleSurname(first)
	l := w.lead(i)
	n := person{surname: i + surname, common: common || surname > size}
	if !n.common {
		// 兹有刘林同志, 法定代表人由刘林担任: 有 and 由 are surnames too, and not
		// the ones that are meant.
		next, _ := utf8.DecodeRune(text[n.surname:])
		if known, better := china.SingleSurname(next); better && l < strongLead || known && nameTail.Has(first) {
			return 0
		}
	}
	if !w.given(&n, l) {
		return 0
	}
	if noName(text[i:n.end]) {
		return 0
	}
	h := Hit{Class: PersonName, Score: w.nameScore(n, l), Start: i, End: n.end}
	if l >= weakLead {
		h.Evidence |= For
	}
	if w.add(h) {
		w.lastName = n.end
		return n.end
	}
	return 0
}

// noName reports whether what reads like a name is a common word, the name of a
// division (黄山, 安庆市) or ends like that of a place or an office.
func noName(text []byte) bool {
	if _, word := notNames[string(text)]; word {
		return true
	}
	if last, _ := utf8.DecodeLastRune(text); placeEnds.Has(last) {
		return true
	}
	a, ok := china.ParseAddress(text)
	return ok && a.End == len(text)
}

// A person is a possible name in a text: its surname ends at surname, all of it
// at end.
type person struct {
	surname, end int
	common       bool // the surname is
	rest, known  int  // characters of the given name, and those that names often have
	alone        bool // no Chinese character follows
	titled       bool // a form of address follows
	mister       bool // one that nothing but a person has
	described    bool // a number, the sex or a relation of the person follows
}

// given finds where the given name ends: after two characters, unless the second
// rather belongs to what follows (张伟男, 王芳于), else after one.
func (w *walk) given(n *person, l lead) bool {
	text := w.text
	one := hanziAt(text, n.surname)
	if one == 0 {
		return false
	}
	a, _ := utf8.DecodeRune(text[n.surname:])
	for _, size := range [2]int{hanziAt(text, n.surname+one), 0} {
		n.end = n.surname + one + size
		n.alone = hanziAt(text, n.end) == 0
		n.titled, n.mister = w.title(n.end)
		n.described = w.described(n.end)
		n.rest, n.known = 1, 0
		if china.GivenCharacter(a) {
			n.known = 1
		}
		if size > 0 {
			b, _ := utf8.DecodeRune(text[n.surname+one:])
			n.rest = 2
			if china.GivenCharacter(b) {
				n.known++
			} else if !n.alone && !n.titled && !n.described && !w.tailAt(n.end) {
				continue
			}
			if titled, _ := w.title(n.surname + one); !titled && !nameTail.Has(b) {
				return true
			}
			continue
		}
		return n.alone || n.titled || w.tailAt(n.end) || n.known == 1 && l == strongLead
	}
	return false
}

// worth reports whether anything around text[i] may make a name of what stands
// there: what can end a caption before, or what can begin a form of address or
// a description after.
func (w *walk) worth(i int) bool {
	text := w.text
	if i == 0 || text[i-1] < utf8.RuneSelf {
		return true
	}
	if r, _ := utf8.DecodeLastRune(text[:i]); leadEnds.Has(r) {
		return true
	}
	for n, at := 0, i+6; n < 3 && at+3 <= len(text); n++ { // after one, two and three characters
		r, size := utf8.DecodeRune(text[at:])
		if nameFollows.Has(r) {
			return true
		}
		at += size
	}
	return false
}

// nameScore judges what stands before and after the name and how much its
// characters are those of names.
func (w *walk) nameScore(n person, l lead) uint8 {
	all := n.known == n.rest
	switch {
	case l == strongLead && (n.common || n.known > 0):
		return 85
	case l == strongLead:
		return 65
	case n.titled && all && n.common, n.described && n.common:
		return 75
	case l == weakLead && all && n.common:
		return 70
	case l == cellLead && n.alone && n.common && n.known > 0:
		return 60
	case l == gapLead && n.alone && n.common && all && n.rest == 2:
		return 55
	case l == cellLead && n.alone && w.header.Has(PersonName) && (n.common || n.known > 0):
		return 60
	case n.titled && (all || n.common && n.known > 0), n.mister && n.common, n.described && n.known > 0:
		return 55
	case l == weakLead && (all || n.common && n.known > 0):
		return 50
	}
	return 0
}

// lead looks at what stands before text[i].
func (w *walk) lead(i int) lead {
	text := w.text
	if i > 0 && i == w.lastName+3 && string(text[i-3:i]) == "、" {
		return strongLead // the next of a list
	}
	at, separated := i, false
	for n := 0; n < 4 && at > 0; n++ {
		size := nameSeparator(text[:at])
		if size == 0 {
			break
		}
		at -= size
		separated = true
	}
	for length := 15; length >= 6; length -= 3 {
		if at < length {
			continue
		}
		strong, ok := nameWords[string(text[at-length:at])]
		switch {
		case ok && strong:
			return strongLead
		case ok && separated:
			return strongLead
		case ok:
			return weakLead
		}
	}
	if at >= 6 && separated {
		switch string(text[at-3 : at]) { // any caption of somebody who does something: 报销人
		case "人", "员", "者":
			return weakLead
		}
	}
	if at >= 4 && equalFold(text[at-4:at], "name") {
		return strongLead
	}
	if i == 0 {
		return cellLead
	}
	switch c := text[i-1]; {
	case border(c), c == '\'', c == '"', c == '>':
		return cellLead
	case separated, i >= 3 && string(text[i-3:i]) == "】":
		return gapLead
	}
	return noLead
}

// nameSeparator returns the width of the sign between a caption and a name that
// text ends with, 0 if there is none.
func nameSeparator(text []byte) int {
	n := len(text)
	switch c := text[n-1]; {
	case c == ':' || c == ' ' || c == '\t' || c == '=' || c == '"' || c == '(':
		return 1
	case n < 3 || c < utf8.RuneSelf:
		return 0
	}
	switch string(text[n-3:]) {
	case "：", "　", "为", "由", "是", "“", "（", "【", "】", "）":
		return 3
	}
	return 0
}

// title reports whether a form of address follows a name that ends at text[end],
// and whether it is one of courtesy.
func (w *walk) title(end int) (is, courtesy bool) {
	if end+6 > len(w.text) {
		return false, false
	}
	courtesy, is = titleSet[string(w.text[end:end+6])]
	return is, courtesy
}

// descriptions follow the name of a person in records.
var descriptions = []string{"（身份证", "(身份证", "，身份证", "（公民身份", "，公民身份", "（证件号", "（男", "（女", "，男，", "，女，", "(男", "(女", ",男,", ",女,",
	"系夫", "系父", "系母", "系兄", "系姐", "系同", "系朋", "系亲", "系邻"}

func (w *walk) described(end int) bool {
	for _, d := range descriptions {
		if end+len(d) <= len(w.text) && string(w.text[end:end+len(d)]) == d {
			return true
		}
	}
	return false
}

// tailAt reports whether a character stands at text[end] that goes on after a
// name.
func (w *walk) tailAt(end int) bool {
	r, _ := utf8.DecodeRune(w.text[end:])
	return nameTail.Has(r)
}

// dottedName looks for a name of groups joined by a dot, 阿卜杜拉·买买提, around
// the first of its dots at text[dot], which a caption or the border of a cell
// precedes and something else than a Chinese character, or a form of address,
// follows.
func (w *walk) dottedName(dot int) {
	text := w.text
	if dot+1 >= len(text) || text[dot+1] != 0xB7 {
		return
	}
	start, l := dot, noLead
	for n := 0; n < 8 && l <= gapLead; n++ {
		r, size := utf8.DecodeLastRune(text[:start])
		if !china.Hanzi(r) {
			return
		}
		start -= size
		l = w.lead(start)
	}
	end, group := dot, 0
	for dots := 0; group <= 8; {
		if n := hanziAt(text, end); n > 0 {
			if titled, _ := w.title(end); titled && group > 0 {
				break
			}
			end += n
			group++
			continue
		}
		if end > dot && group == 0 || dots == 5 || end+1 >= len(text) || text[end] != 0xC2 || text[end+1] != 0xB7 || hanziAt(text, end+2) == 0 {
			break
		}
		end += 2
		group = 0
		dots++
	}
	if l <= gapLead || group == 0 || group > 8 || l == cellLead && end < len(text) && !border(text[end]) {
		return
	}
	if _, ok := china.ParseName(text[start:end]); ok && w.add(Hit{Class: PersonName, Score: 75, Evidence: For, Start: start, End: end}) {
		w.lastName = end
	}
}

// border reports whether c ends a cell of a table.
func border(c byte) bool { return c == '\t' || c == '\n' || c == '\r' || c == '|' || c == ',' }

// hanziAt returns the width of the Chinese character at text[i], 0 if there is
// none.
func hanziAt(text []byte, i int) int {
	if i >= len(text) || text[i] < 0xE3 {
		return 0
	}
	if r, size := utf8.DecodeRune(text[i:]); china.Hanzi(r) {
		return size
	}
	return 0
}
