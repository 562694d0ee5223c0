package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/query"
	"zonebox/registry"
)

func (a *app) requestCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "request",
		Short: a.say("数据申请:提交、评估、审核、争议、撤销", "data requests: submit, assess, review, dispute, revoke"),
		Long: a.say(`数据申请先由专区监管部门评估,再由数据提供单位审核;两步须由不同单位的不同人员
作出。最后一家提供单位同意时授权即时生效。逾期只预警,从不默示同意。

move 的动作:
  submit   运营单位签署真实、合规、安全三项承诺并提交(须加 --commit)
  assess   专区监管部门评估通过,签署授权
  approve  数据提供单位同意,签署授权
  return   退回补正;reject 不同意(须写 --basis-kind LAW、REGULATION 或 RULE)
  dispute  提请市数据主管部门协调;其间冻结
  uphold   市数据主管部门维持不同意;resume 交回重新评估
  revoke   撤销已生效的授权
`, `The zone's regulator assesses a request, then the provider of the data reviews it: other
people of other organizations. With the last provider's approval the grant is in force.
A term that passes raises an alert, and never counts as approval.

Moves:
  submit   the operator makes and signs the three commitments (with --commit)
  assess   the zone's regulator agrees and signs the grant
  approve  the provider agrees and signs the grant
  return   to be mended; reject refuses (with --basis-kind LAW, REGULATION or RULE)
  dispute  bring it before the city authority, frozen until it decides
  uphold   the city authority lets a refusal stand; resume has it assessed anew
  revoke   take a grant out of force
`),
		Example: "  zonebox request list --as sun.health\n  zonebox request move --as sun.health outpatient-statistics-1a2b3c assess",
	}
	c.AddCommand(a.requestListCmd(), a.requestShowCmd(), a.requestMoveCmd(), a.requestReplyCmd())
	return c
}

// The names of the states of a data request and of its moves, as people call them.
var (
	requestStates = map[string][2]string{
		"DRAFT": {"草案", "draft"}, "SUBMITTED": {"已提交", "submitted"}, "ZREG_ASSESSING": {"监管评估中", "being assessed"},
		"PROV_REVIEWING": {"提供单位审核中", "under review"}, "APPROVED": {"已授权", "granted"}, "SHARED": {"已共享", "delivered"}, "LOADED": {"已装载", "loaded"},
		"RETURNED": {"已退回", "returned"}, "REJECTED": {"不同意", "refused"}, "DISPUTED": {"争议协调中", "disputed"}, "REVOKED": {"已撤销", "revoked"}, "LAPSED": {"已失效", "lapsed"},
	}
	requestMoveTitles = map[string][2]string{
		"submit": {"提交", "submit"}, "accept": {"受理", "accept"}, "assess": {"评估通过", "assess"}, "agree": {"同意", "agree"}, "approve": {"同意并授权", "approve"},
		"return": {"退回", "return"}, "reject": {"不同意", "reject"}, "dispute": {"提请协调", "dispute"}, "uphold": {"维持不同意", "uphold"}, "resume": {"交回重新评估", "resume"},
		"share": {"共享", "share"}, "load": {"装载", "load"}, "revoke": {"撤销", "revoke"}, "lapse": {"失效", "lapse"},
	}
)

func (a *app) requestListCmd() *cobra.Command {
	var output string
	var mine bool
	c := &cobra.Command{
		Use:   "list",
		Short: a.say("列出与您有关的数据申请及下一步", "list the data requests that concern you, each with its next step"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.DataRequests(c.Context())
			if err != nil {
				return err
			}
			if mine {
				all = slices.DeleteFunc(all, func(r query.RequestView) bool { return !r.Next.Yours })
			}
			if output == "json" {
				return a.printJSON(all)
			}
			t := newTable(a.say("申请", "request"), a.say("场景", "scenario"), a.say("数据集", "datasets"), a.say("状态", "state"), a.say("提交", "filed"), a.say("下一步", "next step"))
			for _, r := range all {
				filed := "-"
				if r.FiledAt != nil {
					filed = r.FiledAt.Local().Format("2006-01-02")
				}
				t.AppendRow([]any{r.Name, r.Scenario, strings.Join(r.Datasets, ", "), a.called(requestStates, r.State), filed, a.nextStep(r.Next)})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	c.Flags().BoolVar(&mine, "mine", false, a.say("只列待您办理的", "only those that wait for you"))
	return c
}

// nextStep says who does what next, and whether it is the user.
func (a *app) nextStep(s query.RequestStep) string {
	text := a.say(s.ZH, s.EN)
	if s.Yours {
		text += a.say("(待您办理)", " (yours)")
	}
	return text
}

func (a *app) requestShowCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "show NAME",
		Short: a.say("显示一件数据申请:所申请的列、授权、办理经过与下一步", "show a data request: the columns, the grants, its course and the next step"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			d, err := client.DataRequest(c.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(d)
			}
			return a.printRequest(d)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printRequest(d *query.RequestDetail) error {
	var doc registry.Document
	if err := json.Unmarshal(d.Document, &doc); err != nil {
		return fmt.Errorf("zonebox: read request: %w", err)
	}
	spec, err := registry.SpecOf[registry.DataRequest](doc)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s  %s  %s  %s  %s–%s\n%s: %s\n", d.Name, a.called(requestStates, d.State), d.Scenario, d.Operator, d.From, d.Until,
		a.say("下一步", "next step"), a.nextStep(d.Next))
	t := newTable(a.say("数据集", "dataset"), a.say("列", "column"), a.say("方式", "mode"), a.say("许可", "permissions"))
	for _, r := range spec.Datasets {
		for _, col := range r.Columns {
			t.AppendRow([]any{r.Dataset, col.Name, col.Mode, strings.Join(col.Permissions, " ")})
		}
	}
	fmt.Fprintln(a.stdout, t.Render())
	for _, g := range d.Grants {
		var by []string
		for _, s := range g.Signatures {
			by = append(by, s.By)
		}
		fmt.Fprintf(a.stdout, "%s %s  %s: %s\n", a.say("授权", "grant"), g.Name, a.say("签署", "signed by"), dash(len(by) > 0, strings.Join(by, ", ")))
	}
	for _, h := range d.History {
		fmt.Fprintf(a.stdout, "  %s  %s: %s → %s  %s %s %s\n", h.At.Local().Format("2006-01-02 15:04:05"), a.called(requestMoveTitles, h.Move),
			a.called(requestStates, h.From), a.called(requestStates, h.To), h.By, h.BasisKind, printable(h.Basis))
	}
	return nil
}

func (a *app) requestMoveCmd() *cobra.Command {
	var basis, kind string
	var commit bool
	c := &cobra.Command{
		Use:   "move NAME MOVE",
		Short: a.say("办理一件数据申请;所需签名自动作出", "make a move of a data request; what is to be signed is signed"),
		Example: "  zonebox request move --as li.op outpatient-statistics-1a2b3c submit --commit\n  zonebox request move --as zheng.police outpatient-statistics-1a2b3c approve\n" +
			"  zonebox request move --as zheng.police outpatient-statistics-1a2b3c reject --basis-kind LAW --basis 《个人信息保护法》第二十九条",
		Args: nArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			name, move := args[0], args[1]
			if move == "submit" {
				if !commit {
					return usageError{errors.New(a.say("提交即承诺申请真实、合规、安全;确认请加 --commit",
						"who submits commits the organization to a truthful, compliant and secure request; confirm with --commit"))}
				}
				return a.fileRequest(c.Context(), client, name)
			}
			o := query.RequestOrder{Move: move, Basis: basis, BasisKind: kind}
			if move == "assess" || move == "approve" {
				if o.Grants, err = a.signedGrants(c.Context(), client, name); err != nil {
					return err
				}
			}
			d, err := client.MoveRequest(c.Context(), name, o)
			if err != nil {
				return err
			}
			a.requestMoved(d)
			return nil
		},
	}
	c.Flags().StringVar(&basis, "basis", "", a.say("依据或意见", "basis or opinion"))
	c.Flags().StringVar(&kind, "basis-kind", "", "LAW|REGULATION|RULE")
	c.Flags().BoolVar(&commit, "commit", false, a.say("作出三项承诺", "make the three commitments"))
	return c
}

// requestMoved says on stderr where a request is now, and who is next.
func (a *app) requestMoved(d *query.RequestDetail) {
	fmt.Fprintf(a.stderr, "%s: %s  %s: %s\n", d.Name, a.called(requestStates, d.State), a.say("下一步", "next step"), a.nextStep(d.Next))
}

// signedGrants returns the grants of a request that the user may sign, signed.
func (a *app) signedGrants(ctx context.Context, client *api.Client, name string) ([]registry.Document, error) {
	key, err := a.userKey()
	if err != nil {
		return nil, err
	}
	d, err := client.DataRequest(ctx, name)
	if err != nil {
		return nil, err
	}
	for i := range d.Grants {
		d.Grants[i].Sign(a.user, key.Private(), a.now())
	}
	return d.Grants, nil
}

// fileRequest makes the commitments of a draft, signs it and files it.
func (a *app) fileRequest(ctx context.Context, client *api.Client, name string) error {
	key, err := a.userKey()
	if err != nil {
		return err
	}
	d, err := client.DataRequest(ctx, name)
	if err != nil {
		return err
	}
	var doc registry.Document
	if err := json.Unmarshal(d.Document, &doc); err != nil {
		return fmt.Errorf("zonebox: read request: %w", err)
	}
	spec, err := registry.SpecOf[registry.DataRequest](doc)
	if err != nil {
		return err
	}
	spec.Status, spec.Commitments = registry.StatusSubmitted, registry.Commitments{Truthful: true, Compliant: true, Secure: true}
	if doc.Spec, err = json.Marshal(spec); err != nil {
		return fmt.Errorf("zonebox: write request: %w", err)
	}
	doc.Sign(a.user, key.Private(), a.now())
	text, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("zonebox: write request: %w", err)
	}
	if _, err := client.Apply(ctx, text); err != nil {
		return err
	}
	if d, err = client.DataRequest(ctx, name); err != nil {
		return err
	}
	a.requestMoved(d)
	return nil
}
