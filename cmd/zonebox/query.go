package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"zonebox/api"
	"zonebox/query"
	"zonebox/release"
)

func requestFlags(a *app, c *cobra.Command, r *api.QueryRequest) {
	c.Flags().StringVar(&r.Scenario, "scenario", "", a.say("应用场景标识", "scenario id"))
	c.Flags().StringVar(&r.Purpose, "purpose", "", a.say("用途代码", "purpose code"))
	c.Flags().StringVar(&r.Recipient, "recipient", "", a.say("结果接收人,缺省为 --as 用户", "recipient of the output, --as by default"))
}

// question fills in what is asked: SQL, or a template and its parameters.
func (a *app) question(r *api.QueryRequest, args, params []string) (err error) {
	if r.SQL, err = a.sql(args); err != nil {
		return err
	}
	for _, p := range params {
		name, value, ok := strings.Cut(p, "=")
		if _, twice := r.Parameters[name]; !ok || name == "" || twice {
			return usageError{errors.New(a.say("--param 须为 名称=值,且每个名称一次", "--param takes NAME=VALUE, each name once"))}
		}
		if r.Parameters == nil {
			r.Parameters = map[string]string{}
		}
		r.Parameters[name] = value
	}
	return nil
}

func templateFlags(a *app, c *cobra.Command, r *api.QueryRequest, params *[]string) {
	c.Flags().StringVar(&r.Template, "template", "", a.say("改用该场景的模板", "ask a template of the scenario instead"))
	// An array, not a slice: a value may hold commas.
	c.Flags().StringArrayVar(params, "param", nil, a.say("模板参数 名称=值,可重复", "a parameter of the template, NAME=VALUE, any number"))
}

func (a *app) queryCmd() *cobra.Command {
	var r api.QueryRequest
	var output, save string
	var params []string
	var wait waiting
	c := &cobra.Command{
		Use:   "query [SQL]",
		Short: a.say("在场景之下提问;答案出域,数据不出域", "ask a question under a scenario; the answer leaves, the data does not"),
		Long: a.say(`在场景之下用 SQL 提问。SQL 可为参数,或以 - 从标准输入读取;
或以 --template 使用经批准的模板,只给出参数取值。
需要审批时退出码为 4,审批后以 --resume 运行编号 继续。
提交即持久:Ctrl-C 只停止等候,以 --wait 编号 领取,以 --cancel 编号 终止;
网关停机时在排队的,重启后照常执行。--no-wait 只提交并打印编号。`,
			`Asks in SQL under a scenario. The SQL is an argument, or - for standard input;
or --template names an approved analysis, of which only parameters are chosen.
When a person must approve, the exit code is 4; continue with --resume RUN.
What is handed in is durable: Ctrl-C ends the wait alone; --wait ID collects the
answer, --cancel ID ends the question, and what waits when the gate stops runs when it
is back. --no-wait hands in and prints the id.`),
		Example: `  zonebox query --as li.op --scenario visits --purpose MED-STAT \
      "SELECT district, count(*) AS n FROM visits GROUP BY district ORDER BY n DESC"
  zonebox query --as li.op --scenario visits --purpose MED-STAT \
      --template visits-by-district --param district=320102 --param most=10
  zonebox query --as li.op --resume run-06f4…
  zonebox query --as li.op --wait sub-06f4…`,
		Args: nArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if err := a.question(&r, args, params); err != nil {
				return err
			}
			if err := a.waitFlags(r, wait); err != nil {
				return err
			}
			wait.json = output == "json"
			file, run, err := a.asked(c.Context(), client, r, wait)
			if err != nil || file == nil {
				return err
			}
			if err := a.pinGate(c.Context(), client); err != nil {
				return err
			}
			if save != "" {
				if err := os.WriteFile(save, file, 0o600); err != nil {
					return fmt.Errorf("zonebox: save artifact: %w", err)
				}
				fmt.Fprintf(a.stderr, a.say("已保存密封结果 %s (%d 字节),运行 %s\n", "saved sealed artifact %s (%d bytes), run %s\n"), save, len(file), run)
				return nil
			}
			return a.open(file, output)
		},
	}
	requestFlags(a, c, &r)
	templateFlags(a, c, &r, &params)
	c.Flags().StringVar(&r.Resume, "resume", "", a.say("继续一个待审的运行", "continue a run that was in review"))
	wait.flags(a, c)
	c.Flags().StringVarP(&output, "output", "o", "table", formats)
	c.Flags().StringVar(&save, "save", "", a.say("保存密封结果而不打开", "save the sealed artifact instead of opening it"))
	c.Flags().StringVar(&r.Form, "form", "", a.say("密封结果内的文件形式: ", "form of the file inside the sealed artifact: ")+strings.Join(release.Forms(), "|"))
	return c
}

func (a *app) sql(args []string) (string, error) {
	if len(args) == 0 {
		return "", nil
	}
	if args[0] != "-" {
		return args[0], nil
	}
	b, err := readFile("-", a.stdin)
	return string(b), err
}

func (a *app) explainCmd() *cobra.Command {
	var r api.QueryRequest
	var output, request string
	var params []string
	c := &cobra.Command{
		Use:   "explain [SQL]",
		Short: a.say("不触及数据,说明裁决、依据、各列形态与将要执行的语句", "say, without touching data, what would be decided, why, and what would run"),
		Long: a.say(`不触及数据,说明裁决与全部理由、各列形态与由来、改写了什么、将要执行什么;
被拒绝的语句还给出可行的改写与所需的最小授权。以退出码 3 结束的是拒绝。
--request 把所需授权写成数据申请文档(草稿),由运营单位作出承诺后提交。`,
			`Says, without touching data, what would be decided and every reason, the form of
every column and where it comes from, what was rewritten and what would run; of a
refused statement also one that passes and the least grants it lacks. A refusal
exits with 3. --request writes these grants as a data request, a draft that the
operator files with its commitments.`),
		Example: `  zonebox explain --as li.op --scenario visits --purpose MED-STAT "SELECT avg(cost) FROM visits"
  zonebox explain --as li.op --scenario visits --purpose MED-STAT --template visits-by-district --param district=320102`,
		Args: nArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 && r.Template == "" {
				return usageError{errors.New(a.say("缺少 SQL 或 --template", "SQL or --template is missing"))}
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			if err := a.question(&r, args, params); err != nil {
				return err
			}
			x, err := client.Explain(c.Context(), r)
			if err != nil {
				return err
			}
			if request != "" {
				if err := a.writeRequest(x, request); err != nil {
					return err
				}
			}
			if output == "json" || a.json {
				err = a.printJSON(x)
			} else {
				sql := r.SQL
				if r.Template != "" {
					t, err := readTemplate(c.Context(), client, r.Template)
					if err != nil {
						return err
					}
					sql = t.spec.SQL
				}
				err = a.printExplanation(x, sql)
			}
			if err != nil || x.Verdict != query.VerdictDeny {
				return err
			}
			return refusedError{x}
		},
	}
	requestFlags(a, c, &r)
	templateFlags(a, c, &r, &params)
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	c.Flags().StringVar(&request, "request", "", a.say("把所需的最小授权写成数据申请文档", "write the least grants it lacks as a data request"))
	return c
}

// writeRequest writes the data request of an explanation, or says that there is
// nothing to ask for.
func (a *app) writeRequest(x *query.Explanation, file string) error {
	if x.Request == nil {
		fmt.Fprintln(a.stderr, a.say("没有可写的数据申请:语句无需授权,或者单凭授权不能放行", "no data request was written: the statement lacks no grant, or grants alone do not help"))
		return nil
	}
	text, err := yaml.Marshal(x.Request)
	if err != nil {
		return fmt.Errorf("zonebox: write data request: %w", err)
	}
	if err := writeNew(file, text); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, a.say("已写数据申请草稿 %s (%s)\n", "wrote the draft of data request %s (%s)\n"), file, x.Request.Name)
	return nil
}

// refusedError ends an explain of a statement that is refused; what there is to
// say of it was said.
type refusedError struct{ x *query.Explanation }

func (e refusedError) Error() string { return "zonebox: refused: " + e.x.Reasons[0].Code }

func (a *app) openCmd() *cobra.Command {
	var output, save string
	c := &cobra.Command{
		Use:   "open FILE",
		Short: a.say("接收人打开密封结果:核对签名,解密,显示来源", "the recipient opens a sealed artifact: check the signature, decrypt, show the sources"),
		Long: a.say(`核对网关的签名(Ed25519 或 SM2),以 --as 用户的私钥解密,按 -o 显示各行。各种形式的结果都可以各种格式显示。
--save 把其中的文件按密封时的形式原样写出。CSV 中以 = + - @ 开头的文本前加 ',防止表格软件当作公式。`,
			`Checks the gate's signature (Ed25519 or SM2), decrypts with the key of --as and shows
the rows as -o says, whatever the form inside. --save writes the file inside as it was
sealed, in its own form. In CSV a text that begins with = + - or @ has a ' before it, so
that no spreadsheet takes it for a formula.`),
		Example: `  zonebox open --as li.op visits.zbx -o csv > visits.csv
  zonebox open --as li.op visits.zbx --save visits.parquet`,
		Args: nArgs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := os.ReadFile(args[0])
			if err != nil {
				return fmt.Errorf("zonebox: read artifact: %w", err)
			}
			if save != "" {
				return a.saveContent(file, save)
			}
			return a.open(file, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", formats)
	c.Flags().StringVar(&save, "save", "", a.say("把其中的文件原样写入新文件", "write the file inside, as it is, to a new file"))
	return c
}

// opened decrypts an artifact with the user's key. The caller releases it.
func (a *app) opened(file []byte) (content *release.Opened, err error) {
	key, err := a.userKey()
	if err != nil {
		return nil, err
	}
	gate, err := a.pinnedGate()
	if err != nil {
		return nil, err
	}
	for _, public := range gate {
		content, err = release.Open(file, release.Key{HPKE: key.Recipient(), SM2: key.RecipientSM2()}, public)
		if !errors.Is(err, release.ErrSignature) {
			break
		}
	}
	return content, err
}

// saveContent writes the file inside an artifact.
func (a *app) saveContent(file []byte, path string) error {
	content, err := a.opened(file)
	if err != nil {
		return err
	}
	defer content.Release()
	if err := writeNew(path, content.Content); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, a.say("已写出 %s(%s,%d 字节)\n", "wrote %s (%s, %d bytes)\n"), path, content.Form, len(content.Content))
	a.printLabel(content.Label)
	a.printTechniques(content.Columns)
	return nil
}

// open decrypts an artifact with the user's key and prints it: rows on stdout,
// the label on stderr.
func (a *app) open(file []byte, output string) error {
	content, err := a.opened(file)
	if err != nil {
		return err
	}
	defer content.Release()
	if err := render(a.stdout, output, content.Schema, content.Rows); err != nil {
		return err
	}
	a.printLabel(content.Label)
	a.printTechniques(content.Columns)
	return nil
}

func (a *app) printLabel(l release.Label) {
	if l.Template != "" {
		fmt.Fprintf(a.stderr, a.say("模板: %s,参数摘要 %s\n", "template: %s, digest of its parameters %s\n"), l.Template, l.Parameters)
	}
	for _, s := range l.Sources {
		fmt.Fprintf(a.stderr, a.say("来源: %s(%s),版本 %s,获取日期 %s\n", "source: %s (%s), version %s, acquired %s\n"), s.Dataset, s.Provider, s.Version, s.Acquired)
	}
	a.printEffect(a.stderr, l.Effect)
	for _, w := range l.Warnings {
		fmt.Fprintf(a.stderr, a.say("提示: %s\n", "warning: %s\n"), w)
	}
	if len(l.Notes) > 0 {
		fmt.Fprintf(a.stderr, a.say("说明: %s\n", "note: %s\n"), strings.Join(l.Notes, a.say(";", "; ")))
	}
	fmt.Fprintf(a.stderr, a.say("运行 %s · 放行 %s · 接收人 %s\n", "run %s · release %s · recipient %s\n"), l.Run, l.Release, l.Recipient)
}
