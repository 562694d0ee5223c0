package main

import (
	"fmt"
	"image/color"
	"strings"
	"time"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) totpCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "totp",
		Short: a.say("动态口令:审批、监管与管理人员的第二种身份鉴别", "one-time codes: the second factor of who approves, supervises or administers"),
		Long: a.say(`动态口令 (TOTP, RFC 6238) 是签名密钥或统一身份认证之外的第二种鉴别。网关以
--second-factor 启动时,审批、监管与管理人员的签名请求须先给出口令;浏览器登录一律须给。
给出后,自同一来源十五分钟不用即失效,最长八小时;网关重启或本人文书变更后须重新给出。`,
			`One-time codes (TOTP, RFC 6238) are a factor beside the signing key or the sign-in of a
provider. With serve --second-factor, signed requests of who approves, supervises or
administers need one given before; in a browser it is always so. One that was given
counts for requests from the same place, until 15 minutes pass without any, for eight
hours at most; not after a start of the gate or a change of the person's document.`),
	}
	c.AddCommand(a.totpNewCmd(), a.totpGiveCmd(), a.totpListCmd(), a.totpRemoveCmd())
	return c
}

func (a *app) totpNewCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "new",
		Short: a.say("登记动态口令:以验证器扫描,再给出一个口令启用", "get one-time codes: scan with an authenticator, then give one"),
		Long: a.say(`登记本人的动态口令。二维码只显示这一次,以手机验证器扫描,再以 totp give 给出一个口令
启用。已启用的不能自行更换:遗失后由市数据主管部门解除 (totp remove)。`,
			`Gets you one-time codes. The QR code is shown this once: scan it with an authenticator,
then give one code (totp give), from which on they count. Codes that count are not
replaced: if they are lost the city authority ends them (totp remove).`),
		Example: "  zonebox totp new --as zhao.city",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.NewSecondFactor(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(v)
			}
			code, err := qrText(v.URI)
			if err != nil {
				return err
			}
			fmt.Fprint(a.stderr, a.say("以下内容不再显示。以验证器扫描后,用 zonebox totp give 口令 启用:\n", "This is not shown again. Scan it with an authenticator, then give a code (zonebox totp give CODE):\n"))
			_, err = fmt.Fprintf(a.stdout, "%s\n%s\n", code, v.URI)
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// qrText is a QR code for a terminal, two modules to a character, light on whatever the
// ground is. Four modules around it are light (ISO/IEC 18004).
func qrText(text string) (string, error) {
	code, err := qr.Encode(text, qr.L, qr.Auto)
	if err != nil {
		return "", err
	}
	const quiet = 4
	size := code.Bounds().Dx()
	light := func(x, y int) bool {
		x, y = x-quiet, y-quiet
		return x < 0 || y < 0 || x >= size || y >= size || !dark(code, x, y)
	}
	var b strings.Builder
	for y := 0; y < size+2*quiet; y += 2 {
		b.WriteString("\x1b[97;40m")
		for x := range size + 2*quiet {
			switch upper, lower := light(x, y), light(x, y+1); {
			case upper && lower:
				b.WriteString("█")
			case upper:
				b.WriteString("▀")
			case lower:
				b.WriteString("▄")
			default:
				b.WriteString(" ")
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String(), nil
}

func dark(code barcode.Barcode, x, y int) bool {
	return color.GrayModel.Convert(code.At(x, y)).(color.Gray).Y < 128
}

func (a *app) totpGiveCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "give CODE",
		Short:   a.say("给出验证器显示的六位口令", "give the six digits that the authenticator shows"),
		Example: "  zonebox totp give 287082 --as zhao.city",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.GiveCode(c.Context(), query.CodeOrder{Code: args[0]})
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(v)
			}
			_, err = fmt.Fprintf(a.stdout, a.say("已确认,有效至 %s;十五分钟不用即失效\n", "taken, until %s; 15 minutes without a request end it\n"), v.Until.Local().Format("15:04"))
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) totpListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "list",
		Short:   a.say("本人是否已启用动态口令;市数据主管部门与审计人员可见全部", "whether you have one-time codes; the city authority and auditors see all"),
		Example: "  zonebox totp list --as zhao.city",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.SecondFactors(c.Context())
			if err != nil {
				return err
			}
			return a.printSecondFactors(all, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) totpRemoveCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "remove PERSON",
		Short:   a.say("解除他人遗失的动态口令:市数据主管部门", "end another's one-time codes, which were lost: the city authority"),
		Example: "  zonebox totp remove sun.health --as zhao.city",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.EndSecondFactor(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.printSecondFactors([]query.SecondFactorView{*v}, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printSecondFactors(all []query.SecondFactorView, output string) error {
	if output == "json" {
		return a.printJSON(all)
	}
	t := newTable(a.say("人员", "person"), a.say("状态", "state"), a.say("登记", "since"))
	for _, v := range all {
		state := a.say("待启用", "no code given yet")
		if v.Active {
			state = a.say("已启用", "active")
		}
		t.AppendRow([]any{v.Person, state, v.Since.Local().Format(time.DateOnly)})
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}
