package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/query"
)

func (a *app) consentCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "consent",
		Short: a.say("个人授权: 导入、撤回、现状; 只记令牌, 不记号码", "consents of people: import, withdraw, how they stand; tokens are kept, no numbers"),
	}
	c.AddCommand(a.consentImportCmd(), a.consentWithdrawCmd(), a.consentListCmd())
	return c
}

func (a *app) consentImportCmd() *cobra.Command {
	var in query.ConsentImport
	var output string
	c := &cobra.Command{
		Use:   "import FILE --scenario SCENARIO",
		Short: a.say("导入个人对一个场景的授权; 一揽子、强制、无日期、无依据的逐行拒绝", "import consents to one scenario; what is blanket, forced, undated or without evidence is rejected row by row"),
		Long: a.say(`由工作进程读取文件 (csv json jsonl xlsx parquet arrow), 每人每场景一行, 列不多不少, 都是文本:

  subject            标识个人的号码, 与数据集主体列的写法一致
  scenario           场景名称, 只写一个, 与 --scenario 相同
  valid_from, valid_until  生效日与截止日 (含), 2006-01-02
  given_at           同意之日, 或带时区的时刻 2006-01-02T15:04:05+08:00
  service_condition  是否以同意为提供服务的条件; 只接受 false
  evidence_kind      依据的种类, 大写, 如 SIGNED_FORM
  evidence_date      依据的日期
  evidence_sha256    依据文件的 SHA-256

合格的一次全部生效, 不合格的按原因与行号列出, 不显示号码。同一文件再导入不起作用。`,
			`A worker reads the file (csv json jsonl xlsx parquet arrow), one person and scenario
a row, with these columns and no others, all of them texts:

  subject            the number that names the person, written as in the dataset
  scenario           name of one scenario, that of --scenario
  valid_from, valid_until  first and last day, 2006-01-02
  given_at           day, or instant with its zone, 2006-01-02T15:04:05+08:00
  service_condition  whether it was a condition of a service; only false is taken
  evidence_kind      kind of the evidence in capitals, such as SIGNED_FORM
  evidence_date      its day
  evidence_sha256    SHA-256 of its file

What is good counts all at once; what is not is listed by reason and row, without
numbers. The same file again does nothing.`),
		Example: "  zonebox consent import --as wu.dc consents.csv --scenario outpatient-statistics --dry-run\n  zonebox consent import --as wu.dc consents.csv --scenario outpatient-statistics",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("zonebox: open consents: %w", err)
			}
			defer f.Close()
			var size int64
			if in.SHA256, size, err = digestOf(c.Context(), f); err != nil {
				return err
			}
			in.Format = cmp.Or(in.Format, formatOf(args[0]), "csv")
			file, stop := a.watched(c.Context(), client, in.Scenario, f, size)
			r, err := client.ImportConsents(c.Context(), in, file)
			stop()
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(r)
			}
			return a.printConsents(r)
		},
	}
	c.Flags().StringVar(&in.Scenario, "scenario", "", a.say("场景", "scenario"))
	c.Flags().StringVar(&in.Format, "format", "", a.say("格式, 缺省按文件名", "format, by default the file's name tells"))
	c.Flags().StringVar(&in.Encoding, "encoding", "", a.say("文本的编码, 缺省 utf-8", "encoding of a text, utf-8 by default"))
	c.Flags().BoolVar(&in.DryRun, "dry-run", false, a.say("只核对, 不生效", "judge the rows and change nothing"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return a.required(c, "scenario")
}

func (a *app) consentWithdrawCmd() *cobra.Command {
	var in query.ConsentWithdrawal
	var output string
	c := &cobra.Command{
		Use:   "withdraw [FILE] --scenario SCENARIO",
		Short: a.say("撤回个人授权, 自下一次查询起生效; 号码从文件或标准输入读取, 不写在命令行", "withdraw consents, from the next query on; numbers come from a file or standard input, not from the command line"),
		Long: a.say(`文件只有一列 subject; 没有文件时从标准输入读取, 每行一个号码。撤回即时生效: 正在执行的运行终止, 缓存清除,
以前形成而未放行的结果须由审核人员再看一次, 已放行的列出。从未授权过的人也记下, 以后补导的旧授权不起作用。`,
			`The file has one column, subject; without FILE a number is read from each line of
standard input. It counts at once: runs under way end, the cache is dropped, what is
held from before has to be looked at again by a reviewer, and what has left is
listed. Of people who never consented it is kept too: what is imported later from
before does not count.`),
		Example: "  zonebox consent withdraw --as wu.dc withdrawn.csv --scenario outpatient-statistics\n  zonebox consent withdraw --as wu.dc --scenario outpatient-statistics < number.txt",
		Args:    nArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			var data io.ReadSeeker
			in.Format = cmp.Or(in.Format, "csv")
			if len(args) == 0 {
				if data, err = a.typedSubjects(); err != nil {
					return err
				}
			} else {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("zonebox: open withdrawals: %w", err)
				}
				defer f.Close()
				data, in.Format = f, cmp.Or(formatOf(args[0]), in.Format)
			}
			var size int64
			if in.SHA256, size, err = digestOf(c.Context(), data); err != nil {
				return err
			}
			file, stop := a.watched(c.Context(), client, in.Scenario, data, size)
			r, err := client.WithdrawConsents(c.Context(), in, file)
			stop()
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(r)
			}
			fmt.Fprintf(a.stderr, a.say("已撤回 %s 人的授权,另有 %s 人此前没有有效授权;场景 %s 的授权版本 %d\n",
				"withdrawn: %s people; %s more had no consent to withdraw; consents to %s are at version %d\n"), grouped(r.Withdrawn), grouped(r.Unknown), r.Scenario, r.Version)
			t := newTable(a.say("运行", "run"), a.say("结果", "output"))
			for _, id := range r.Review {
				t.AppendRow([]any{id, a.say("未放行,须再审核", "held: to be reviewed again")})
			}
			for _, id := range r.Released {
				t.AppendRow([]any{id, a.say("已放行", "has left")})
			}
			if len(r.Review)+len(r.Released) == 0 {
				return nil
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVar(&in.Scenario, "scenario", "", a.say("场景", "scenario"))
	c.Flags().StringVar(&in.Encoding, "encoding", "", a.say("文本的编码, 缺省 utf-8", "encoding of a text, utf-8 by default"))
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return a.required(c, "scenario")
}

func (a *app) consentListCmd() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "list",
		Short: a.say("各场景个人授权的现状, 只有计数", "how consents stand, scenario by scenario, in counts"),
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			all, err := client.Consents(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(all)
			}
			t := newTable(a.say("专区", "zone"), a.say("场景", "scenario"), a.say("版本", "version"), a.say("授权", "given"), a.say("撤回", "withdrawals"), a.say("现有效人数", "people now"))
			for _, v := range all {
				t.AppendRow([]any{v.Zone, v.Scenario, v.Version, grouped(v.Given), grouped(v.Withdrawals), grouped(int64(v.Valid))})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// watched returns a file of consents on its way, which a meter follows until stop.
func (a *app) watched(ctx context.Context, client *api.Client, scenario string, data io.Reader, size int64) (file query.Incoming, stop func()) {
	m := a.startMeter(ctx, client)
	return query.Incoming{Data: data, Size: size, Entered: func(id string) { m.follow(a.consentsTo(scenario), id) }}, m.stop
}

func (a *app) consentsTo(scenario string) string {
	return a.say("授权 ", "consents to ") + scenario
}

// required marks a flag of c as one that has to be there.
func (a *app) required(c *cobra.Command, flag string) *cobra.Command {
	if err := c.MarkFlagRequired(flag); err != nil {
		panic("zonebox: " + err.Error())
	}
	return c
}

// digestOf returns the SHA-256 and the size of data, and goes back to its start.
func digestOf(ctx context.Context, data io.ReadSeeker) (digest string, size int64, err error) {
	sum := sha256.New()
	size, err = io.Copy(sum, interruptible{ctx, data})
	if err == nil {
		_, err = data.Seek(0, io.SeekStart)
	}
	if err != nil {
		return "", 0, fmt.Errorf("zonebox: read file: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), size, nil
}

// typedSubjects makes a file of the lines of standard input.
func (a *app) typedSubjects() (io.ReadSeeker, error) {
	text, err := readFile("-", a.stdin)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	rows := [][]string{{"subject"}}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			rows = append(rows, []string{line})
		}
	}
	if len(rows) == 1 {
		return nil, usageError{errors.New(a.say("标准输入没有号码", "standard input has no number"))}
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("zonebox: read numbers: %w", err)
	}
	return bytes.NewReader(out.Bytes()), nil
}

func (a *app) printConsents(r *query.ConsentReceipt) error {
	switch {
	case r.Already:
		fmt.Fprintf(a.stderr, a.say("该文件已经导入,授权版本 %d\n", "the file was imported before; consents are at version %d\n"), r.Version)
		return nil
	case r.DryRun:
		fmt.Fprintf(a.stderr, a.say("%s 行: 合格 %s,不合格 %s;未生效 (--dry-run)\n", "%s rows: %s good, %s rejected; nothing was changed (--dry-run)\n"), grouped(r.Rows), grouped(r.Accepted), grouped(r.Rejected))
	default:
		fmt.Fprintf(a.stderr, a.say("%s 行: 合格 %s (新增 %s),不合格 %s;场景 %s 的授权版本 %d\n", "%s rows: %s good (%s of them new), %s rejected; consents to %s are at version %d\n"),
			grouped(r.Rows), grouped(r.Accepted), grouped(r.Added), grouped(r.Rejected), r.Scenario, r.Version)
	}
	if len(r.Reasons) == 0 {
		return nil
	}
	t := newTable(a.say("原因", "reason"), a.say("行数", "rows"), a.say("说明", "why"), a.say("行号", "row numbers"))
	for _, w := range r.Reasons {
		shown := w.First[:min(len(w.First), 8)] // -o json has more
		first := strings.Trim(fmt.Sprint(shown), "[]")
		if int64(len(shown)) < w.Rows {
			first += " …"
		}
		t.AppendRow([]any{w.Code, grouped(w.Rows), a.say(w.ZH, w.EN), first})
	}
	_, err := fmt.Fprintln(a.stdout, t.Render())
	return err
}
