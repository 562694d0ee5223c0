package masking_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"zonebox/masking"
	"zonebox/masking/maskingtest"
)

var sentences = []string{
	"患者张三,身份证号11010519491231002X,电话13812345678,住江苏省南京市鼓楼区中山北路1号,主诉头痛三天。",
	"联系人:欧阳娜娜 手机 138 1234 5678;备用:１３９１２３４５６７８",
	"请汇至 6222021234567890128,或发邮件至 zhang.san@example.com。",
	"订单号 20240229123456789 已发货", "血压 120/80,体温 36.5", "车牌苏A·D12345 停于B2层", "服务器10.1.2.3宕机",
	"1381234567813912345678", "13812345678139123456781371234567813612345678", "张三李四王五赵六", "::1 ::2 ::3", "****", "",
}

func TestFreeTextHidesWhatIsFoundAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		classes  []string
		in, want string
	}{
		{nil, "患者张三,电话13812345678,主诉头痛三天。", "患者****,电话****,主诉头痛三天。"},
		{nil, "身份证号11010519491231002X,已核验", "身份证号****,已核验"},
		{nil, "请发邮件至 zhang.san@example.com 。", "请发邮件至 **** 。"},
		{nil, "血压 120/80,体温 36.5,遵医嘱", "血压 120/80,体温 36.5,遵医嘱"},
		{nil, "", ""},
		{[]string{"mobile"}, "患者张三,电话13812345678,邮箱 zhang.san@example.com", "患者张三,电话****,邮箱 zhang.san@example.com"},
		{[]string{"email", "person_name"}, "患者张三,电话13812345678,邮箱 zhang.san@example.com", "患者****,电话13812345678,邮箱 ****"},
	} {
		got := masked(t, masking.Recipe{Kind: "free_text", Classes: c.classes}, []string{c.in})[0]
		if got != c.want {
			t.Errorf("%v of %q = %q, want %q", c.classes, c.in, got, c.want)
		}
	}
}

// A number without a keyword, or with a wrong check character, is under the
// threshold at which findings are reported, and hidden all the same.
func TestFreeTextErrsOnTheSideOfHiding(t *testing.T) {
	for _, v := range []string{"6222021234567890128", "110105194912310021", "致电 025-84701234 咨询"} {
		if got := masked(t, masking.Recipe{Kind: "free_text"}, []string{v})[0]; !strings.Contains(got, masking.Redacted) {
			t.Errorf("%q became %q", v, got)
		}
	}
}

func TestFreeTextThatIsNoTextIsRedacted(t *testing.T) {
	values := []string{"\xff", "张三\xff四五", "电话13812345678", "\xed\xa0\x80"}
	of := make([]*string, len(values))
	for i := range values {
		of[i] = &values[i]
	}
	k, err := masking.Compile("string", masking.Recipe{Kind: "free_text"}, masking.Keys{})
	if err != nil {
		t.Fatal(err)
	}
	out, misfits, err := k.Apply(memory.DefaultAllocator, stringArray(memory.DefaultAllocator, of))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	if got, want := strings.Join(texts(out), "|"), "****|****|电话****|****"; got != want || misfits != 3 {
		t.Errorf("%q with %d misfits, want %q with 3", got, misfits, want)
	}
}

func TestFreeTextTakesClassesThatAreKnown(t *testing.T) {
	for _, classes := range [][]string{{"none"}, {""}, {"telephone"}, {"mobile", "mobile"}} {
		if err := (masking.Recipe{Kind: "free_text", Classes: classes}).Validate("string"); !errors.Is(err, masking.ErrRecipe) {
			t.Errorf("Validate of %q = %v, want ErrRecipe", classes, err)
		}
	}
	for _, r := range []masking.Recipe{{Kind: "redact", Classes: []string{"mobile"}}, {Kind: "free_text", Field: "phone"}} {
		if err := r.Validate("string"); !errors.Is(err, masking.ErrRecipe) {
			t.Errorf("Validate(%s) = %v, want ErrRecipe", r, err)
		}
	}
	if err := (masking.Recipe{Kind: "free_text"}).Validate("int64"); !errors.Is(err, masking.ErrRecipe) {
		t.Errorf("Validate of numbers = %v, want ErrRecipe", err)
	}
}

// FuzzFreeText looks for a text of which something is still found when it is
// masked, or of which more was changed than hidden.
func FuzzFreeText(f *testing.F) {
	var samples []maskingtest.Sample
	for _, s := range maskingtest.Samples {
		if s.Recipe.Kind == "free_text" {
			samples = append(samples, s)
		}
	}
	for _, v := range sentences {
		f.Add(v, strings.Repeat(v, 2))
	}
	for _, v := range maskingtest.Texts {
		f.Add("电话"+v, v)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a)+len(b) > 1<<12 {
			return
		}
		for _, s := range samples {
			for _, v := range []string{a, a + b, b + "****" + a} {
				if got := masked(t, s.Recipe, []string{v})[0]; !s.Allows(v, got) {
					t.Errorf("%s of %q = %q", s.Recipe, v, got)
				}
			}
		}
	})
}
