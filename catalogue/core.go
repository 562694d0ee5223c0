package catalogue

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// core is the metadata of one resource after GB/T 21063.3-2007: what the standard
// asks for, and of what it leaves free the service and the format.
type core struct {
	XMLName    xml.Name `xml:"资源" json:"-"`
	Title      string   `xml:"信息资源名称" json:"信息资源名称"`
	Published  string   `xml:"信息资源出版日期,omitempty" json:"信息资源出版日期,omitempty"`
	Abstract   string   `xml:"信息资源摘要" json:"信息资源摘要"`
	Provider   string   `xml:"信息资源提供方" json:"信息资源提供方"`
	Keywords   []string `xml:"关键字说明>关键字" json:"关键字说明"`
	Category   string   `xml:"信息资源分类" json:"信息资源分类"`
	Identifier string   `xml:"信息资源标识符" json:"信息资源标识符"`
	Format     string   `xml:"信息资源格式" json:"信息资源格式"`
	Service    string   `xml:"服务信息" json:"服务信息"`
	MetaID     string   `xml:"元数据标识符" json:"元数据标识符"`
	Maintainer string   `xml:"元数据维护方" json:"元数据维护方"`
	Updated    string   `xml:"元数据更新日期" json:"元数据更新日期"`
}

func cores(entries []Entry, by Publisher) []core {
	out := []core{}
	for _, e := range entries {
		out = append(out, core{
			Title: e.Title, Published: e.Source.Acquired, Provider: e.provider(), Keywords: e.items(),
			Abstract:   fmt.Sprintf("%s,含%s", e.Title, strings.Join(e.items(), "、")),
			Category:   strings.TrimSpace(titleOf(e.Category.Kind) + " " + e.Category.Code),
			Identifier: e.Zone + "/" + e.Name, Format: e.Format,
			Service: fmt.Sprintf("共享类型:%s;共享方式:%s;开放类型:%s;使用要求:%s", titleOf(e.ShareType), e.ShareMode, titleOf(e.OpenType), e.UseRequirements),
			MetaID:  fmt.Sprintf("%s/%s/%d", e.Zone, e.Name, e.Version), Maintainer: by.Title, Updated: by.Issued,
		})
	}
	return out
}

func coreXML(entries []Entry, by Publisher) ([]byte, error) {
	text, err := xml.MarshalIndent(struct {
		XMLName   xml.Name `xml:"核心元数据"`
		Standard  string   `xml:"标准,attr"`
		Resources []core
	}{Standard: "GB/T 21063.3-2007", Resources: cores(entries, by)}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("catalogue: encode XML: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}
