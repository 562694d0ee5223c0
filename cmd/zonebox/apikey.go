package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zonebox/query"
)

func (a *app) apiKeyCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: a.say("API 密钥:供程序以您的名义读取、提问或交付", "API keys, by which programs read, ask or deliver in your name"),
	}
	c.AddCommand(a.apiKeyIssueCmd(), a.apiKeyListCmd(), a.apiKeyRevokeCmd())
	return c
}

func (a *app) apiKeyIssueCmd() *cobra.Command {
	var o query.APIKeyOrder
	var output string
	c := &cobra.Command{
		Use:   "issue PURPOSE --scope read|ask|load",
		Short: a.say("签发 API 密钥,其内容只显示这一次", "issue an API key; its text is shown this once"),
		Long: a.say(`签发本人的 API 密钥。范围: read 读取您可见的内容(不含数据行与待审事项),ask 提问,load 交付。
审批、签署、提交文书、密钥与销毁等约束本人的操作,任何 API 密钥都不能办理,须以本人签名密钥签名。
程序以 "Authorization: Bearer 密钥" 请求头出示,仅经套接字或 HTTPS。限定网段的密钥不能经套接字使用。
本人被停用、更换签名密钥,或协议终止致账号失效时,其密钥一并吊销。`,
			`Issues an API key of your own. Its scopes: read sees what you see, but for rows and
reviews; ask asks; load delivers. What binds you, as approvals, signatures, documents,
keys and destruction, no API key does: that takes your signing key. Programs show a key in
the header "Authorization: Bearer KEY", over the socket or HTTPS alone; one that is bound
to networks does not pass on the socket. Your keys are revoked when your account ends, by
an agreement that ended or otherwise, and when you get another signing key.`),
		Example: "  zonebox key issue 监测平台 --scope read --as li.op\n  zonebox key issue connector --scope load --network 10.1.0.0/16 --days 90 --as wu.dc",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			o.Purpose = args[0]
			v, err := client.IssueAPIKey(c.Context(), o)
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(v)
			}
			fmt.Fprintf(a.stderr, a.say("密钥 %s 有效至 %s;以下内容不再显示,请妥善保存:\n", "key %s is valid until %s; this is not shown again, keep it safe:\n"), v.ID, v.Expires.Format(time.DateOnly))
			_, err = fmt.Fprintln(a.stdout, v.Token)
			return err
		},
	}
	c.Flags().StringSliceVar(&o.Scopes, "scope", []string{query.ScopeRead}, a.say("范围,可重复: read、ask、load", "what it is for, repeatable: read, ask, load"))
	c.Flags().StringSliceVar(&o.Networks, "network", nil, a.say("仅可由此网段 (CIDR) 使用,可重复", "only from this network (CIDR), repeatable"))
	c.Flags().IntVar(&o.Days, "days", 30, a.say("有效天数,至多 90", "days it is valid, at most 90"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) apiKeyListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "list",
		Short:   a.say("您的 API 密钥;市数据主管部门与审计人员可见全部", "your API keys; the city authority and auditors see all"),
		Example: "  zonebox key list --as li.op",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.APIKeys(c.Context())
			if err != nil {
				return err
			}
			return a.printAPIKeys(all, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) apiKeyRevokeCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "revoke ID",
		Short:   a.say("吊销 API 密钥:本人,或市数据主管部门", "revoke an API key: your own, or anybody's as the city authority"),
		Example: "  zonebox key revoke 3x5kq7m2wz4a --as li.op",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.RevokeAPIKey(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.printAPIKeys([]query.APIKeyView{*v}, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printAPIKeys(all []query.APIKeyView, output string) error {
	if output == "json" {
		return a.printJSON(all)
	}
	t := newTable(a.say("密钥", "key"), a.say("人员", "person"), a.say("用途", "purpose"), a.say("范围", "scopes"), a.say("网段", "networks"), a.say("有效至", "until"))
	for _, v := range all {
		until := v.Expires.Format(time.DateOnly)
		if v.Expired {
			until += a.say(" 已过期", " expired")
		}
		t.AppendRow([]any{v.ID, v.Person, printable(v.Purpose), strings.Join(v.Scopes, " "), strings.Join(v.Networks, " "), until})
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}
