package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/keys"
	"zonebox/query"
)

func (a *app) keysCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: a.say("密钥清单、轮换与销毁", "inventory, rotation and destruction of keys"),
	}
	c.AddCommand(a.keysListCmd(), a.keysRotateCmd(), a.keysRewrapCmd(), a.keysDestroyCmd())
	return c
}

func (a *app) keysListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "list",
		Short: a.say("列出全部密钥:用途、算法、版本、年龄、保管处、认证情况(供密评)", "list every key: purpose, algorithm, version, age, keeper, certification"),
		Long: a.say(`列出网关的全部密钥,供商用密码应用安全性评估(密评)。不含任何密钥内容。
各数据集每列的数据密钥 (AES-256-GCM) 由专区密钥加密,存于域目录,不逐一列出。`,
			`Lists every key of the gate, for an assessment of cryptography. It holds no key.
The data key of each column of a dataset (AES-256-GCM) is wrapped by the zone's
key and lies in the domain folder; these are not listed one by one.`),
		Example: "  zonebox keys list --as wu.dc --domain /srv/nanjing\n  zonebox keys list --as feng.audit -o json",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			r, err := client.Keys(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(r)
			}
			return a.printKeys(r)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printKeys(r *query.KeyReport) error {
	t := newTable(a.say("用途", "purpose"), a.say("专区", "zone"), a.say("版本", "version"), a.say("状态", "state"), a.say("算法", "algorithm"),
		a.say("生成日期", "created"), a.say("天数", "days"), a.say("保管", "kept by"), a.say("运算模块", "module"), a.say("商密认证", "certified"))
	t.SetColumnConfigs([]table.ColumnConfig{
		{Number: 3, Align: text.AlignRight, AlignHeader: text.AlignRight}, {Number: 7, Align: text.AlignRight, AlignHeader: text.AlignRight},
	})
	for _, k := range r.Keys {
		purpose, zone := a.called(keyTitles, k.Purpose), "-"
		if k.Count > 1 {
			purpose += fmt.Sprintf(" ×%d", k.Count)
		}
		if k.Zone != "" {
			zone = printable(k.Zone)
		}
		t.AppendRow([]any{purpose, zone, k.Version, a.called(keyTitles, k.State), k.Algorithm, k.Created.Format(time.DateOnly), k.Days,
			a.keeper(k.KeptBy, k.WrappedBy), k.Module, a.certificate(k.Certificate)})
	}
	_, err := fmt.Fprintf(a.stdout, a.say("%s\n保管方: %s,%s,%s,商密认证: %s\n", "%s\nprovider: %s, %s, %s, certified: %s\n"), t.Render(),
		a.keeper(r.Provider.Kind, ""), printable(r.Provider.Place), r.Provider.Algorithm, a.certificate(r.Provider.Certificate))
	return err
}

// keyTitles are what people call the purposes and states of keys and who keeps them.
var keyTitles = map[string][2]string{
	keys.PurposeRoot: {"根密钥", "root"}, keys.PurposeRegistry: {"登记内容加密", "registry contents"},
	keys.PurposeReleaseTokens: {"出域令牌派生", "tokens that leave"}, keys.PurposeReleaseSign: {"结果与清单签名", "signature of results"},
	keys.PurposeAuditSign: {"审计日志签名", "signature of the audit log"}, keys.PurposeZoneData: {"专区数据密钥加密", "data keys of the zone"},
	keys.PurposeZoneTokens: {"专区令牌派生", "tokens of the zone"}, keys.PurposeHold: {"待放行结果加密", "held results"},
	keys.PurposeWorkspace: {"单位工作区加密", "workspace of an organization"}, keys.PurposeBackup: {"备份加密", "backups"},
	keys.PurposeLedger: {"放行历史加密", "history of releases"},

	keys.StateCurrent: {"现行", "current"}, keys.StateEarlier: {"旧版可读", "earlier, opens"},
	keys.StateDestroyed: {"已销毁", "destroyed"}, keys.StateUnfinished: {"销毁未完成", "destruction unfinished"},
	keys.StateBlocked: {"已冻结,须重新审核", "blocked, reviewed anew"},

	keys.KindPassphrase: {"口令密钥目录", "passphrase folder"}, keys.KindVault: {"Vault", "Vault"}, keys.KindDevice: {"密码设备", "device"},
}

// keeper says what keeps a key, and whether by way of the root.
func (a *app) keeper(kind, wrappedBy string) string {
	out := a.called(keyTitles, kind)
	if wrappedBy == keys.PurposeRoot {
		out += a.say("(经根密钥)", " (by the root)")
	}
	return out
}

// certificate prints the number of a product certificate, or that there is none.
func (a *app) certificate(number string) string {
	if number == "" {
		return a.say("未认证", "no")
	}
	return printable(number)
}

func (a *app) keysRotateCmd() *cobra.Command {
	var o query.KeyOrder
	c := &cobra.Command{
		Use:   "rotate zone-data|zone-tokens|release-sign [--zone ZONE]",
		Short: a.say("生成密钥新版本,旧版本仍可读、可验", "make a new version of a key; what earlier ones made stays readable"),
		Long: a.say(`zone-data:新装载的数据由新版本加密,以前的数据仍可读,令牌不变。
zone-tokens:同上,且专区内全部令牌改变,与以前的令牌不可关联。
release-sign: 新的结果签名密钥,由原密钥签署接续,原签名仍可验证。
审计签名密钥不能轮换。`,
			`zone-data: data loaded from now on are wrapped by the new version; earlier data
stay readable, tokens stay as they are.
zone-tokens: the same, and every token of the zone changes: those of before and
after cannot be linked.
release-sign: a new key signs results; the earlier one signs that it follows, and
what it signed still verifies. The key of the audit log cannot be rotated.`),
		Example: "  zonebox keys rotate zone-data --zone medical --as wu.dc",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Purpose = args[0]
			client, err := a.orderer(o)
			if err != nil {
				return err
			}
			done, err := client.RotateKey(c.Context(), o)
			if err != nil {
				return err
			}
			if o.Purpose == keys.PurposeReleaseSign {
				fmt.Fprintf(a.stderr, a.say("结果签名密钥现为版本 %d\n", "the key that signs results is at version %d\n"), done.Version)
				return nil
			}
			fmt.Fprintf(a.stderr, a.say("专区 %s 的密钥现为版本 %d\n", "the key of zone %s is at version %d\n"), done.Zone, done.Version)
			if done.Purpose == keys.PurposeZoneTokens {
				fmt.Fprint(a.stderr, a.say("令牌已全部改变,与以前的不可关联\n", "every token changed; they cannot be linked to those of before\n"))
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.Zone, "zone", "", a.say("专区", "zone"))
	return c
}

func (a *app) keysRewrapCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "rewrap ZONE",
		Short: a.say("以现行版本重新加密专区的数据密钥,不重写数据", "wrap the data keys of a zone by the newest version; no row is rewritten"),
		Long: a.say("轮换之后执行,旧版本即可销毁。所需时间取决于列数与版本数,与数据量无关;中断则一切如前。",
			"After a rotation, so that the earlier version can be destroyed. It takes as long as there are columns and versions, however many rows; interrupted, it changed nothing."),
		Example: "  zonebox keys rotate zone-data --zone medical --as wu.dc\n  zonebox keys rewrap medical --as wu.dc\n  zonebox keys destroy --zone medical --version 1 --confirm medical --as wu.dc",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			r, err := client.Rewrap(c.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, a.say("专区 %s:%d 个数据版本的 %d 个数据密钥已由版本 %d 加密\n", "zone %s: of %d data versions %d data keys are wrapped by version %d\n"), r.Zone, r.Versions, r.Keys, r.Key)
			return nil
		},
	}
	return c
}

func (a *app) keysDestroyCmd() *cobra.Command {
	o := query.KeyOrder{Purpose: keys.PurposeZoneData}
	var confirm string
	c := &cobra.Command{
		Use:   "destroy --zone ZONE [--version N] --confirm ZONE",
		Short: a.say("销毁专区的全部密钥或一个旧版本,不可恢复", "destroy the keys of a zone, or an earlier version, for good"),
		Long: a.say(`不带 --version:销毁专区全部密钥,其数据永不可读。专区须已暂停、协议均已终止,
并由市数据主管部门或专区监管部门中非暂停者本人执行。
带 --version:销毁旧版本,须没有现行数据由其加密。
口令密钥目录的旧副本仍含被销毁的密钥;由 Vault 保管时旧副本亦不可读。`,
			`Without --version: every key of the zone, whose data can never be read again. The
zone must be suspended and each of its licenses terminated, and whoever gives the
order is of the city authority or the zone's regulator and not the one who
suspended it.
With --version: an earlier version, which no current data are wrapped by.
An older copy of a passphrase folder still holds what was destroyed; with Vault it
does not open.`),
		Example: "  zonebox keys destroy --zone medical --version 1 --confirm medical --as wu.dc",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.orderer(o)
			if err != nil {
				return err
			}
			if confirm != o.Zone {
				return usageError{errors.New(a.say("--confirm 须重复专区名称", "--confirm must repeat the zone's name"))}
			}
			if c.Flags().Changed("version") && o.Version < 1 {
				return usageError{errors.New(a.say("--version 从 1 起", "--version begins at 1"))}
			}
			done, err := client.DestroyKey(c.Context(), o)
			if err != nil {
				return err
			}
			what := a.say("全部密钥", "every key")
			if done.Version > 0 {
				what = fmt.Sprintf(a.say("密钥版本 %d", "key version %d"), done.Version)
			}
			fmt.Fprintf(a.stderr, a.say("已销毁专区 %s 的%s\n", "destroyed of zone %s: %s\n"), done.Zone, what)
			return nil
		},
	}
	c.Flags().StringVar(&o.Zone, "zone", "", a.say("专区", "zone"))
	c.Flags().IntVar(&o.Version, "version", 0, a.say("只销毁该旧版本", "this earlier version only"))
	c.Flags().StringVar(&confirm, "confirm", "", a.say("重复专区名称以确认", "the zone's name again"))
	return c
}

// orderer returns the client for an order, which must name a zone unless the key
// is of none.
func (a *app) orderer(o query.KeyOrder) (*api.Client, error) {
	if o.Zone == "" && o.Purpose != keys.PurposeReleaseSign {
		return nil, usageError{errors.New(a.say("缺少 --zone", "--zone is missing"))}
	}
	return a.client()
}
