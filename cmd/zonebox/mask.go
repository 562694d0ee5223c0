package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) maskCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "mask",
		Short: a.say("脱敏方式的预览", "see what masks do"),
	}
	c.AddCommand(a.maskPreviewCmd())
	return c
}

func (a *app) maskPreviewCmd() *cobra.Command {
	var file, output string
	c := &cobra.Command{
		Use:   "preview GRANT | preview -f FILE",
		Short: a.say("在样例行上查看一份授权脱敏前后的值", "see values before and after the masks of a grant, on sample rows"),
		Long: a.say(`数据提供单位可预览任何方式(授权草案 -f,或已有授权),脱敏前后均可见;
专区监管部门只能预览生效的授权,只见脱敏后的值;其他人不可预览,以查询提问。
样例至多 20 行,同一数据版本始终是同样的行,并按授权的行范围截取。
脱敏使用预览专用密钥:预览中的令牌、平移与噪声与任何查询结果无关,不可关联。
每次预览先写入审计日志(不含任何值),再显示。`,
			`The provider of the dataset previews any recipe (a draft with -f, or a grant) and
sees values before and after; the zone regulator previews a grant in force and sees
them after only; nobody else does, they ask questions.
It shows at most 20 rows, of a data version always the same, cut to the grant's scope.
Masks are made under keys for previews alone: their tokens, shifts and noise are
unrelated to those of any answer, and link to nothing.
Each preview is in the audit log, without a value, before it is shown.`),
		Example: "  zonebox mask preview persons-statistics --as sun.health\n  zonebox mask preview -f grant.yaml --as zheng.police -o json",
		Args:    nArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			var req query.PreviewRequest
			switch {
			case (len(args) == 1) == (file != ""):
				return usageError{errors.New(a.say("须给出授权名称或 -f 草案,二者择一", "give the name of a grant, or a draft with -f"))}
			case file != "":
				var err error
				if req.Draft, err = readFile(file, a.stdin); err != nil {
					return err
				}
			default:
				req.Grant = args[0]
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			p, err := client.Preview(c.Context(), req)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(p)
			}
			return a.printPreview(p)
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", a.say("授权草案,- 为标准输入", "draft of a grant, - is standard input"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printPreview(p *query.Preview) error {
	kinds := newTable(a.say("列", "column"), a.say("脱敏方式", "recipe"), a.say("技术类别 (GB/T 37964)", "technique (GB/T 37964)"), a.say("样例中不合形状", "misfits in the sample"))
	var header []string
	for _, c := range p.Columns {
		technique := "-"
		if c.Family != "" {
			technique = c.Family + " · " + c.Technique
		}
		kinds.AppendRow([]any{printable(c.Name), printable(c.Recipe), technique, c.Misfits})
		if p.Raw {
			header = append(header, c.Name+" "+a.say("脱敏前", "before"), c.Name+" "+a.say("脱敏后", "after"))
		} else {
			header = append(header, c.Name+" "+a.say("脱敏后", "after"))
		}
	}
	rows := newTable(header...)
	for i := range p.Rows {
		var row []any
		for _, c := range p.Columns {
			if p.Raw {
				row = append(row, cellOf(c.Before, i))
			}
			row = append(row, cellOf(c.After, i))
		}
		rows.AppendRow(row)
	}
	_, err := fmt.Fprintf(a.stdout, a.say("%s\n%s\n数据集 %s 版本 %s:共 %d 行,样例 %d 行,其中 %d 行在授权的行范围内\n预览使用专用密钥,其令牌、平移与噪声与任何查询结果无关\n",
		"%s\n%s\ndataset %s version %s: %d rows, %d in the sample, %d of them in the scope of the grant\nmasked under keys of its own: tokens, shifts and noise are unrelated to those of any answer\n"),
		kinds.Render(), rows.Render(), printable(p.Dataset), printable(p.Version), p.Total, p.Sample, p.Rows)
	return err
}

// cellOf prints one value of a preview.
func cellOf(values []*string, row int) string {
	if row >= len(values) || values[row] == nil {
		return "∅"
	}
	return printable(*values[row])
}
