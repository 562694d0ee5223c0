package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/policy"
	"zonebox/query"
	"zonebox/registry"
)

func (a *app) policyCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "policy",
		Short: a.say("策略包:制作、签署、发布、确认、回退专家规则与城市政策包", "bundles of expert rules and city packs: build, sign, publish, confirm, roll back"),
		Long: a.say(`专家规则以 Rego 写成 (package zonebox.expert.NAME),只能收紧:增加拒绝 (deny)、复核 (demand) 与更严的数值 (limit)。
一人签署并发布,另一单位、另一角色的人员确认(市数据主管部门与专区监管部门各一人);确认前全部编译,失败则现行规则不变。`,
			`Expert rules are Rego (package zonebox.expert.NAME) and can only tighten: they add
denials (deny), reviews (demand) and stricter figures (limit). One person signs and
publishes, another of another organization and role confirms: one of the city
authority, one a zone regulator. All is compiled first; if that fails, the rules in
force stay.`),
		Example: `  zonebox policy build rules --revision 7 --out rules.tar.gz
  zonebox policy sign rules.tar.gz --as zhao.city --out signed.tar.gz
  zonebox policy publish signed.tar.gz --as zhao.city --from 2026-12-01
  zonebox policy confirm policy-06h0… --as sun.health`,
	}
	c.AddCommand(a.policyBuildCmd(), a.policySignCmd(), a.policyVerifyCmd(), a.policyPublishCmd(), a.policyConfirmCmd(), a.policyRollbackCmd(), a.policyShowCmd())
	return c
}

func (a *app) policyBuildCmd() *cobra.Command {
	var out string
	var revision int64
	c := &cobra.Command{
		Use:   "build DIR --revision N --out FILE",
		Short: a.say("由目录制作未签署的策略包,先行编译", "make an unsigned bundle of a folder, compiled first"),
		Long: a.say("目录内只有 expert/NAME.rego 与 packs/ID/data.json。版本号须大于以往已确认的版本号。",
			"The folder holds expert/NAME.rego and packs/ID/data.json alone. The revision must be above every one confirmed before."),
		Args: nArgs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			raw, err := policy.Build(os.DirFS(args[0]), revision)
			if err != nil {
				return usageError{err}
			}
			return os.WriteFile(out, raw, 0o600)
		},
	}
	c.Flags().Int64Var(&revision, "revision", 0, a.say("版本号", "revision"))
	a.outFlag(c, &out)
	return c
}

func (a *app) outFlag(c *cobra.Command, out *string) {
	c.Flags().StringVar(out, "out", "", a.say("写入的文件", "file to write"))
	if err := c.MarkFlagRequired("out"); err != nil {
		panic("zonebox: " + err.Error())
	}
}

func (a *app) policySignCmd() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "sign BUNDLE --out FILE",
		Short: a.say("以 --as 人员的密钥签署策略包,密钥编号即其姓名标识", "sign a bundle with the key of --as, whose name is the key id"),
		Args:  nArgs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := a.userKey()
			if err != nil {
				return err
			}
			raw, err := readFile(args[0], a.stdin)
			if err != nil {
				return err
			}
			if raw, err = policy.Sign(raw, a.user, key.Private()); err != nil {
				return usageError{err}
			}
			return os.WriteFile(out, raw, 0o600)
		},
	}
	a.outFlag(c, &out)
	return c
}

func (a *app) policyVerifyCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "verify BUNDLE",
		Short: a.say("校验策略包:签署人在登记库中的公钥、摘要、格式与编译", "check a bundle: the key that its signer has in the registry, digests, form, and that it compiles"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := readFile(args[0], a.stdin)
			if err != nil {
				return err
			}
			b, err := a.verifiedBundle(c, raw)
			if err != nil {
				return usageError{err}
			}
			fmt.Fprintf(a.stdout, a.say("有效: 版本 %d, %s 签署, 专家规则 %s, 政策包 %s, sha256:%s\n", "valid: revision %d, signed by %s, expert rules %s, packs %s, sha256:%s\n"),
				b.Revision, b.Signer, listed(b.Modules), listed(b.Packs), b.Digest)
			return nil
		},
	}
}

func (a *app) verifiedBundle(c *cobra.Command, raw []byte) (*policy.Bundle, error) {
	signer, err := policy.SignerOf(raw)
	if err != nil {
		return nil, err
	}
	client, err := a.client()
	if err != nil {
		return nil, err
	}
	key, err := signingKey(c, client, signer)
	if err != nil {
		return nil, err
	}
	return policy.Read(raw, map[string]ed25519.PublicKey{signer: key})
}

// signingKey returns the public key of a person as the registry has it.
func signingKey(c *cobra.Command, client *api.Client, name string) (ed25519.PublicKey, error) {
	docs, err := client.Documents(c.Context(), registry.KindPerson, name)
	if err != nil {
		return nil, err
	}
	var doc registry.Document
	if len(docs) != 1 || json.Unmarshal(docs[0].Document, &doc) != nil {
		return nil, policy.ErrBundle
	}
	p, err := registry.SpecOf[registry.Person](doc)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(p.SigningKey)
}

func (a *app) policyPublishCmd() *cobra.Command {
	var from string
	c := &cobra.Command{
		Use:   "publish BUNDLE",
		Short: a.say("发布本人签署的策略包,待另一人确认后生效", "publish a bundle that you signed; it waits for another person to confirm it"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			raw, err := readFile(args[0], a.stdin)
			if err != nil {
				return err
			}
			o := query.PolicyOrder{Archive: raw}
			if from != "" {
				if o.From, err = instantOf(from); err != nil {
					return usageError{err}
				}
			}
			return a.orderPolicy(c, o)
		},
	}
	c.Flags().StringVar(&from, "from", "", a.say("生效日 (2026-12-01) 或时刻 (RFC 3339),缺省为确认之时", "day (2026-12-01) or time (RFC 3339) from which it is in force; when it is confirmed by default"))
	return c
}

// instantOf reads a day, of which it means the first moment in China, or a time.
func instantOf(text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, time.FixedZone("", 8*3600))
	if err != nil {
		return at, fmt.Errorf("%q: 2026-12-01 / 2026-12-01T08:00:00+08:00", text)
	}
	return at, nil
}

func (a *app) orderPolicy(c *cobra.Command, o query.PolicyOrder) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	v, err := client.OrderPolicy(c.Context(), o)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, v.ID)
	fmt.Fprintf(a.stderr, a.say("已提出,现行规则未变;由另一单位、另一角色的人员在七日内确认: zonebox policy confirm %s\n",
		"ordered, the rules in force are as they were; a person of another organization and role confirms it within seven days: zonebox policy confirm %s\n"), v.ID)
	return nil
}

func (a *app) policyConfirmCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "confirm ID",
		Short: a.say("确认他人发布或回退的策略包", "confirm what another person published or rolled back"),
		Long: a.say("确认即生效(或在所定时刻生效):执行中的语句终止,在旧规则下给出的审批作废。",
			"It comes into force at once, or at its time: statements under way end, and approvals given under the earlier rules are void."),
		Args: nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.ConfirmPolicy(c.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, a.say("已确认: 版本 %d 自 %s 起生效\n", "confirmed: revision %d is in force from %s\n"), v.Revision, v.From.In(time.FixedZone("", 8*3600)).Format(time.RFC3339))
			return nil
		},
	}
}

func (a *app) policyRollbackCmd() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "rollback --reason TEXT",
		Short: a.say("提出回退到上一个策略包,待另一人确认", "order the return to the bundle before; another person confirms it"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.orderPolicy(c, query.PolicyOrder{Return: true, Reason: reason})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", a.say("理由与依据", "reason and basis"))
	return c
}

func (a *app) policyShowCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "show",
		Short: a.say("现行规则的摘要与版本,以及历次发布", "the digest and revision of the rules in force, and what was published"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			v, err := client.Policy(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(v)
			}
			fmt.Fprintf(a.stdout, a.say("现行版本 %d, sha256:%s\n", "revision %d in force, sha256:%s\n"), v.Revision, v.Hash)
			if len(v.Orders) == 0 {
				return nil
			}
			t := newTable(a.say("编号", "id"), a.say("版本", "revision"), a.say("状态", "state"), a.say("专家规则", "expert rules"), a.say("政策包", "packs"),
				a.say("发布", "published by"), a.say("确认", "confirmed by"), a.say("生效", "from"))
			for _, o := range v.Orders {
				revision, from := fmt.Sprint(o.Revision), ""
				if o.Return {
					revision = a.say("回退至 ", "back to ") + revision
				}
				if o.ConfirmedAt != nil {
					from = o.From.In(time.FixedZone("", 8*3600)).Format("2006-01-02 15:04")
				}
				t.AppendRow([]any{o.ID, revision, a.orderState(o.State), listed(o.Modules), listed(o.Packs), o.By, o.ConfirmedBy, from})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func listed(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ", ")
}

func (a *app) orderState(s string) string {
	switch s {
	case "ORDERED":
		return a.say("待确认", "ordered")
	case "LAPSED":
		return a.say("逾期未确认", "lapsed")
	case "SCHEDULED":
		return a.say("待生效", "scheduled")
	case "IN_FORCE":
		return a.say("现行", "in force")
	}
	return a.say("已过去", "past")
}
