package detect

import "unicode/utf8"

// A keyword before an identifier says what it is. of is the classes it speaks
// for; an empty set is something else altogether, and speaks against each.
type keyword struct {
	word string
	of   Set
}

const (
	idWord       = Set(1 << ResidentID)
	documentWord = Set(1<<ResidentID | 1<<Passport | 1<<Permit)
	phoneWord    = Set(1<<Mobile | 1<<Landline)
	cardWord     = Set(1 << BankCard)
	creditWord   = Set(1<<CreditCode | 1<<Organization)
	plateWord    = Set(1 << Plate)
	passportWord = Set(1 << Passport)
	permitWord   = Set(1 << Permit)
	networkWord  = Set(1 << Network)
	mailWord     = Set(1 << Email)
	addressWord  = Set(1 << PostalAddress)
	otherWord    = Set(0)
)

// keywords in the writing of documents, forms and log lines. Latin ones are in
// small letters and match any case, but only as whole words: "ip" is not in
// "recipient" (a complaint about substring context in other detectors).
var keywords = []keyword{
	{"身份证", idWord}, {"身份证号", idWord}, {"身份证号码", idWord}, {"身份号码", idWord}, {"公民身份号码", idWord}, {"居民身份证", idWord},
	{"证件号", documentWord}, {"证件号码", documentWord}, {"证件编号", documentWord}, {"身份证件", documentWord}, {"证号", documentWord},
	{"sfz", idWord}, {"sfzh", idWord}, {"idcard", idWord}, {"id card", idWord}, {"idno", idWord}, {"id no", idWord}, {"identity", idWord},
	{"手机", phoneWord}, {"手机号", phoneWord}, {"手机号码", phoneWord}, {"电话", phoneWord}, {"电话号码", phoneWord}, {"联系电话", phoneWord},
	{"联系方式", phoneWord}, {"移动电话", phoneWord}, {"致电", phoneWord}, {"拨打", phoneWord}, {"来电", phoneWord}, {"微信", phoneWord},
	{"微信号", phoneWord}, {"座机", phoneWord}, {"固话", phoneWord}, {"传真", phoneWord}, {"总机", phoneWord}, {"热线", phoneWord}, {"短信", phoneWord},
	{"tel", phoneWord}, {"phone", phoneWord}, {"mobile", phoneWord}, {"mob", phoneWord}, {"cell", phoneWord}, {"fax", phoneWord}, {"sjh", phoneWord}, {"lxdh", phoneWord},
	{"银行卡", cardWord}, {"银行卡号", cardWord}, {"卡号", cardWord}, {"账号", cardWord}, {"帐号", cardWord}, {"账户", cardWord}, {"帐户", cardWord},
	{"借记卡", cardWord}, {"信用卡", cardWord}, {"储蓄卡", cardWord}, {"银联卡", cardWord}, {"工行", cardWord}, {"农行", cardWord}, {"中行", cardWord}, {"建行", cardWord}, {"交行", cardWord}, {"招行", cardWord},
	{"银行", cardWord}, {"分行", cardWord}, {"支行", cardWord}, {"汇款", cardWord}, {"转账", cardWord}, {"收款", cardWord}, {"card", cardWord}, {"account", cardWord}, {"yhkh", cardWord},
	{"信用代码", creditWord}, {"社会信用代码", creditWord}, {"统一社会信用代码", creditWord}, {"机构代码", creditWord}, {"组织机构代码", creditWord},
	{"税号", creditWord}, {"纳税人识别号", creditWord}, {"tyshxydm", creditWord}, {"uscc", creditWord},
	{"车牌", plateWord}, {"车牌号", plateWord}, {"车牌号码", plateWord}, {"号牌", plateWord}, {"车号", plateWord}, {"车辆", plateWord}, {"驾驶", plateWord}, {"cph", plateWord},
	{"护照", passportWord}, {"护照号", passportWord}, {"护照号码", passportWord}, {"passport", passportWord}, {"hzh", passportWord},
	{"通行证", permitWord}, {"通行证号", permitWord}, {"通行证号码", permitWord}, {"回乡证", permitWord}, {"台胞证", permitWord},
	{"邮箱", mailWord}, {"邮件", mailWord}, {"email", mailWord}, {"mail", mailWord},
	{"ip", networkWord}, {"ip地址", networkWord}, {"登录地址", networkWord}, {"主机", networkWord}, {"host", networkWord}, {"服务器", networkWord},
	{"地址", addressWord}, {"住址", addressWord}, {"住所", addressWord}, {"户籍", addressWord}, {"户籍地", addressWord}, {"家住", addressWord}, {"现住", addressWord},
	{"居住在", addressWord}, {"居住于", addressWord}, {"居住地", addressWord}, {"住在", addressWord}, {"寄到", addressWord}, {"寄往", addressWord}, {"送到", addressWord}, {"送达", addressWord},
	{"订单", otherWord}, {"订单号", otherWord}, {"单号", otherWord}, {"运单", otherWord}, {"快递", otherWord}, {"物流", otherWord}, {"流水", otherWord}, {"流水号", otherWord},
	{"交易号", otherWord}, {"编号", otherWord}, {"序列号", otherWord}, {"序号", otherWord}, {"发票", otherWord}, {"发票号", otherWord}, {"发票号码", otherWord}, {"发票代码", otherWord},
	{"校验码", otherWord}, {"批次", otherWord}, {"批号", otherWord}, {"批次号", otherWord}, {"时间戳", otherWord}, {"合同号", otherWord}, {"案号", otherWord}, {"工单", otherWord}, {"工单号", otherWord},
	{"受理号", otherWord}, {"版本", otherWord}, {"版本号", otherWord}, {"条码", otherWord}, {"条形码", otherWord}, {"资产", otherWord}, {"货号", otherWord}, {"型号", otherWord}, {"设备号", otherWord},
	{"凭证号", otherWord}, {"会员卡号", otherWord}, {"门牌号", otherWord}, {"房产证号", otherWord}, {"票号", otherWord}, {"章节", otherWord}, {"串号", otherWord}, {"哈希", otherWord}, {"摘要值", otherWord},
	{"order", otherWord}, {"serial", otherWord}, {"trace", otherWord}, {"timestamp", otherWord}, {"version", otherWord}, {"v", otherWord}, {"invoice", otherWord}, {"sn", otherWord},
	{"batch", otherWord}, {"uuid", otherWord}, {"hash", otherWord}, {"md5", otherWord}, {"sha256", otherWord}, {"imei", otherWord}, {"ts", otherWord}, {"seq", otherWord},
}

// keywordEnds chains the keywords by a hash of their last two bytes, the longest
// first; 0 ends a chain, n stands for keywords[n-1].
var keywordEnds, keywordNext = func() (ends [1 << 12]uint16, next []uint16) {
	next = make([]uint16, len(keywords)+1)
	for length := 1; length < 40; length++ { // the longest comes to stand in front
		for i, k := range keywords {
			if len(k.word) == length {
				at := ending(k.word[max(0, len(k.word)-2):])
				next[i+1], ends[at] = ends[at], uint16(i+1)
			}
		}
	}
	return ends, next
}()

func ending(s string) int {
	if len(s) == 1 {
		return int(s[0]|0x20) & 63
	}
	return int(s[0]|0x20)&63<<6 | int(s[1]|0x20)&63
}

// How far back a keyword is looked for, in characters and in bytes.
const (
	contextRunes = 18
	contextBytes = 48
)

// near returns the nearest keyword that ends at or before text[:end], within
// the sentence and contextRunes characters. Of several that end at one place the
// longest is meant.
func near(text []byte, end int) (of Set, found bool) {
	stop := max(0, end-contextBytes)
	for runes := 0; end > stop && runes < contextRunes; runes++ {
		if end >= 2 {
			if k := keywordAt(text, end, keywordEnds[int(text[end-2]|0x20)&63<<6|int(text[end-1]|0x20)&63]); k != nil {
				return k.of, true
			}
		}
		if k := keywordAt(text, end, keywordEnds[int(text[end-1]|0x20)&63]); k != nil {
			return k.of, true
		}
		c := text[end-1]
		if c < utf8.RuneSelf {
			if c == '\n' {
				return 0, false
			}
			end--
			continue
		}
		_, size := utf8.DecodeLastRune(text[stop:end])
		if size == 3 && sentenceEnd(text[end-3:end]) {
			return 0, false
		}
		end -= size
	}
	return 0, false
}

func sentenceEnd(b []byte) bool { s := string(b); return s == "。" || s == "！" || s == "？" }

// keywordAt returns the first keyword of the chain that ends at text[:end].
func keywordAt(text []byte, end int, chain uint16) *keyword {
	for ; chain != 0; chain = keywordNext[chain] {
		k := &keywords[chain-1]
		start := end - len(k.word)
		if start < 0 || !equalFold(text[start:end], k.word) {
			continue
		}
		if k.word[0] < utf8.RuneSelf && (start > 0 && latin(text[start-1]) || end < len(text) && latin(text[end]) && latin(text[end-1])) {
			continue // part of a longer word
		}
		return k
	}
	return nil
}

func equalFold(b []byte, lower string) bool {
	for i := range len(lower) {
		c := b[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func latin(c byte) bool { return c|0x20-'a' < 26 }
