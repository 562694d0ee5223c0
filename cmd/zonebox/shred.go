package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zonebox/query"
	"zonebox/registry"
)

func (a *app) shredCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "shred",
		Short: a.say("不可恢复地销毁列、版本、数据集、专区或运营单位工作区", "destroy a column, version, dataset, zone or operator workspace for good"),
		Long: a.say(`销毁以密钥为准:其余数据的密钥改由新版本加密,旧版本在密钥保管方销毁,旧备份亦不可读。
一人申请,另一人(市数据主管部门或专区监管部门)确认,两人均须有 destroy 权限;确认后即执行到底,中断则下次启动时完成。`,
			`Destruction is of keys: the keys of what is left are wrapped by a new version, the
earlier one is destroyed at its keeper, and older backups open it no more. One
person orders, another, of the city authority or the zone's regulator, confirms;
both need the permission destroy. What is confirmed is carried out to its end, at
the next start if it is interrupted.`),
		Example: `  zonebox shred column --zone medical --dataset visits --column department --reason "协议第九条" --as wu.dc
  zonebox shred confirm shred-20261123-… --out cert.json --page cert.html --as sun.health
  zonebox shred verify cert.json`,
	}
	for _, k := range []struct{ kind, zh, en string }{
		{registry.ShredColumn, "申请销毁一列", "order the destruction of a column"},
		{registry.ShredVersion, "申请销毁一个数据版本", "order the destruction of a data version"},
		{registry.ShredDataset, "申请销毁一个数据集的全部版本", "order the destruction of every version of a dataset"},
		{registry.ShredZone, "申请销毁一个专区的全部数据与密钥", "order the destruction of everything of a zone"},
		{registry.ShredWorkspace, "申请销毁一个运营单位的语句、留存结果与成品", "order the destruction of the statements and results of an operator"},
	} {
		c.AddCommand(a.shredOrderCmd(k.kind, a.say(k.zh, k.en)))
	}
	c.AddCommand(a.shredConfirmCmd(), a.shredListCmd(), a.shredVerifyCmd())
	return c
}

func (a *app) shredOrderCmd(kind, short string) *cobra.Command {
	o := query.ShredOrder{Kind: kind}
	c := &cobra.Command{
		Use: kind, Short: short, Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.OrderShred(c.Context(), o)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, v.ID)
			fmt.Fprintf(a.stderr, a.say("已申请,尚未销毁任何数据;由另一人在七日内确认: zonebox shred confirm %s\n",
				"ordered, nothing is destroyed yet; another person confirms it within seven days: zonebox shred confirm %s\n"), v.ID)
			return nil
		},
	}
	f := c.Flags()
	if kind == registry.ShredWorkspace {
		f.StringVar(&o.Organization, "organization", "", a.say("运营单位", "operator"))
	} else {
		f.StringVar(&o.Zone, "zone", "", a.say("专区", "zone"))
	}
	if kind == registry.ShredColumn || kind == registry.ShredVersion || kind == registry.ShredDataset {
		f.StringVar(&o.Dataset, "dataset", "", a.say("数据集", "dataset"))
	}
	if kind == registry.ShredVersion {
		f.StringVar(&o.Version, "version", "", a.say("数据版本", "data version"))
	}
	if kind == registry.ShredColumn {
		f.StringVar(&o.Column, "column", "", a.say("列", "column"))
	}
	f.StringVar(&o.Reason, "reason", "", a.say("理由与依据", "reason and basis"))
	return c
}

func (a *app) shredConfirmCmd() *cobra.Command {
	var out, page string
	c := &cobra.Command{
		Use:   "confirm ID",
		Short: a.say("确认他人的申请并销毁,取得销毁证明", "confirm another person's order, destroy, and get the certificate"),
		Long:  a.say("确认后不可撤回。已完成的可重复执行以再次取得证明。", "It cannot be taken back. Repeating it gives the certificate again."),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.ConfirmShred(c.Context(), args[0])
			if err != nil {
				return err
			}
			if v.Certificate == nil {
				return errors.New(a.say("销毁未完成,请重复执行", "the destruction is not complete; repeat the command"))
			}
			if err := a.writeCertificate(v.Certificate, out, page); err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, a.say("已销毁,审计日志第 %d 条\n", "destroyed, entry %d of the audit log\n"), v.Certificate.Log.Done)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", a.say("销毁证明 (JSON),缺省为标准输出", "certificate (JSON), standard output by default"))
	c.Flags().StringVar(&page, "page", "", a.say("供阅读的证明页 (HTML)", "page to read (HTML)"))
	return c
}

func (a *app) writeCertificate(cert *query.Certificate, out, page string) error {
	if page != "" {
		var b strings.Builder
		if err := cert.Page(&b); err != nil {
			return err
		}
		if err := os.WriteFile(page, []byte(b.String()), 0o600); err != nil {
			return err
		}
	}
	if out == "" {
		return a.printJSON(cert)
	}
	text, err := query.EncodeCertificate(cert)
	if err != nil {
		return err
	}
	return os.WriteFile(out, text, 0o600)
}

func (a *app) shredListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "list", Short: a.say("列出销毁申请及其进度", "list orders and how far each has come"), Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Shreds(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all)
			}
			t := newTable(a.say("编号", "id"), a.say("对象", "what"), a.say("状态", "state"), a.say("申请", "ordered by"), a.say("确认", "confirmed by"), a.say("日期", "date"))
			for _, v := range all {
				what := []string{v.Kind}
				for _, part := range []string{v.Zone, v.Dataset, v.Version, v.Column, v.Organization} {
					if part != "" {
						what = append(what, printable(part))
					}
				}
				t.AppendRow([]any{v.ID, strings.Join(what, " "), a.called(shredTitles, v.State), v.OrderedBy, v.ConfirmedBy, v.OrderedAt.Format(time.DateOnly)})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// shredTitles are what people call the states of an order.
var shredTitles = map[string][2]string{
	registry.ShredOrdered: {"待确认", "ordered"}, registry.ShredConfirmed: {"执行中", "confirmed"},
	registry.ShredSwitched: {"密钥待销毁", "keys pending"}, registry.ShredDone: {"已销毁", "done"},
}

func (a *app) shredVerifyCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "verify CERTIFICATE",
		Short: a.say("离线核验销毁证明", "verify a certificate without a gate"),
		Long: a.say("以 --domain 目录中 domain.json 的公钥核验;不联系网关。证明文件被改动、或不是本域签发的,退出码非零。",
			"Verifies by the public key in domain.json of the folder --domain; no gate is asked. Exits non-zero for a certificate that was altered or is another domain's."),
		Args: nArgs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			domain, err := query.ReadDomain(a.domain)
			if err != nil {
				return err
			}
			cert, err := query.VerifyCertificate(file, domain)
			if err != nil {
				return errors.New(a.say("不是本域签发的证明,或已被改动: "+filepath.Base(args[0]), "altered, or not a certificate of this domain: "+filepath.Base(args[0])))
			}
			_, err = fmt.Fprintf(a.stdout, a.say("有效: %s,%s 申请,%s 确认,%s 完成,密钥 %s 版本 %v,审计日志第 %d 条\n",
				"valid: %s, ordered by %s, confirmed by %s, done %s, key %s versions %v, entry %d of the audit log\n"),
				cert.ID, cert.OrderedBy, cert.ConfirmedBy, cert.DoneAt.Format(time.DateTime), cert.Keys.Space, cert.Keys.Versions, cert.Log.Done)
			return err
		},
	}
	return c
}
