package china_test

import (
	"testing"

	"zonebox/masking/china"
)

func TestRegionsOfTodayAndOfThePast(t *testing.T) {
	for _, tt := range []struct {
		code  int
		want  string
		level china.Level
		above int
		alive bool
	}{
		{320000, "江苏省", china.Province, 0, true},
		{320100, "南京市", china.Prefecture, 320000, true},
		{320106, "鼓楼区", china.County, 320100, true},
		{320103, "白下区", china.County, 320100, false}, // merged in 2013
		{110108, "海淀区", china.County, 110000, true},  // its prefecture is only a group
		{513621, "岳池县", china.County, 513600, false}, // of 广安地区, 1993 to 1998
		{320800, "淮安市", china.Prefecture, 320000, true},
		{510202, "渝中区", china.County, 510200, false}, // Chongqing was in Sichuan until 1997
		{330113, "临平区", china.County, 330100, true},  // of 2021
		{659012, "白杨市", china.County, 650000, true},  // of 2023
	} {
		r, ok := china.Lookup(tt.code)
		if !ok || r.Name != tt.want || r.Level() != tt.level || r.To == 0 != tt.alive || !china.KnownRegion(tt.code) {
			t.Errorf("Lookup(%d) = %+v, %v, want %s, level %d, in force %v", tt.code, r, ok, tt.want, tt.level, tt.alive)
		}
		if p, _ := china.Parent(r); p.Code != tt.above {
			t.Errorf("Parent(%d) = %+v, want %d", tt.code, p, tt.above)
		}
	}
	if names := china.Names(320800); len(names) != 2 || names[0].Name != "淮阴市" || names[0].To != 1999 {
		t.Errorf("Names(320800) = %v, want 淮阴市 until 1999 and 淮安市", names)
	}
	for _, code := range []int{0, -1, 990000, 320199, 1000000} {
		if _, ok := china.Lookup(code); ok || china.KnownRegion(code) {
			t.Errorf("Lookup(%d) is known", code)
		}
	}
}

func TestAddressesDownToTheCounty(t *testing.T) {
	for _, tt := range []struct {
		text                         string
		read                         string
		province, prefecture, county int
	}{
		{"江苏省南京市鼓楼区汉口路22号", "江苏省南京市鼓楼区", 320000, 320100, 320106},
		{"江苏南京鼓楼区汉口路22号", "江苏南京鼓楼区", 320000, 320100, 320106},
		{"南京市白下区大光路", "南京市白下区", 320000, 320100, 320103},
		{"江苏省 南京市,鼓楼区", "江苏省 南京市,鼓楼区", 320000, 320100, 320106},
		{"江苏省昆山市花桥镇", "江苏省昆山市", 320000, 320500, 320583},
		{"昆山市花桥镇", "昆山市", 320000, 320500, 320583},
		{"北京市朝阳区建国路", "北京市朝阳区", 110000, 0, 110105},
		{"上海浦东新区世纪大道", "上海浦东新区", 310000, 0, 310115},
		{"内蒙古呼和浩特市新城区", "内蒙古呼和浩特市新城区", 150000, 150100, 150102},
		{"新疆维吾尔自治区伊犁哈萨克自治州伊宁市", "新疆维吾尔自治区伊犁哈萨克自治州伊宁市", 650000, 654000, 654002},
		{"吉林省吉林市昌邑区", "吉林省吉林市昌邑区", 220000, 220200, 220202},
		{"鼓楼区汉口路", "鼓楼区", 0, 0, 0}, // there are four
		{"江苏省海淀区", "江苏省", 320000, 0, 0},
	} {
		a, ok := china.ParseAddress(tt.text)
		if !ok || tt.text[:a.End] != tt.read || a.Province != tt.province || a.Prefecture != tt.prefecture || a.County != tt.county {
			t.Errorf("ParseAddress(%s) = %+v (read %s), want %s: %d %d %d", tt.text, a, tt.text[:a.End], tt.read,
				tt.province, tt.prefecture, tt.county)
		}
	}
	for _, text := range []string{"", "汉口路22号", "省南京", "江", "\xe6\xb1\x9f\xe8\x8b"} {
		if a, ok := china.ParseAddress(text); ok {
			t.Errorf("ParseAddress(%q) = %+v, want none", text, a)
		}
	}
}

func TestNamesOfPeople(t *testing.T) {
	for _, tt := range []struct {
		text    string
		surname string
		ok      bool
		common  bool
	}{
		{"张伟", "张", true, true},
		{"欧阳娜娜", "欧阳", true, true},
		{"诸葛亮", "诸葛", true, true},
		{"爱新觉罗启星", "爱新觉罗", true, true},
		{"万强", "万", true, true}, // and not of 万俟
		{"阿卜杜拉·买买提", "", true, false},
		{"高血压病史", "高", false, true},
		{"张", "", false, false},
		{"张wei", "", false, false},
		{"一丁", "", false, false},
	} {
		n, ok := china.ParseName(tt.text)
		if ok != tt.ok || ok && (tt.text[:n.Surname] != tt.surname || n.Common != tt.common) {
			t.Errorf("ParseName(%s) = %+v, %v, want surname %q, %v", tt.text, n, ok, tt.surname, tt.ok)
		}
	}
}
