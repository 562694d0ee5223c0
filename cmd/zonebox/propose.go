package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"zonebox/api"
	"zonebox/drop"
	"zonebox/query"
	"zonebox/registry"
)

// Drafts that propose writes beside a file.
const (
	entryDraft    = ".entry.yaml"
	manifestDraft = ".manifest.draft.yaml"
)

// drafting is what the drafts say that no file can tell.
type drafting struct{ dataset, zone, grant, provider, acquired string }

func (a *app) proposeCmd() *cobra.Command {
	var d drafting
	var output, source, table string
	c := &cobra.Command{
		Use:   "propose FILE…|DIR | --source SOURCE --table TABLE",
		Short: a.say("读一个文件或数据库的表,起草目录条目与交付清单,供提供单位核定", "read a file or a table of a database and draft its catalogue entry and manifest, for the provider to decide"),
		Long: a.say(`由网关的工作进程读取文件,起草 文件名.entry.yaml (目录条目) 与 文件名.manifest.draft.yaml (清单)。
草案写明编码、分隔符、列与类型、中文标题、建议的类别与级别、个人信息标志、主体标识候选,每列附一句
理由;不含任何取值。拿不准的列不写级别与个人信息标志,未补全之前 apply 拒绝。级别由提供单位核定。
中文列名照用 (语句中加双引号)。清单补全后改名为 文件名.manifest.yaml。已有的草案不覆盖。
小数的整数位比取样中最长的多留两位。

--source 与 --table 读数据中心所配来源的一个表,草案写在当前目录,名为 来源.表;限数据中心与该来源的提供单位。`,
			`A worker of the gate reads the file; FILE.entry.yaml (catalogue entry) and
FILE.manifest.draft.yaml are written: encoding, delimiter, columns and types,
Chinese titles, proposed classes and levels, marks of personal information,
candidates for whom a row is about, each column with its reason. They hold no
value. Where a column is doubtful, level and mark are left out, and apply refuses
until they are there: levels are the provider's. Chinese names stay (quoted in
SQL). Rename the manifest to FILE.manifest.yaml when it is complete. Drafts that are
there are not overwritten. A decimal has two digits more than the greatest value.

--source and --table read a table of a source of the data centre's; the drafts are
written to the current folder and called SOURCE.TABLE. They are for the data centre
and the provider whose data the source holds.`),
		Example: "  zonebox propose --as zheng.police --zone medical --provider public-security persons.csv\n  zonebox propose --as wu.dc deliveries/\n  zonebox propose --as wu.dc --zone medical --source his --table visits",
		Args:    nArgs(0, 1000),
		RunE: func(c *cobra.Command, args []string) error {
			if (source == "") != (table == "") || (source == "") != (len(args) > 0) {
				return usageError{errors.New(a.say("写明文件,或 --source 与 --table", "name files, or --source and --table"))}
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			if source != "" {
				p, err := client.Propose(c.Context(), query.ProposalRequest{SHA256: hex.EncodeToString(sha256.New().Sum(nil)), Source: source, Table: table}, strings.NewReader(""), 0)
				if err != nil {
					return err
				}
				if output == "json" {
					return a.printJSON(p)
				}
				if d.dataset == "" {
					d.dataset = tableName(table)
				}
				return a.writeDrafts(fileName(source)+"."+fileName(table), d, p)
			}
			files, err := proposable(args)
			if err != nil {
				return err
			}
			if len(files) > 1 && d.dataset != "" {
				return usageError{errors.New(a.say("--dataset 只用于一个文件", "--dataset goes with one file"))}
			}
			for _, name := range files {
				p, err := a.propose(c.Context(), client, name)
				if err != nil {
					return err
				}
				if output == "json" {
					if err := a.printJSON(p); err != nil {
						return err
					}
					continue
				}
				if err := a.writeDrafts(name, d, p); err != nil {
					return err
				}
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&d.dataset, "dataset", "", a.say("数据集名称,缺省取自文件名", "name of the dataset; by default the file's"))
	f.StringVar(&d.zone, "zone", "", a.say("专区", "zone"))
	f.StringVar(&d.grant, "grant", "", a.say("清单所写的授权", "grant that the manifest names"))
	f.StringVar(&d.provider, "provider", "", a.say("数据提供单位", "organization that provides the data"))
	f.StringVar(&d.acquired, "acquired", "", a.say("取得数据的日期, 2006-01-02", "when the data were taken, 2006-01-02"))
	f.StringVar(&source, "source", "", a.say("数据中心所配的来源,代替文件", "source of the data centre's, in place of a file"))
	f.StringVar(&table, "table", "", a.say("来源的表", "table of the source"))
	f.StringVarP(&output, "output", "o", "draft", a.say("draft 写草案,json 打印提案", "draft writes drafts, json prints the proposal"))
	return c
}

// proposable returns the files named, and those of folders that are no drafts,
// manifests or folders.
func proposable(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("zonebox: propose: %w", err)
		}
		if !info.IsDir() {
			out = append(out, arg)
			continue
		}
		entries, err := os.ReadDir(arg)
		if err != nil {
			return nil, fmt.Errorf("zonebox: propose: %w", err)
		}
		for _, e := range entries {
			if name := e.Name(); e.Type().IsRegular() && !strings.HasPrefix(name, ".") && !strings.HasSuffix(name, drop.ManifestSuffix) &&
				!strings.HasSuffix(name, manifestDraft) && !strings.HasSuffix(name, entryDraft) && !strings.HasSuffix(name, ".md") {
				out = append(out, filepath.Join(arg, name))
			}
		}
	}
	return out, nil
}

func (a *app) propose(ctx context.Context, client *api.Client, name string) (*query.Proposal, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("zonebox: propose: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, interruptible{ctx, f})
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, fmt.Errorf("zonebox: propose: %w", err)
	}
	in := query.ProposalRequest{SHA256: hex.EncodeToString(sum.Sum(nil)), Format: formatOf(name)}
	p, err := client.Propose(ctx, in, f, size)
	if err != nil {
		fmt.Fprintf(a.stderr, "%s:\n", printable(filepath.Base(name)))
	}
	return p, err
}

// formatOf tells the format by a file's name, "" where the content has to.
func formatOf(name string) string {
	ext := strings.ToLower(filepath.Ext(name))
	if ext == ".gz" || ext == ".zst" || ext == ".zip" {
		ext = strings.ToLower(filepath.Ext(strings.TrimSuffix(name, filepath.Ext(name))))
	}
	return map[string]string{".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow", ".xlsx": "xlsx"}[ext]
}

// writeDrafts writes the drafts beside the file and says what has to be decided.
func (a *app) writeDrafts(name string, d drafting, p *query.Proposal) error {
	if d.dataset == "" {
		d.dataset = tableName(filepath.Base(name))
	}
	for _, draft := range []struct{ name, text string }{{name + entryDraft, a.entryDraft(d, p)}, {name + manifestDraft, a.manifestDraft(d, p)}} {
		f, err := os.OpenFile(draft.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return fmt.Errorf("zonebox: write draft: %w", err)
		}
		if _, err := f.WriteString(draft.text); err != nil {
			return errors.Join(fmt.Errorf("zonebox: write draft: %w", err), f.Close())
		}
		if err := f.Close(); err != nil {
			return fmt.Errorf("zonebox: write draft: %w", err)
		}
	}
	open := 0
	for _, c := range p.Columns {
		if c.Level == 0 || c.Personal == nil {
			open++
		}
	}
	fmt.Fprintf(a.stderr, a.say("%s: %s 行,%d 列,%s %s;%d 列的级别待定 → %s, %s\n", "%s: %s rows, %d columns, %s %s; %d levels to be decided → %s, %s\n"),
		printable(filepath.Base(name)), grouped(p.Rows), len(p.Columns), p.Format, p.Encoding, open,
		printable(filepath.Base(name)+entryDraft), printable(filepath.Base(name)+manifestDraft))
	if !p.Header {
		fmt.Fprint(a.stderr, a.say("  ! 似乎没有表头:请提供单位加上表头\n", "  ! there seems to be no header: have the provider add one\n"))
	}
	return nil
}

var noTable = regexp.MustCompile(`[^a-z0-9_]+`)

// fileName returns a name that is no path.
func fileName(s string) string {
	return strings.TrimLeft(strings.Map(func(r rune) rune {
		if r == '/' || r < ' ' || r == 0x7F {
			return '_'
		}
		return r
	}, s), ".")
}

// tableName returns a name of a dataset for a file's.
func tableName(file string) string {
	stem, _, _ := strings.Cut(file, ".")
	name := strings.Trim(noTable.ReplaceAllString(strings.ToLower(stem), "_"), "_")
	if name == "" || name[0] < 'a' || name[0] > 'z' {
		name = "t_" + name
	}
	return strings.TrimSuffix(name[:min(len(name), 60)], "_")
}

// quoted writes a text into YAML.
func quoted(s string) string { return strconv.Quote(s) }

// filled is a field of a draft: its value, or none and what belongs there.
func filled(name, value, what string) string {
	if value == "" {
		return "  " + name + ":  # " + what + "\n"
	}
	return "  " + name + ": " + quoted(value) + "\n"
}

func (a *app) entryDraft(d drafting, p *query.Proposal) string {
	var b strings.Builder
	todo := a.say("待填", "to be filled in")
	b.WriteString(a.say("# 目录条目草案:由提供单位核定。带“待定”的列须写明 class、level 与 personal_info,三级及以上另须 cause_code。\n", "# Draft of a catalogue entry, for its provider to decide. Columns marked \"undecided\" need class, level and personal_info, from level 3 on a cause_code.\n"))
	b.WriteString(fmt.Sprintf(a.say("# 取样 %d 行;类别与级别只是建议。\n", "# By a sample of %d rows; classes and levels are proposals.\n"), p.Sample))
	b.WriteString("kind: Dataset\nname: " + d.dataset + "\nspec:\n")
	b.WriteString(filled("title", "", todo))
	b.WriteString(filled("zone", d.zone, todo))
	b.WriteString("  category: {kind: DEPARTMENT}\n")
	b.WriteString(filled("provider", d.provider, todo))
	b.WriteString(filled("provider_type", "", todo))
	b.WriteString(filled("collector", d.provider, todo))
	b.WriteString(filled("auditor", d.provider, todo))
	b.WriteString("  format: TABLE\n  share_type: CONDITIONAL\n  share_mode: REQUEST_RESPONSE\n")
	b.WriteString(filled("share_reason", "", todo))
	b.WriteString("  open_type: CONDITIONAL\n")
	b.WriteString(filled("open_reason", "", todo))
	b.WriteString(filled("legal_basis", "", todo+" []"))
	b.WriteString(filled("use_requirements", "", todo))
	b.WriteString(filled("review_due", "", todo))
	b.WriteString(filled("secret_flag", "", a.say("待定:涉密数据不得进入专区", "undecided: secrets are never taken into a zone")))
	b.WriteString(fmt.Sprintf("  personal_info: %t\n", p.Personal))
	b.WriteString(filled("public_safety", "", a.say("待定", "undecided")))
	switch {
	case p.Entity != "":
		b.WriteString("  entity: {column: " + quoted(p.Entity) + ", kind: person}  # " + a.say("候选:请核实一行说的是谁", "candidate: check whom a row is about") + "\n")
	case p.Personal:
		b.WriteString(filled("entity", "", a.say("待定:{column: 列, kind: person},一行说的是谁", "undecided: {column: …, kind: person}, whom a row is about")))
	default:
		b.WriteString("  entity: null\n")
	}
	acquired := ""
	if d.acquired != "" {
		acquired = quoted(d.acquired)
	}
	b.WriteString("  source: {acquired: " + acquired + ", update_frequency: }  # " + todo + "\n  status: DRAFT\n  columns:\n")
	for _, c := range p.Columns {
		b.WriteString("    # " + a.say(c.WhyZH, c.WhyEN))
		if c.Key {
			b.WriteString(a.say(";取样中无重复", "; no two rows of the sample have the same"))
		}
		if c.Codes {
			b.WriteString(fmt.Sprintf(a.say(";取样中约 %d 种取值,若为公开代码表可写 public_codes: [代码, …],分组标签方可出域", "; about %d values in the sample, if they are a public code list say public_codes: [CODE, …]: then they may leave as labels of groups"), c.Distinct))
		}
		b.WriteString("\n    - name: " + quoted(c.Name) + "\n")
		line := func(name, value string) {
			if value != "" {
				b.WriteString("      " + name + ": " + value + "\n")
			}
		}
		if c.Title != "" {
			line("title", quoted(c.Title))
		}
		line("type", c.Type)
		if c.Class == "" {
			b.WriteString("      # class: " + a.say("待定", "undecided") + "\n")
		}
		line("class", c.Class)
		line("pi_kind", c.PIKind)
		if c.Level > 0 {
			line("level", strconv.Itoa(c.Level))
		} else {
			least := ""
			if c.Least > 0 {
				least = fmt.Sprintf(a.say(",建议不低于 %d", ", at least %d is proposed"), c.Least)
			}
			b.WriteString("      # level: " + a.say("待定", "undecided") + least + "\n")
		}
		if c.Personal != nil {
			line("personal_info", strconv.FormatBool(*c.Personal))
			if *c.Personal {
				line("cause_code", "PRIVACY")
			}
		} else {
			b.WriteString("      # personal_info: " + a.say("待定", "undecided") + "\n")
		}
		line("secret_flag", "false")
		if c.Nullable {
			line("nullable", "true")
		}
	}
	return b.String()
}

func (a *app) manifestDraft(d drafting, p *query.Proposal) string {
	var entry registry.Dataset
	for _, c := range p.Columns {
		entry.Columns = append(entry.Columns, registry.Column{Name: c.Name, Type: c.Type})
	}
	var b strings.Builder
	b.WriteString(a.say("# 交付清单草案:补全后改名为 数据文件名.manifest.yaml。列或类型改动后,用 manifest schema 重取 schema_sha256。\n",
		"# Draft of a manifest: rename it to FILE.manifest.yaml when it is complete. After a change of columns or types take schema_sha256 from manifest schema.\n"))
	field := func(name, value string) {
		if value != "" {
			b.WriteString(name + ": " + value + "\n")
		}
	}
	for _, f := range [][2]string{{"zone", d.zone}, {"dataset", d.dataset}, {"grant", d.grant}, {"acquired", d.acquired}} {
		if f[1] == "" {
			b.WriteString(f[0] + ":  # " + a.say("待填", "to be filled in") + "\n")
			continue
		}
		field(f[0], quoted(f[1]))
	}
	if p.Source != "" {
		field("source", quoted(p.Source))
		field("table", quoted(p.Table))
		field("schema_sha256", quoted(entry.SchemaSHA256()))
		return b.String()
	}
	field("format", p.Format)
	field("encoding", p.Encoding)
	field("packing", p.Packing)
	if p.Delimiter != "" {
		field("delimiter", quoted(p.Delimiter))
	}
	field("rows", strconv.FormatInt(p.Rows, 10))
	field("sha256", quoted(p.SHA256))
	field("schema_sha256", quoted(entry.SchemaSHA256()))
	return b.String()
}
