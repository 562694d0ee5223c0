package query

import (
	"os"
	"regexp"
	"testing"
)

// The table of package sandbox is the truth; a code without a text would reach
// a person as an empty sentence.
func TestEveryDeliveryCodeHasAText(t *testing.T) {
	source, err := os.ReadFile("../sandbox/errors.go")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?s)deliveryCodes = codes\((.*?)\)`).FindSubmatch(source)
	if list == nil {
		t.Fatal("the list of codes is elsewhere")
	}
	codes := regexp.MustCompile(`"(\w+)"`).FindAllSubmatch(list[1], -1)
	for _, c := range codes {
		if text := deliveryTexts[string(c[1])]; text[0] == "" || text[1] == "" {
			t.Errorf("code %s has no text", c[1])
		}
	}
	if len(codes) != len(deliveryTexts) {
		t.Errorf("%d codes and %d texts", len(codes), len(deliveryTexts))
	}
}
