package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"zonebox/query"
	"zonebox/registry"
)

func (a *app) licenseCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "license",
		Short: a.say("授权运营协议:申报、评审、同意、公开、签署、生效,直至退出", "the course of a license: application, review, consent, publication, signing, force, offboarding"),
		Long: a.say(`公告 (Call) 由市数据主管部门会同专区监管部门用 apply 登记。每一步由谁办理,见 license show 的“下一步”。
暂停、恢复与终止以双方签署的 License 文档办理 (apply),事项随之变动;期满由系统时钟认定。
协议终止或期满时,运营单位人员的账号在同一操作中停用。`,
			`A Call is registered with apply by the city authority and the zone's regulator. Who
does what next is told by license show. Suspension, resumption and termination are
the document License signed by both (apply), and the course moves with it; the clock
alone ends a license after its last day. The accounts of the operator end in the same
act as its last license.`),
		Example: `  zonebox license apply --as li.op -f application.yaml
  zonebox license show course-… --as zhao.city
  zonebox license move course-… check --as zhao.city --basis "五项材料齐全"
  zonebox license sign course-… --as li.op`,
	}
	c.AddCommand(a.licenseListCmd(), a.licenseShowCmd(), a.licenseApplyCmd(), a.licenseMoveCmd(), a.licenseSignCmd())
	return c
}

// courseStates are what people call the states of a course.
var courseStates = map[string][2]string{
	"CALL_OPEN": {"公告中", "call open"}, "APPLIED": {"已申报", "applied"}, "MATERIALS_OK": {"材料齐备", "materials in order"}, "REVIEWED": {"已评审", "reviewed"},
	"GOV_CONSENTED": {"市政府已同意", "consented"}, "PUBLISHED": {"已公开", "published"}, "DRAFTED": {"已起草", "drafted"}, "SIGNING": {"签署中", "being signed"},
	"ACTIVE": {"生效", "active"}, "SUSPENDED": {"已暂停", "suspended"}, "TERMINATED": {"已终止", "terminated"}, "EXPIRED": {"期满", "expired"},
	"OFFBOARDING": {"退出中", "offboarding"}, "CLOSED": {"已办结", "closed"}, "REJECTED": {"已驳回", "rejected"}, "WITHDRAWN": {"已撤回", "withdrawn"},
}

// courseMoves are what people call the moves of a course.
var courseMoves = map[string][2]string{
	"apply": {"申报", "apply"}, "check": {"核对材料", "check"}, "assess": {"登记评审结果", "assess"}, "review": {"核同评审结果", "review"},
	"consent": {"市政府同意", "consent"}, "publish": {"公开", "publish"}, "draft": {"起草", "draft"}, "sign": {"签署", "sign"}, "activate": {"生效", "activate"},
	"suspend": {"暂停", "suspend"}, "resume": {"恢复", "resume"}, "terminate": {"终止", "terminate"}, "expire": {"期满", "expire"},
	"offboard": {"办理退出", "offboard"}, "close": {"办结", "close"}, "reject": {"驳回", "reject"}, "withdraw": {"撤回", "withdraw"},
}

func (a *app) licenseListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "ls", Short: a.say("列出协议办理事项:状态与下一步", "list courses of licenses: state and next step"), Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Agreements(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all)
			}
			t := newTable(a.say("编号", "id"), a.say("运营单位", "operator"), a.say("专区", "zone"), a.say("状态", "state"), a.say("协议", "license"), a.say("下一步", "next"))
			for _, v := range all {
				t.AppendRow([]any{v.ID, v.Operator, v.Zone, a.called(courseStates, v.State), dash(v.License != "", v.License), a.say(v.NextZH, v.NextEN)})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) licenseShowCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "show ID", Short: a.say("显示一个事项:材料、评审、协议文本、尚缺签名与经过", "show a course: materials, review, text, missing signatures, moves"), Args: nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			d, err := client.Agreement(c.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(d)
			}
			return a.printCourse(d)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printCourse(d *query.AgreementDetail) error {
	fmt.Fprintf(a.stdout, "%s  %s  %s  %s\n", d.ID, printable(d.Title), d.Operator, a.called(courseStates, d.State))
	fmt.Fprintf(a.stdout, "%s: %s\n", a.say("下一步", "next"), a.say(d.NextZH, d.NextEN))
	if len(d.Application.Materials) > 0 {
		t := newTable(a.say("材料", "material"), a.say("日期", "date"), "SHA-256")
		for _, m := range d.Application.Materials {
			t.AppendRow([]any{a.say(query.MaterialTitle(m.Kind)), m.Date, m.SHA256})
		}
		fmt.Fprintln(a.stdout, t.Render())
	}
	if d.Result != nil {
		fmt.Fprintf(a.stdout, "%s: %s  %s  %s\n", a.say("专家评审", "experts"), strings.Join(d.Result.Experts, " "), d.Result.Date, printable(d.Result.Opinion))
	}
	if d.Document != nil {
		out, err := yaml.JSONToYAML(d.Document)
		if err != nil {
			return fmt.Errorf("zonebox: print license: %w", err)
		}
		fmt.Fprint(a.stdout, printableText(string(out)))
	}
	if len(d.Missing) > 0 {
		fmt.Fprintf(a.stdout, "%s: %s\n", a.say("尚缺签名", "still to sign"), strings.Join(d.Missing, " "))
	}
	for _, n := range d.Notes {
		a.printReason(a.stdout, "!", n, "")
	}
	if d.Shred != "" {
		fmt.Fprintf(a.stdout, "%s: %s\n", a.say("销毁申请", "order to destroy"), d.Shred)
	}
	t := newTable(a.say("时间", "at"), a.say("动作", "move"), a.say("原状态", "from"), a.say("新状态", "to"), a.say("办理人", "by"), a.say("依据", "basis"), a.say("文号", "reference"), a.say("日期", "date"))
	for _, m := range d.Moves {
		t.AppendRow([]any{m.At.Local().Format("2006-01-02 15:04:05"), a.called(courseMoves, m.Move), a.called(courseStates, m.From), a.called(courseStates, m.To), m.By, printable(m.Basis), printable(m.Ref), m.Date})
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}

// coursed says on stderr where a course is now and what is next.
func (a *app) coursed(d *query.AgreementDetail) {
	fmt.Fprintf(a.stderr, "%s: %s  %s: %s\n", d.ID, a.called(courseStates, d.State), a.say("下一步", "next"), a.say(d.NextZH, d.NextEN))
}

func (a *app) licenseApplyCmd() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "apply -f FILE", Short: a.say("运营单位按公告申报:申请表与五项材料", "apply under a call: the form and five materials"),
		Example: "  zonebox license apply --as li.op -f application.yaml", Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			var in query.Application
			if err := a.readYAML(file, &in); err != nil {
				return err
			}
			d, err := client.ApplyForLicense(c.Context(), in)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, d.ID)
			a.coursed(d)
			return nil
		},
	}
	fileFlag(a, c, &file)
	return c
}

// readYAML reads one YAML or JSON file of known fields.
func (a *app) readYAML(file string, into any) error {
	text, err := readFile(file, a.stdin)
	if err != nil {
		return err
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		return usageError{fmt.Errorf(a.say("%s 的格式有误", "%s is malformed"), file)}
	}
	return nil
}

func (a *app) licenseMoveCmd() *cobra.Command {
	var o query.AgreementOrder
	var file string
	c := &cobra.Command{
		Use:   "move ID MOVE",
		Short: a.say("办理一步:check assess review consent publish draft activate offboard close reject withdraw", "one step: check assess review consent publish draft activate offboard close reject withdraw"),
		Long: a.say(`check 核对材料 · assess 专区监管部门登记评审结果 (-f) · review 市数据主管部门登记同一结果 (-f) · consent 市政府同意 · publish 向社会公开 (--ref --date)
draft 起草 (-f 一份 License,写明 course) · activate 签齐后生效 · offboard 数据中心办理退出 · close 核验后办结 · reject 驳回 · withdraw 撤回`,
			`check the materials · assess: the regulator enters the result (-f) · review: the city
authority enters the same (-f) · consent and publish (--ref --date) · draft (-f a
License that names the course) · activate once all have signed · offboard, by the data
centre · close, when all is checked · reject · withdraw`),
		Example: `  zonebox license move course-… assess --as sun.health -f result.yaml
  zonebox license move course-… consent --as zhao.city --ref 宁政复〔2026〕9号 --date 2026-03-20`,
		Args: nArgs(2, 2),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			o.Move = args[1]
			switch {
			case file != "" && o.Move == "draft":
				o.Document = &registry.Document{}
				err = a.readDraft(file, o.Document)
			case file != "":
				o.Result = &query.ExpertResult{}
				err = a.readYAML(file, o.Result)
			}
			if err != nil {
				return err
			}
			d, err := client.MoveAgreement(c.Context(), args[0], o)
			if err != nil {
				return err
			}
			a.coursed(d)
			return nil
		},
	}
	f := c.Flags()
	f.StringVarP(&file, "file", "f", "", a.say("评审结果或协议文本 (YAML 或 JSON)", "result of the experts or text of the license (YAML or JSON)"))
	f.StringVar(&o.Basis, "basis", "", a.say("依据", "basis"))
	f.StringVar(&o.Ref, "ref", "", a.say("文号或出处", "where it is on record"))
	f.StringVar(&o.Date, "date", "", a.say("日期 (2006-01-02)", "day (2006-01-02)"))
	return c
}

// readDraft reads the one document of a file.
func (a *app) readDraft(file string, into *registry.Document) error {
	text, err := readFile(file, a.stdin)
	if err != nil {
		return err
	}
	docs, err := registry.DecodeDrafts(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	if len(docs) != 1 {
		return usageError{fmt.Errorf(a.say("%s 须只有一份文档", "%s must hold one document"), file)}
	}
	*into = docs[0]
	return nil
}

func (a *app) licenseSignCmd() *cobra.Command {
	return &cobra.Command{
		Use: "sign ID", Short: a.say("作为一方签署已起草的协议", "sign the license as it was drafted, as one of the parties"),
		Example: "  zonebox license sign course-… --as sun.health", Args: nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			key, err := a.userKey()
			if err != nil {
				return err
			}
			d, err := client.Agreement(c.Context(), args[0])
			if err != nil {
				return err
			}
			o := query.AgreementOrder{Move: "sign"}
			if d.Document != nil {
				o.Document = &registry.Document{}
				if err := json.Unmarshal(d.Document, o.Document); err != nil {
					return fmt.Errorf("zonebox: read license: %w", err)
				}
				o.Document.Signatures = nil
				o.Document.Sign(a.user, key.Private(), a.now())
			}
			if d, err = client.MoveAgreement(c.Context(), args[0], o); err != nil {
				return err
			}
			a.coursed(d)
			return nil
		},
	}
}
