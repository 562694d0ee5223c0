package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"zonebox/drop"
	"zonebox/query"
)

func (a *app) loadCmd() *cobra.Command {
	var manifest, output string
	var dry bool
	c := &cobra.Command{
		Use:   "load [FILE|DIR] [--manifest FILE]",
		Short: a.say("按交付清单装载一个数据集版本或一个目录,全部生效或保持原样", "load a dataset version, or a folder of them, under delivery manifests, all or nothing"),
		Long: a.say(`按交付清单装载一个文件;缺省的清单是文件旁的 文件名.manifest.yaml。给出目录时装载其中每个有
清单的文件:先核对全部清单,再同时装载网关允许的个数,一个失败其余继续。已是现行版本的交付
不再装载,中断后重新运行即可续上。装载时显示步骤、行数、速度与剩余时间;--json 每秒写一行
JSON 到标准错误。Ctrl-C 终止装载,并说明终止时的状态。

清单 (YAML 或 JSON) 写明:

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
			`Loads one file under its manifest, FILE.manifest.yaml beside it unless --manifest
names another. Of a folder it loads every file that has one: all manifests are
checked first, then as many are loaded at once as the gate allows, and one that
fails does not stop the others. A delivery that is the current version is not
loaded again: after an interruption, run the same command. Step, rows, speed and
time left are shown; with --json as a line of JSON a second on stderr. Ctrl-C ends
the loads and says how things stand.

A manifest (YAML or JSON) names:

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
  zonebox load --as wu.dc visits.xlsx --manifest visits.manifest.yaml
  zonebox load --as wu.dc deliveries/`,
		Args: nArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			file := ""
			if len(args) > 0 {
				file = args[0]
			}
			info, err := os.Stat(file)
			if err == nil && info.IsDir() {
				if manifest != "" {
					return usageError{errors.New(a.say("目录中的文件各用自己的清单,不能有 --manifest", "the files of a folder have manifests of their own: --manifest cannot be given"))}
				}
				return a.loadFolder(c.Context(), client, file)
			}
			if manifest == "" {
				manifest = file + drop.ManifestSuffix
				if _, err := os.Stat(manifest); file == "" || errors.Is(err, fs.ErrNotExist) {
					return usageError{fmt.Errorf(a.say("没有交付清单 %s;用 --manifest 指明", "there is no manifest %s; name one with --manifest"), manifest)}
				}
			}
			text, err := readFile(manifest, a.stdin)
			if err != nil {
				return err
			}
			m, err := manifestOf(text)
			if err != nil {
				return usageError{fmt.Errorf("%s: %w", manifest, err)}
			}
			if (file == "") != (m.Source != "") {
				return usageError{errors.New(a.say("须给出一个文件;清单写明数据库来源 (source) 时则不给", "one FILE is needed, and none where the manifest names a source"))}
			}
			e := errand{name: m.Dataset, manifest: m}
			if file != "" {
				f, err := os.Open(file)
				if err != nil {
					return fmt.Errorf("zonebox: open delivery: %w", err)
				}
				defer f.Close()
				if info, err = f.Stat(); err != nil {
					return fmt.Errorf("zonebox: open delivery: %w", err)
				}
				e.data, e.size = f, info.Size()
			}
			if dry {
				t, err := client.TryLoad(c.Context(), m, e.data)
				if err != nil {
					return err
				}
				return a.printTrial(t, output)
			}
			meter := a.startMeter(c.Context(), client)
			r, _, err := a.bring(c.Context(), client, meter, e)
			meter.stop()
			if err != nil {
				return err
			}
			return a.printLoaded(r)
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, a.say("试装载:核对、解析、检查,不保留任何数据", "go through all of it and keep nothing"))
	c.Flags().StringVarP(&output, "output", "o", "table", a.say("试装载报告的格式: table|json", "format of the report of a dry run: table|json"))
	c.Flags().StringVar(&manifest, "manifest", "", a.say("交付清单 (YAML 或 JSON),缺省为 文件名.manifest.yaml", "delivery manifest (YAML or JSON); FILE.manifest.yaml by default"))
	return c
}

// printLoaded tells what a load committed.
func (a *app) printLoaded(r *query.LoadReport) error {
	if r.Already {
		fmt.Fprintf(a.stderr, a.say("%s 的现行版本 %s 即为此次交付,未作更改\n", "the version in use of %s, %s, is this delivery; nothing changed\n"), r.Dataset, r.Version)
	} else {
		done := a.say("已装载 %s 版本 %s:%d 行,%d 列,清单 %.12s…\n", "loaded %s version %s: %d rows, %d columns, manifest %.12s…\n")
		if r.Quarantined {
			done = a.say("已存储 %s 版本 %s,未启用:%d 行,%d 列,清单 %.12s…\n", "stored %s version %s, not in use: %d rows, %d columns, manifest %.12s…\n")
		}
		fmt.Fprintf(a.stderr, done, r.Dataset, r.Version, r.Rows, r.Columns, r.Manifest)
	}
	for _, w := range r.Warnings {
		fmt.Fprintf(a.stderr, "  ! %s\n", w)
	}
	a.printLookalikes(a.stderr, r.Lookalikes)
	return a.loadedQuality(r)
}

// manifestOf reads a manifest from YAML or JSON.
func manifestOf(text []byte) (query.Manifest, error) {
	plain, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return query.Manifest{}, err
	}
	return query.DecodeManifest(plain)
}
