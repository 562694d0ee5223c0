package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"zonebox/api"
	"zonebox/query"
	"zonebox/registry"
)

func (a *app) catalogueCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "catalogue",
		Short: a.say("公共数据资源目录:编制、报送、批准、发布、注销、导入、导出", "the catalogue: write, submit, approve, publish, retire, import, export"),
		Example: `  zonebox catalogue submit --as zheng.police -f persons.yaml
  zonebox catalogue approve --as zhao.city persons
  zonebox catalogue publish --as zhao.city persons`,
	}
	c.AddCommand(a.catalogueListCmd(), a.catalogueShowCmd(), a.catalogueCheckCmd(), a.catalogueSubmitCmd(),
		a.catalogueSignedCmd("concur", a.say("专区监管部门同意降低保护的条目", "agree, as the zone's regulator, to an entry that lowers protection")),
		a.catalogueSignedCmd("approve", a.say("市数据主管部门批准并签署", "approve and sign, as the city authority")),
		a.catalogueMoveCmd("return", a.say("退回提供单位修改,须说明依据", "return to its provider; the basis is required")),
		a.catalogueMoveCmd("reject", a.say("驳回,须说明依据", "reject; the basis is required")),
		a.catalogueMoveCmd("withdraw", a.say("撤回尚未发布的条目", "withdraw an edition that is not in force")),
		a.catalogueMoveCmd("publish", a.say("发布已批准的条目", "put what was approved into force")),
		a.catalogueChangeCmd(),
		a.catalogueMoveCmd("retire", a.say("注销条目,须说明依据", "take an entry out of the catalogue; the basis is required")),
		a.catalogueImportCmd(), a.catalogueExportCmd())
	return c
}

func (a *app) catalogueListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "ls",
		Short: a.say("列出目录条目:状态、级别、共享与开放类型、最近装载", "list entries: state, level, share and open type, last load"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			entries, err := client.Entries(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(entries)
			}
			t := newTable(a.say("名称", "name"), a.say("标题", "title"), a.say("版本", "version"), a.say("状态", "state"), a.say("办理中", "under way"),
				a.say("级别", "level"), a.say("共享", "share"), a.say("开放", "open"), a.say("更新频率", "frequency"), a.say("最近装载", "last load"))
			for _, e := range entries {
				t.AppendRow([]any{e.Name, printable(e.Title), dash(e.Version != 0, fmt.Sprint(e.Version)), a.entryState(e), dash(e.Pending != "", a.called(entryStates, e.Pending)),
					dash(e.Level != 0, fmt.Sprint(e.Level)), a.called(shareTitles, e.ShareType), a.called(openTitles, e.OpenType), a.called(frequencyTitles, e.Frequency), loadedOn(e.LoadedAt)})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// The names of states, types and update frequencies, as people call them.
var (
	frequencyTitles = map[string][2]string{
		"realtime": {"实时", "real time"}, "real-time": {"实时", "real time"}, "hourly": {"每小时", "hourly"}, "daily": {"每日", "daily"}, "weekly": {"每周", "weekly"},
		"ten_days": {"每旬", "every ten days"}, "half_monthly": {"每半月", "twice a month"}, "monthly": {"每月", "monthly"}, "quarterly": {"每季度", "quarterly"},
		"half_yearly": {"每半年", "twice a year"}, "yearly": {"每年", "yearly"}, "annual": {"每年", "yearly"}, "annually": {"每年", "yearly"},
	}
	entryStates = map[string][2]string{
		"DRAFT": {"草案", "draft"}, "SUBMITTED": {"已报送", "submitted"}, "APPROVED": {"已批准", "approved"}, "PUBLISHED": {"已发布", "published"},
		"CHANGED": {"待更新", "to be changed"}, "RETIRED": {"已注销", "retired"}, "SUSPENDED": {"已暂停", "suspended"}, "REJECTED": {"已驳回", "rejected"}, "WITHDRAWN": {"已撤回", "withdrawn"},
	}
	shareTitles = map[string][2]string{"UNCONDITIONAL": {"无条件", "unconditional"}, "CONDITIONAL": {"有条件", "conditional"}, "NONE": {"不予共享", "none"}}
	openTitles  = map[string][2]string{"UNCONDITIONAL": {"无条件", "unconditional"}, "CONDITIONAL": {"有条件", "conditional"}, "PROHIBITED": {"不予开放", "prohibited"}}
)

func (a *app) entryState(e query.EntryView) string {
	s := dash(e.State != "", a.called(entryStates, e.State))
	if e.Temporary {
		s += a.say("(临时)", " (temporary)")
	}
	if e.ReviewLate {
		s += a.say("(评估逾期)", " (review overdue)")
	}
	return s
}

func dash(there bool, s string) string {
	if there {
		return s
	}
	return "-"
}

func loadedOn(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Format(time.DateOnly)
}

func (a *app) catalogueShowCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "show NAME",
		Short: a.say("显示一个条目:现行文本、办理中的文本、发现的问题与经过", "show an entry: the text in force, the one under way, what was found, the course"),
		Args:  nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			d, err := client.Entry(c.Context(), args[0])
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(d)
			}
			return a.printEntry(d)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

func (a *app) printEntry(d *query.EntryDetail) error {
	fmt.Fprintf(a.stdout, "%s  %s  %s", d.Name, printable(d.Title), a.entryState(d.EntryView))
	if d.Pending != "" {
		fmt.Fprintf(a.stdout, "  %s: %s", a.say("办理中", "under way"), a.called(entryStates, d.Pending))
	}
	fmt.Fprintln(a.stdout)
	text := d.Document
	if text == nil {
		text = d.InForce
	}
	if text != nil {
		out, err := yaml.JSONToYAML(text)
		if err != nil {
			return fmt.Errorf("zonebox: print entry: %w", err)
		}
		fmt.Fprint(a.stdout, printableText(string(out)))
	}
	a.printFindings(a.stdout, d)
	for _, h := range d.History {
		fmt.Fprintf(a.stdout, "  %s  %s  %s: %s → %s  %s %s\n", h.At.Format("2006-01-02 15:04:05"), h.Edition, h.Move, a.called(entryStates, h.From), a.called(entryStates, h.To), h.By, printable(h.Basis))
	}
	return nil
}

// printFindings says what stands against an entry and what seems to be the same.
func (a *app) printFindings(w io.Writer, d *query.EntryDetail) {
	for _, f := range d.Faults {
		fmt.Fprintf(w, "%s: %s (%s %s)\n", a.say("须更正", "to mend"), printable(a.say(f.ZH, f.EN)), f.Code, strings.Join(f.Articles, " "))
	}
	for _, o := range d.Duplicates {
		ruled := a.say("待市数据主管部门认定采集单位", "the city authority has to rule who collects it")
		if o.Ruling != "" {
			ruled = a.say("已认定: ", "ruled: ") + o.Ruling
		}
		fmt.Fprintf(w, a.say("疑似重复: %s %s  相似度 %.2f(名称 %.2f 标题 %.2f 数据项 %.2f 主体 %.2f)  %s (NJ19-17)\n",
			"possible duplicate: %s %s  likeness %.2f (name %.2f title %.2f columns %.2f key %.2f)  %s (NJ19-17)\n"),
			o.Name, printable(o.Title), o.Like.Total, o.Like.Name, o.Like.Title, o.Like.Schema, o.Like.Key, ruled)
	}
}

// entryDocuments reads entries from a file. What is handed in says what it will say
// in force: a status that is absent or DRAFT becomes PUBLISHED.
func (a *app) entryDocuments(file string) ([]registry.Document, error) {
	text, err := readFile(file, a.stdin)
	if err != nil {
		return nil, err
	}
	docs, err := registry.DecodeDrafts(strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	for i := range docs {
		var spec map[string]json.RawMessage
		if docs[i].Kind != registry.KindDataset || json.Unmarshal(docs[i].Spec, &spec) != nil {
			return nil, usageError{fmt.Errorf(a.say("第 %d 个文档不是 Dataset", "document %d is no Dataset"), i+1)}
		}
		if s := string(spec["status"]); s == "" || s == `"DRAFT"` {
			spec["status"] = json.RawMessage(`"` + registry.StatusPublished + `"`)
		}
		if docs[i].Spec, err = json.Marshal(spec); err != nil {
			return nil, fmt.Errorf("zonebox: read entry: %w", err)
		}
	}
	return docs, nil
}

func (a *app) catalogueCheckCmd() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:     "check -f FILE",
		Short:   a.say("核对条目:列出全部问题与疑似重复,不作任何更改", "check entries: every fault and possible duplicate; changes nothing"),
		Example: "  zonebox catalogue check --as zheng.police -f persons.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			docs, err := a.entryDocuments(file)
			if err != nil {
				return err
			}
			faults := 0
			for _, doc := range docs {
				text, err := json.Marshal(doc)
				if err != nil {
					return fmt.Errorf("zonebox: check: %w", err)
				}
				d, err := client.CheckEntry(c.Context(), text)
				if err != nil {
					return err
				}
				fmt.Fprintf(a.stdout, a.say("%s  %s  %d 处问题,%d 个疑似重复\n", "%s  %s  %d faults, %d possible duplicates\n"), d.Name, printable(d.Title), len(d.Faults), len(d.Duplicates))
				a.printFindings(a.stdout, d)
				faults += len(d.Faults)
			}
			if faults > 0 {
				return &api.Problem{Code: "DOCUMENT_REFUSED", Class: string(query.ClassDenied), Detail: a.say("条目尚不能报送", "the entries cannot be submitted yet"),
					Hint: a.say("按上列问题更正", "mend what is listed"), Articles: []string{"NJ19-16"}}
			}
			return nil
		},
	}
	fileFlag(a, c, &file)
	return c
}

func (a *app) catalogueSubmitCmd() *cobra.Command {
	var file string
	var draft bool
	c := &cobra.Command{
		Use:     "submit [NAME] [-f FILE]",
		Short:   a.say("编制并报送条目(签署);--draft 只存草案;NAME 报送已有草案", "write, sign and submit entries; --draft only keeps them; NAME submits a draft"),
		Example: "  zonebox catalogue submit --as zheng.police -f persons.yaml --draft\n  zonebox catalogue submit --as zheng.police persons",
		Args:    nArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 1) == (file != "") || draft && file == "" {
				return usageError{errors.New(a.say("给出 NAME 或 -f 其中之一;--draft 须与 -f 同用", "give one of NAME and -f; --draft goes with -f"))}
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			if file == "" {
				return a.signedMove(c.Context(), client, args[0], "submit", "")
			}
			docs, err := a.entryDocuments(file)
			if err != nil {
				return err
			}
			for _, doc := range docs {
				d, err := client.MoveEntry(c.Context(), doc.Name, query.EntryOrder{Move: "draft", Document: &doc})
				if err != nil {
					return err
				}
				if draft {
					a.moved(d)
					a.printFindings(a.stderr, d)
					continue
				}
				if err := a.signedMove(c.Context(), client, doc.Name, "submit", ""); err != nil {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", a.say("YAML 或 JSON 文件,- 为标准输入", "YAML or JSON file, - for standard input"))
	c.Flags().BoolVar(&draft, "draft", false, a.say("只存草案", "only keep a draft"))
	return c
}

// moved says on stderr where an entry is now.
func (a *app) moved(d *query.EntryDetail) {
	state := d.Pending
	if state == "" {
		state = d.State
	}
	fmt.Fprintf(a.stderr, "%s %s: %s\n", d.Name, printable(d.Title), dash(state != "", a.called(entryStates, state)))
}

// signedMove signs the edition under way as it stands and makes the move.
func (a *app) signedMove(ctx context.Context, client *api.Client, name, move, basis string) error {
	key, err := a.userKey()
	if err != nil {
		return err
	}
	d, err := client.Entry(ctx, name)
	if err != nil {
		return err
	}
	if d.Document == nil {
		return &api.Problem{Code: "ENTRY_STATE", Class: string(query.ClassDenied), Detail: a.say("没有办理中的文本", "nothing is under way"),
			Hint: a.say("用 catalogue submit 报送", "hand it in with catalogue submit"), Articles: []string{"NJ19-16"}}
	}
	var doc registry.Document
	if err := json.Unmarshal(d.Document, &doc); err != nil {
		return fmt.Errorf("zonebox: read entry %s: %w", name, err)
	}
	doc.Sign(a.user, key.Private(), a.now())
	after, err := client.MoveEntry(ctx, name, query.EntryOrder{Move: move, Document: &doc, Basis: basis})
	if err != nil {
		a.printFindings(a.stderr, d)
		return err
	}
	a.moved(after)
	for _, o := range after.Duplicates {
		if o.Ruling == "" {
			a.printFindings(a.stderr, &query.EntryDetail{Duplicates: []query.DuplicateView{o}})
		}
	}
	return nil
}

func (a *app) catalogueSignedCmd(move, short string) *cobra.Command {
	var basis string
	c := &cobra.Command{
		Use:     move + " NAME",
		Short:   short,
		Example: fmt.Sprintf("  zonebox catalogue %s --as zhao.city persons", move),
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			return a.signedMove(c.Context(), client, args[0], move, basis)
		},
	}
	c.Flags().StringVar(&basis, "basis", "", a.say("依据或意见", "basis or opinion"))
	return c
}

func (a *app) catalogueMoveCmd(move, short string) *cobra.Command {
	var basis string
	c := &cobra.Command{
		Use:     move + " NAME",
		Short:   short,
		Example: fmt.Sprintf("  zonebox catalogue %s --as zhao.city persons --basis NJ19-16", move),
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.moveEntry(c.Context(), args[0], query.EntryOrder{Move: move, Basis: basis})
		},
	}
	c.Flags().StringVar(&basis, "basis", "", a.say("依据或意见", "basis or opinion"))
	return c
}

func (a *app) catalogueChangeCmd() *cobra.Command {
	var basis, trigger string
	c := &cobra.Command{
		Use:     "change NAME",
		Short:   a.say("登记条目须更新的情形(十五个工作日内更新)", "register cause to change an entry (within 15 working days)"),
		Example: "  zonebox catalogue change --as zheng.police persons --trigger LAW --basis 《户口登记条例》修订",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.moveEntry(c.Context(), args[0], query.EntryOrder{Move: "change", Basis: basis, Trigger: trigger})
		},
	}
	c.Flags().StringVar(&basis, "basis", "", a.say("依据", "basis"))
	c.Flags().StringVar(&trigger, "trigger", "OTHER", "LAW|FUNCTION|SYSTEM|OTHER")
	return c
}

func (a *app) moveEntry(ctx context.Context, name string, o query.EntryOrder) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	d, err := client.MoveEntry(ctx, name, o)
	if err != nil {
		return err
	}
	a.moved(d)
	return nil
}

func (a *app) catalogueExportCmd() *cobra.Command {
	var format, out string
	c := &cobra.Command{
		Use:   "export LIST",
		Short: a.say("导出清单:all open unconditional conditional restricted supply-demand", "export a list: all open unconditional conditional restricted supply-demand"),
		Long: a.say("清单:all 全部已发布条目;open 开放目录;unconditional 无条件开放清单;conditional 有条件开放清单;restricted 限制与不予开放及其依据;supply-demand 供需清单。\n格式:csv json gbt21063-xml gbt21063-json dcat frictionless odcs(供需清单仅 csv、json)。",
			"Lists: all published entries; the open catalogue; what is opened without condition; on condition; restricted or closed with its bases; supply and demand.\nFormats: csv json gbt21063-xml gbt21063-json dcat frictionless odcs (of supply-demand csv and json)."),
		Example: "  zonebox catalogue export unconditional --as zhao.city --format csv --out open.csv",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			x, err := client.ExportCatalogue(c.Context(), args[0], format)
			if err != nil {
				return err
			}
			if out == "" {
				_, err = a.stdout.Write(x.Content)
				return err
			}
			if err := os.WriteFile(out, x.Content, 0o600); err != nil {
				return fmt.Errorf("zonebox: write export: %w", err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "csv", "csv|json|gbt21063-xml|gbt21063-json|dcat|frictionless|odcs")
	c.Flags().StringVar(&out, "out", "", a.say("写到文件,缺省为标准输出", "write to a file, standard output by default"))
	return c
}
