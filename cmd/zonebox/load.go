package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	"sigs.k8s.io/yaml"

	"zonebox/query"
)

func (a *app) loadCmd() *cobra.Command {
	var manifest, output string
	var dry bool
	c := &cobra.Command{
		Use:   "load [FILE] --manifest FILE",
		Short: a.say("按交付清单装载一个数据集版本,全部生效或保持原样", "load a dataset version under its delivery manifest, all or nothing"),
		Long: a.say(`按交付清单装载一个文件。清单 (YAML 或 JSON) 写明:

  zone, dataset, grant   专区、数据集与授权
  format                 csv tsv json jsonl parquet arrow xlsx sqlite
  encoding               文本格式必填: utf-8 gb18030 gbk utf-16le utf-16be, 或 auto 按文件判断
  packing                gzip、zstd 或 zip (包内恰一个文件); 可省略, 按文件开头识别
  sheet                  xlsx 的工作表; 省略则取第一个
  table                  sqlite 文件或数据库来源中的表
  source                 数据中心配置的数据库来源 (serve --sources); 此时没有文件, 不写格式与摘要
  rows, sha256           数据行数, 文件 (原样, 未解包) 的 SHA-256
  schema_sha256          目录条目的结构摘要, 由 manifest schema 名称 给出
  acquired               提供方取得数据的日期, 2006-01-02
  delimiter              csv 的分隔符; 省略则按表头从逗号、制表符、分号、竖线中判断

列按名称对应目录, 不多不少。json 是对象数组, jsonl 每行一个对象, 值不嵌套; arrow 是 IPC 文件
(Feather V2) 或流; xlsx 第一个非空行为表头, 不接受公式、合并单元格与错误值, 超过 15 位的数字
须存为文本。Brotli 压缩的 Parquet 不接受。任何一项不符, 数据集保持原样。
内容比目录级别敏感的列只作提示, 不拒绝装载; 之后以 get dataset 名称 可再查看。
质量规则的门禁不放行的版本存而不用 (隔离, 退出码 8), 原版本继续使用, 由提供单位用
quality release 或 quality reject 处置。`,
			`Loads one file under its manifest (YAML or JSON), which names:

  zone, dataset, grant   where it goes and by what right
  format                 csv tsv json jsonl parquet arrow xlsx sqlite
  encoding               of a text, required: utf-8 gb18030 gbk utf-16le utf-16be, or
                         auto: the file tells
  packing                gzip, zstd, or zip (exactly one file in it); optional,
                         the file's first bytes tell
  sheet                  of an xlsx workbook; the first if left out
  table                  of a sqlite file, or of a source
  source                 a database of the data centre (serve --sources): then there
                         is no FILE, and no format or digest of one
  rows, sha256           data rows, and the digest of the file as it is (packed)
  schema_sha256          the digest of the entry's columns, as manifest schema NAME
                         says
  acquired               when the provider took the data, 2006-01-02
  delimiter              of csv; if left out, that of comma, tab, semicolon and pipe
                         by which the header has the columns

Columns go by name, no more and no less than the catalogue's. json is an array of
objects, jsonl one object per line, no value nested; arrow is an IPC file (Feather
V2) or stream; in xlsx the first row that is not empty is the header, formulas,
merged cells and errors are refused, and a number of more than 15 digits must be
stored as text. Parquet compressed with Brotli is not accepted. If anything
differs, the dataset stays as it was. Columns that look more sensitive than their
level are told and refuse nothing; get dataset NAME shows them again. A version
that the gate of the quality rules stops is stored and not used (quarantined, exit
code 8): the one before stays in use until the provider settles it with quality
release or quality reject.`),
		Example: `  zonebox load --as wu.dc visits.csv --manifest visits.manifest.yaml
  zonebox load --as wu.dc visits.csv --manifest visits.manifest.yaml --dry-run
  zonebox load --as wu.dc visits.csv.gz --manifest visits.manifest.yaml
  zonebox load --as wu.dc visits.xlsx --manifest visits.manifest.yaml`,
		Args: nArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			text, err := readFile(manifest, a.stdin)
			if err != nil {
				return err
			}
			m, err := manifestOf(text)
			if err != nil {
				return usageError{fmt.Errorf("%s: %w", manifest, err)}
			}
			if (len(args) == 0) != (m.Source != "") {
				return usageError{errors.New(a.say("须给出一个文件;清单写明数据库来源 (source) 时则不给", "one FILE is needed, and none where the manifest names a source"))}
			}
			var body io.Reader
			finish := func() {}
			if len(args) > 0 {
				f, err := os.Open(args[0])
				if err != nil {
					return fmt.Errorf("zonebox: open delivery: %w", err)
				}
				defer f.Close()
				info, err := f.Stat()
				if err != nil {
					return fmt.Errorf("zonebox: open delivery: %w", err)
				}
				body, finish = a.progress(f, info.Size(), m.Dataset)
			}
			if dry {
				t, err := client.TryLoad(c.Context(), m, body)
				finish()
				if err != nil {
					return err
				}
				return a.printTrial(t, output)
			}
			r, err := client.Load(c.Context(), m, body)
			finish()
			if err != nil {
				return err
			}
			if r.Already {
				fmt.Fprintf(a.stderr, a.say("%s 的现行版本 %s 即为此次交付,未作更改\n", "the version in use of %s, %s, is this delivery; nothing changed\n"), r.Dataset, r.Version)
			} else {
				done := a.say("已装载 %s 版本 %s:%d 行,%d 列,清单 %.12s…\n", "loaded %s version %s: %d rows, %d columns, manifest %.12s…\n")
				if r.Quarantined {
					done = a.say("已存储 %s 版本 %s,未启用:%d 行,%d 列,清单 %.12s…\n", "stored %s version %s, not in use: %d rows, %d columns, manifest %.12s…\n")
				}
				fmt.Fprintf(a.stderr, done,
					r.Dataset, r.Version, r.Rows, r.Columns, r.Manifest)
			}
			for _, w := range r.Warnings {
				fmt.Fprintf(a.stderr, "  ! %s\n", w)
			}
			a.printLookalikes(a.stderr, r.Lookalikes)
			return a.loadedQuality(r)
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, a.say("试装载:核对、解析、检查,不保留任何数据", "go through all of it and keep nothing"))
	c.Flags().StringVarP(&output, "output", "o", "table", a.say("试装载报告的格式: table|json", "format of the report of a dry run: table|json"))
	c.Flags().StringVar(&manifest, "manifest", "", a.say("交付清单 (YAML 或 JSON)", "delivery manifest (YAML or JSON)"))
	if err := c.MarkFlagRequired("manifest"); err != nil {
		panic("zonebox: " + err.Error())
	}
	return c
}

// manifestOf reads a manifest from YAML or JSON.
func manifestOf(text []byte) (query.Manifest, error) {
	plain, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return query.Manifest{}, err
	}
	return query.DecodeManifest(plain)
}

// progress returns a reader of r that draws a bar on stderr if that is a
// terminal, and what ends the bar.
func (a *app) progress(r io.Reader, size int64, title string) (io.Reader, func()) {
	f, ok := a.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return r, func() {}
	}
	bar := progressbar.NewOptions64(size, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(title),
		progressbar.OptionShowBytes(true), progressbar.OptionFullWidth(), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	pr := progressbar.NewReader(r, bar)
	return &pr, func() { _ = bar.Finish() }
}
