package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"zonebox/masking/detect"
)

// found writes the hits of a text as class(text), in order.
func found(s *detect.Scanner, text string) string {
	var out []string
	for _, h := range s.ScanString(nil, text) {
		out = append(out, fmt.Sprintf("%s(%s)", h.Class, text[h.Start:h.End]))
	}
	return strings.Join(out, " ")
}

func TestWhatIsFoundInText(t *testing.T) {
	for _, tt := range []struct{ rule, text, want string }{
		{"an identity number", "证件11010519491231002X。", "resident_id(11010519491231002X)"},
		{"with small x", "11010519491231002x", "resident_id(11010519491231002x)"},
		{"in full-width characters", "号码１１０１０５１９４９１２３１００２Ｘ，", "resident_id(１１０１０５１９４９１２３１００２Ｘ)"},
		{"in groups", "110105 19491231 002X", "resident_id(110105 19491231 002X)"},
		{"after a word stuck to it", "SFZ11010519491231002X", "resident_id(11010519491231002X)"},
		{"of 15 digits with a keyword", "身份证110105491231002", "resident_id(110105491231002)"},
		{"of 15 digits without", "共110105491231002", ""},
		{"mistyped, with a keyword", "身份证号：110105194912310021", "resident_id(110105194912310021)"},
		{"mistyped, without", "共110105194912310021", ""},
		{"with a digit more", "911010519491231002X", ""},
		{"with a character more", "11010519491231002X5", ""},
		{"a credit code", "91350100M000100Y43", "credit_code(91350100M000100Y43)"},
		{"a credit code with wrong check", "91350100M000100Y44", ""},
		{"an organization code", "机构代码D2143569-X", "organization_code(D2143569-X)"},
		{"a mobile number", "打13812345678找我", "mobile(13812345678)"},
		{"with country code", "+8613812345678", "mobile(+8613812345678)"},
		{"with country code, apart", "+86 138-1234-5678", "mobile(+86 138-1234-5678)"},
		{"an order number like a mobile number", "订单号13812345678", ""},
		{"the nearest keyword counts", "订单号7788，电话13812345678", "mobile(13812345678)"},
		{"a keyword in the sentence before does not", "订单如下。13812345678", "mobile(13812345678)"},
		{"part of a decimal", "0.13812345678", ""},
		{"part of a hash", "e13812345678f", ""},
		{"part of a longer chain", "2021-13812345678-01", ""},
		{"groups after more with a hyphen", "2021-138-1234-5678", ""},
		{"groups before more with a hyphen", "138-1234-5678-9", ""},
		{"groups after a number and a blank", "3 138-1234-5678", "mobile(138-1234-5678)"},
		{"a fixed line", "电话025-83212345转8001", "landline(025-83212345)"},
		{"with extension", "025-83212345-8001", "landline(025-83212345-8001)"},
		{"a card with a keyword", "卡号6222021234567890128", "bank_card(6222021234567890128)"},
		{"a card in groups", "6222 0212 3456 7890 128", "bank_card(6222 0212 3456 7890 128)"},
		{"digits of a card without a keyword", "6222021234567890128", ""},
		{"a card with wrong check", "6222 0212 3456 7890 127", ""},
		{"a plate", "苏A12345违停", "plate(苏A12345)"},
		{"a plate of an electric car with a dot", "苏A·D12345", "plate(苏A·D12345)"},
		{"a plate of a learner", "粤B1234学", "plate(粤B1234学)"},
		{"a passport with a keyword", "护照E12345678", "passport(E12345678)"},
		{"a passport's form without", "型号E12345678", ""},
		{"a permit with a keyword", "通行证号C12345678", "travel_permit(C12345678)"},
		{"an address of a number in it", "13812345678@qq.com", "email(13812345678@qq.com)"},
		{"an e-mail before a full stop", "写信到a.b@qq.com.", "email(a.b@qq.com)"},
		{"a network address", "来自203.0.113.7的请求", "network_address(203.0.113.7)"},
		{"a version", "版本1.2.3.4", ""},
		{"a network address of version 6", "[2001:db8::8a2e:7]", "network_address(2001:db8::8a2e:7)"},
		{"a time of day", "12:30:45", ""},
		{"ip is not in recipient", "recipient 10.2.3.4", ""},
		{"ip as a word", "client ip 10.2.3.4", "network_address(10.2.3.4)"},
		{"a name with a caption", "姓名：张伟", "person_name(张伟)"},
		{"a compound surname", "联系人 欧阳娜娜，", "person_name(欧阳娜娜)"},
		{"a name and what follows", "患者王芳于今日入院", "person_name(王芳)"},
		{"a name with a form of address", "请李建国先生签字", "person_name(李建国)"},
		{"a list of names", "经办人：张伟、李娜、王芳", "person_name(张伟) person_name(李娜) person_name(王芳)"},
		{"a name with a dot", "姓名：阿卜杜拉·买买提", "person_name(阿卜杜拉·买买提)"},
		{"a name in quotes", "('张伟','李娜')", "person_name(张伟) person_name(李娜)"},
		{"a name after a heading", "【快件】张建国 签收", "person_name(张建国)"},
		{"a word after a colon", "要求：高兴，办法：安全，态度：平和。", ""},
		{"words that read like names", "高级经理介绍项目方案，黄金周安全平稳。", ""},
		{"an address", "住江苏省南京市鼓楼区汉口路22号3幢501室，", "postal_address(江苏省南京市鼓楼区汉口路22号3幢501室)"},
		{"an address without its province", "南京市鼓楼区汉口路22号", "postal_address(南京市鼓楼区汉口路22号)"},
		{"an address without divisions", "现住址汉口路22号3幢501室", "postal_address(汉口路22号3幢501室)"},
		{"an address and a number", "南京市鼓楼区汉口路22号13812345678", "postal_address(南京市鼓楼区汉口路22号) mobile(13812345678)"},
		{"a number between an address and what could go on", "南京市鼓楼区汉口路22号13812345678座机同号", "postal_address(南京市鼓楼区汉口路22号) mobile(13812345678)"},
		{"a city alone", "南京市召开会议，江苏省和上海市参加", ""},
		{"bytes that are no text", "\xff\xfe13812345678\xef\xbc", "mobile(13812345678)"},
	} {
		if got := found(detect.New(detect.Options{}), tt.text); got != tt.want {
			t.Errorf("%s: Scan(%q) = %s, want %s", tt.rule, tt.text, got, tt.want)
		}
	}
}

// TestAClassAskedForAloneIsFoundAsAmongAll takes the way that skips Chinese
// characters eight bytes at a time, with what is found at every distance.
func TestAClassAskedForAloneIsFoundAsAmongAll(t *testing.T) {
	all := detect.New(detect.Options{})
	for _, text := range []string{"11010519491231002X", "１１０１０５１９４９１２３１００２Ｘ", "91350100M000100Y43", "13812345678", "9-1-13812345678", "025-83212345", "机构代码D2143569-X",
		"卡号6222021234567890128", "护照E12345678", "通行证号C12345678", "苏A·D12345", "abcdefgh@qq.com", "203.0.113.7", "fe80:abcd:ef::cafe"} {
		for pad := range 17 {
			s := strings.Repeat("汉", pad/3) + strings.Repeat("，", pad%3) + text
			for _, h := range all.ScanString(nil, s) {
				alone := detect.New(detect.Options{Classes: detect.Of(h.Class)}).ScanString(nil, s)
				if len(alone) != 1 || alone[0] != h {
					t.Errorf("%s alone in %q: %v, want %v", h.Class, s, alone, h)
				}
			}
			if len(all.ScanString(nil, s)) != 1 && text != "9-1-13812345678" {
				t.Errorf("%d hits in %q, want 1", len(all.ScanString(nil, s)), s)
			}
		}
	}
}

func TestOnlyTheClassesAskedForAreFound(t *testing.T) {
	text := "姓名：张伟，电话13812345678，身份证11010519491231002X，邮箱a@qq.com，苏A12345，10.22.33.44，南京市鼓楼区汉口路22号"
	for c := detect.ResidentID; c <= detect.PersonName; c++ {
		for _, h := range detect.New(detect.Options{Classes: detect.Of(c)}).ScanString(nil, text) {
			if h.Class != c {
				t.Errorf("asked for %s, found %s", c, h.Class)
			}
		}
	}
	if got := found(detect.New(detect.Options{Classes: detect.Of(detect.Mobile, detect.ResidentID)}), text); got != "mobile(13812345678) resident_id(11010519491231002X)" {
		t.Errorf("mobile and resident_id: %s", got)
	}
}

func TestAHeaderIsAKeywordForItsColumn(t *testing.T) {
	s := detect.New(detect.Options{})
	for _, tt := range []struct{ header, text, want string }{
		{"yhkh", "6222021234567890128", "bank_card(6222021234567890128)"},
		{"c1", "6222021234567890128", ""},
		{"order_no", "13812345678", ""},
		{"sjh", "13812345678", "mobile(13812345678)"},
		{"护照号码", "E12345678", "passport(E12345678)"},
		{"lxdh", "订单13812345678", ""}, // what stands in the cell is nearer
	} {
		if got := found(s.Under(tt.header), tt.text); got != tt.want {
			t.Errorf("under %s: Scan(%q) = %s, want %s", tt.header, tt.text, got, tt.want)
		}
	}
	if got := found(s, "6222021234567890128"); got != "" {
		t.Errorf("Under changed the scanner it was called on: %s", got)
	}
}

func TestHitsAreAppended(t *testing.T) {
	before := []detect.Hit{{Class: detect.Email, Score: 100, Start: 0, End: 50}}
	hits := detect.New(detect.Options{}).ScanString(before, "13812345678")
	if len(hits) != 2 || hits[0] != before[0] || hits[1].Class != detect.Mobile {
		t.Errorf("ScanString appended to %v: %v", before, hits)
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	s := detect.New(detect.Options{})
	text := realistic(t, 1<<14)
	hits := make([]detect.Hit, 0, 1000)
	if n := testing.AllocsPerRun(20, func() { hits = s.Scan(hits[:0], text) }); n != 0 || len(hits) == 0 {
		t.Errorf("%v allocations and %d hits, want 0 and some", n, len(hits))
	}
}

// An organization code may hold no digit at all.
func TestACodeOfLettersAlone(t *testing.T) {
	for _, s := range []*detect.Scanner{detect.New(detect.Options{}), detect.New(detect.Options{Classes: detect.Of(detect.Organization)})} {
		for text, want := range map[string]int{
			"组织机构代码:MAHDLRKE-X。": 1, "组织机构代码:MAHDLRKE-x": 1, "机构代码 MABMNRXK-X,电话": 1,
			"组织机构代码:MAHDLRKE-Y": 0, "组织机构代码:MAHDLRKA-X": 0, "组织机构代码:MAHDLRKE-XA": 0, "组织机构代码:AMAHDLRKE-X": 0,
			"MAHDLRKE-X": 0, "-X": 0, "组织机构代码:MAHDLRKE-": 0,
		} {
			hits := s.ScanString(nil, text)
			if len(hits) != want || want == 1 && (hits[0].Class != detect.Organization || hits[0].End-hits[0].Start != 10) {
				t.Errorf("%q holds %+v, want %d codes", text, hits, want)
			}
		}
	}
}

// What is known is passed over, and nothing else.
func TestKnownTextsAreNoHits(t *testing.T) {
	s := detect.New(detect.Options{}).Knowing("手机13912345678", "320102", "13712345670137123456711371234567213712345673", "%13612345678%", "a13512345678b,１３４１２３４５６７８x")
	for text, want := range map[string]int{
		"电话13912345678":                       0,
		"电话13912345679":                       1,
		"电话13912345678,身份证320102195001010119": 1,
		"身份证320102195001010119":               1,
		"电话13612345678":                       0,
		// Digits of a longer number, in which every number could stand.
		"电话13712345671": 1,
		"电话13712345670": 1,
		"电话13712345673": 1,
		"电话13512345678": 1,
		"电话１３４１２３４５６７８": 1,
	} {
		if hits := s.ScanString(nil, text); len(hits) != want {
			t.Errorf("%q holds %+v, want %d", text, hits, want)
		}
	}
}

// A name that says what a column is not is no reason to overlook a number.
func TestANameChosenByOthersSpeaksAgainstNothing(t *testing.T) {
	s := detect.New(detect.Options{Threshold: detect.Certain})
	const id = "320102195001010119"
	if n := len(s.Under("order_no").ScanString(nil, id)); n != 0 {
		t.Errorf("under order_no %d numbers are certain", n)
	}
	if n := len(s.Called("order_no").ScanString(nil, id)); n != 1 {
		t.Errorf("called order_no %d numbers are certain", n)
	}
	if n := len(s.Called("手机").ScanString(nil, "13912345678")); n != 1 {
		t.Errorf("called 手机 %d numbers are certain", n)
	}
}

// An identity number of which check character, region and birthday hold is
// certain, whatever sticks to it; others are with a keyword.
func TestWhatSticksToAnIdentityNumberHidesItNot(t *testing.T) {
	s := detect.New(detect.Options{Classes: detect.Of(detect.ResidentID), Threshold: detect.Certain})
	for text, want := range map[string]int{
		"张三/13812345678/320102195001010119": 1,
		"IMG_320102195001010119.jpg":        1,
		"ID320102195001010119":              1,
		"2024-05-01-320102195001010119":     1,
		"user/320102195001010119/photo":     1,
		"320102195001010119-1":              1,
		"订单号320102195001010119":             0,
		"IMG_320102195001010118.jpg":        0, // the check digit
		"IMG_990102195001010116.jpg":        0, // no such place, its check digit holds
		"身份证110105491231002":                1,
		"订单号7788,身份证号码:110105491231002 已核对": 1,
		"110105491231002":                   0,
		"IMG_110105491231002":               0,
	} {
		if hits := s.ScanString(nil, text); len(hits) != want {
			t.Errorf("%q holds %+v, want %d", text, hits, want)
		}
	}
	if n := len(s.Called("身份证号").ScanString(nil, "110105491231002")); n != 1 {
		t.Errorf("called 身份证号 %d numbers of 15 digits are certain", n)
	}
}
