package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"zonebox/config"
	"zonebox/query"
	"zonebox/registry"
)

// The documents of the demo city. People are added with keys made on the spot.
//
//go:embed demo/*.yaml
var demoDocuments embed.FS

// demoPeople are the people of the demo city; the first founds the domain.
var demoPeople = []struct{ user, name, org, role, permissions string }{
	{"zhao.city", "赵市数", "city-data-authority", registry.RoleCityAuthority, ""},
	{"sun.health", "孙卫健", "health-commission", registry.RoleZoneRegulator, "recipe, destroy"},
	{"zheng.police", "郑户政", "public-security", registry.RoleProvider, "recipe"},
	{"qian.hospital", "钱医管", "hospital-group", registry.RoleProvider, "recipe"},
	{"wu.dc", "吴数据", "data-centre", registry.RoleDataCentre, "export, destroy"},
	{"li.op", "李运营", "huiyi", registry.RoleOperator, ""},
	{"feng.audit", "冯审计", "third-party", registry.RoleAuditor, ""},
}

// demoLeast is the smallest city whose groups in the demo have ten people.
const demoLeast = 3000

func (a *app) demoCmd() *cobra.Command {
	var rows int64
	var worker, keep string
	c := &cobra.Command{
		Use:   "demo",
		Short: a.say("在临时目录中建一座城市,走完从装载到审计的全程", "build a city in a temporary folder and walk the whole course, from load to audit"),
		Long: a.say("建一个临时域:生成登记册并装载,签订医疗专区协议,提问、审核、放行、拒绝,最后核验审计日志。任何一步与所述不符即以非零退出。",
			"Makes a temporary domain: generates and loads registers, signs a medical-zone license, asks, reviews, releases, refuses, and verifies the audit log. Exits non-zero if any step is not as stated."),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if rows < demoLeast {
				return usageError{fmt.Errorf(a.say("--rows 至少为 %d,否则分组过小", "--rows must be at least %d, or its groups are too small"), demoLeast)}
			}
			dir := keep
			if dir == "" {
				var err error
				if dir, err = os.MkdirTemp("", "zonebox-demo-"); err != nil {
					return fmt.Errorf("zonebox: demo: %w", err)
				}
				defer os.RemoveAll(dir)
			} else if err := os.MkdirAll(dir, 0o700); err != nil {
				return fmt.Errorf("zonebox: demo: %w", err)
			}
			var err error
			if worker, err = workerPath(worker); err != nil {
				return err
			}
			d := &demo{app: a, ctx: c.Context(), dir: dir, rows: rows, worker: worker, began: time.Now()}
			return d.walk()
		},
	}
	c.Flags().Int64Var(&rows, "rows", 100_000, a.say("人口数", "people in the city"))
	a.declare(c.Flags(), []config.Setting{workerSetting(&worker)})
	c.Flags().StringVar(&keep, "keep", "", a.say("在此目录中建域并保留", "make the domain in this folder and keep it"))
	return c
}

// demo is one walk through the city. Its steps call the command line itself, in
// this process, as a user would.
type demo struct {
	*app
	ctx    context.Context
	dir    string
	rows   int64
	worker string
	began  time.Time
	step   int
	gate   *gate
}

// outcome is what one command line printed and returned.
type outcome struct {
	code        int
	out, errout string
}

// zonebox runs one command line.
func (d *demo) zonebox(args ...string) outcome {
	var out, errout bytes.Buffer
	args = append(args, "--domain", d.path("domain"), "--keyring", d.path("keyring"), "--lang", d.lang)
	code := runAt(d.ctx, d.now, args, strings.NewReader(""), &out, &errout)
	return outcome{code, out.String(), errout.String()}
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// title prints the heading of a step.
func (d *demo) title(zh, en string) {
	d.step++
	bold, plain := "", ""
	if f, ok := d.stdout.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" {
		bold, plain = "\033[1m", "\033[0m"
	}
	fmt.Fprintf(d.stdout, "\n%s%d. %s%s  (%.1f s)\n", bold, d.step, d.say(zh, en), plain, time.Since(d.began).Seconds())
}

// tell shows a command line as typed and what it printed, and fails unless it
// ended with the code and printed every text wanted.
func (d *demo) tell(code int, args []string, want ...string) (outcome, error) {
	shown := make([]string, len(args))
	for i, arg := range args {
		shown[i] = arg
		if strings.ContainsAny(arg, " *'()") {
			shown[i] = `"` + arg + `"`
		}
	}
	fmt.Fprintf(d.stdout, "$ zonebox %s\n", strings.ReplaceAll(strings.Join(shown, " "), d.dir, "…"))
	o := d.zonebox(args...)
	fmt.Fprint(d.stdout, o.out, o.errout)
	if o.code != code {
		return o, fmt.Errorf("zonebox: demo: %s exited %d, want %d", args[0], o.code, code)
	}
	for _, w := range want {
		if !strings.Contains(o.out+o.errout, w) {
			return o, fmt.Errorf("zonebox: demo: %s did not print %q", args[0], w)
		}
	}
	return o, nil
}

func (d *demo) query(code int, sql string, want ...string) error {
	_, err := d.tell(code, []string{"query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", sql}, want...)
	return err
}

// walk is the demo, step by step.
func (d *demo) walk() (err error) {
	for _, step := range []func() error{d.found, d.register, d.load, d.aggregate, d.average, d.join, d.suppress, d.records, d.refusals, d.explain, d.sealed} {
		if err = step(); err != nil {
			break
		}
	}
	if d.gate != nil {
		err = errors.Join(err, d.gate.stop())
	}
	if err != nil {
		return err
	}
	if err := d.verify(); err != nil {
		return err
	}
	fmt.Fprintf(d.stdout, d.say("\n全部步骤如所述,用时 %.1f 秒。\n", "\nEvery step went as stated, in %.1f s.\n"), time.Since(d.began).Seconds())
	return nil
}

func (d *demo) found() error {
	d.title("建域:登记处、密钥库(域目录之外)、审计日志", "Make the domain: registry, key store (outside of it), audit log")
	pass := d.path("passphrase")
	if err := os.WriteFile(pass, []byte(rand.Text()), 0o600); err != nil {
		return fmt.Errorf("zonebox: demo: %w", err)
	}
	founder := demoPeople[0]
	if _, err := d.tell(exitOK, []string{"init", "--as", founder.user, "--real-name", founder.name, "--passphrase-file", pass}); err != nil {
		return err
	}
	secret, err := os.ReadFile(pass)
	if err != nil {
		return fmt.Errorf("zonebox: demo: %w", err)
	}
	d.gate, err = startGate(d.ctx, socketOf(d.path("domain")), listening{}, query.Config{
		Domain: d.path("domain"), Keys: d.path("domain") + ".keys", Passphrase: secret, Worker: d.worker, Idle: 2,
		Log: slog.New(slog.DiscardHandler), Now: d.now,
	})
	return err
}

func (d *demo) register() error {
	d.title("登记机构、人员、专区;提供单位编制、市数据主管部门批准目录;三方签订协议;监管与提供单位两步同意授权", "Register organizations, people and zone; providers write the catalogue, the city authority approves it; three parties sign the license; regulator and provider agree to the grants")
	for _, s := range []struct {
		file, by string
		signers  []string
	}{
		{"organizations.yaml", "zhao.city", nil},
		{"people.yaml", "zhao.city", nil},
		{"zone.yaml", "zhao.city", nil},
		{"persons.yaml", "zheng.police", []string{"zheng.police", "zhao.city"}},
		{"visits.yaml", "qian.hospital", []string{"qian.hospital", "zhao.city"}},
		{"license.yaml", "zhao.city", []string{"sun.health", "zhao.city", "li.op"}},
		{"grants.yaml", "zhao.city", []string{"sun.health"}},
	} {
		path := d.path(s.file)
		text, err := d.document(s.file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return fmt.Errorf("zonebox: demo: %w", err)
		}
		for _, by := range s.signers {
			if err := d.sign(path, by); err != nil {
				return err
			}
		}
		if s.file == "grants.yaml" {
			if err := d.signEach(path); err != nil {
				return err
			}
		}
		if _, err := d.tell(exitOK, []string{"apply", "--as", s.by, "-f", path}); err != nil {
			return err
		}
	}
	_, err := d.tell(exitOK, []string{"get", "license", "--as", "li.op"}, "medical-2026")
	return err
}

// document returns an embedded file, or the people with keys made now.
func (d *demo) document(name string) ([]byte, error) {
	if name != "people.yaml" {
		return demoDocuments.ReadFile("demo/" + name)
	}
	var b bytes.Buffer
	for _, p := range demoPeople[1:] {
		o := d.zonebox("user", p.user)
		if o.code != exitOK {
			return nil, fmt.Errorf("zonebox: demo: user %s: %s", p.user, o.errout)
		}
		fmt.Fprintf(&b, "---\nkind: Person\nname: %s\nspec:\n  real_name: %s\n  organization: %s\n  roles: [%s]\n  permissions: [%s]\n  status: active\n", p.user, p.name, p.org, p.role, p.permissions)
		for line := range strings.Lines(o.out) {
			b.WriteString("  " + line)
		}
	}
	return b.Bytes(), nil
}

func (d *demo) sign(path, by string) error {
	o := d.zonebox("sign", "--as", by, "-f", path)
	if o.code != exitOK {
		return fmt.Errorf("zonebox: demo: sign as %s: %s", by, o.errout)
	}
	return os.WriteFile(path, []byte(o.out), 0o600)
}

// signEach has the provider of each grant sign that grant.
func (d *demo) signEach(path string) error {
	docs, err := readDocuments(path)
	if err != nil {
		return err
	}
	var all bytes.Buffer
	for i, doc := range docs {
		g, err := registry.SpecOf[registry.Grant](doc)
		if err != nil {
			return err
		}
		text, err := json.Marshal(doc)
		if err != nil {
			return fmt.Errorf("zonebox: demo: %w", err)
		}
		one := fmt.Sprintf("%s.%d", path, i)
		if err := os.WriteFile(one, text, 0o600); err != nil {
			return fmt.Errorf("zonebox: demo: %w", err)
		}
		if err := d.sign(one, g.Prov.By); err != nil {
			return err
		}
		signed, err := os.ReadFile(one)
		if err != nil {
			return fmt.Errorf("zonebox: demo: %w", err)
		}
		all.Write(signed)
	}
	return os.WriteFile(path, all.Bytes(), 0o600)
}

func (d *demo) load() error {
	d.title("装载:UTF-8 与 GB18030 的登记册,按清单核对,加密入库", "Load: registers in UTF-8 and GB18030, checked against their manifests, stored encrypted")
	for _, r := range []delivery{
		{register: "persons", grant: "persons-statistics", encoding: "gb18030", rows: d.rows},
		{register: "visits", grant: "visits-statistics", encoding: "utf-8", rows: 3 * d.rows},
	} {
		r.out, r.format, r.zone, r.seed = d.path(r.register+".csv"), "csv", "medical", 20240524
		if err := d.writeRegister(r); err != nil {
			return err
		}
		if _, err := d.tell(exitOK, []string{"load", "--as", "wu.dc", r.out, "--manifest", r.out + ".manifest.yaml"}, fmt.Sprint(r.rows)); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) aggregate() error {
	d.title("允许:各区就诊人次", "Allowed: visits by district")
	return d.query(exitOK, "SELECT district, count(*) AS visits FROM visits GROUP BY district ORDER BY visits DESC LIMIT 5",
		"320102", "nanjing-2024")
}

func (d *demo) average() error {
	d.title("可用不可见:收入只可求均值", "Usable, not visible: income may only be averaged")
	return d.query(exitOK, "SELECT district, round(avg(income), 0) AS avg_income FROM persons WHERE district LIKE '3201%' GROUP BY district ORDER BY district LIMIT 5", "320102")
}

func (d *demo) join() error {
	d.title("以令牌连接两个登记册", "Join two registers on tokens")
	return d.query(exitOK, `SELECT v.diagnosis, p.birth_date AS born, count(*) AS visits, avg(v.cost) AS avg_cost
FROM persons p JOIN visits v ON p.id_number = v.id_number
WHERE v.diagnosis IN ('I10', 'E11') GROUP BY v.diagnosis, p.birth_date ORDER BY visits DESC LIMIT 5`, "I10")
}

func (d *demo) suppress() error {
	d.title("小分组不予显示:罕见病按姓氏、出生年与区划", "Small groups are suppressed: a rare disease by surname, year of birth and district")
	return d.query(exitOK, `SELECT p.name AS surname, p.birth_date AS born, v.district, count(*) AS visits
FROM persons p JOIN visits v ON p.id_number = v.id_number
WHERE v.diagnosis = 'G12' GROUP BY p.name, p.birth_date, v.district`, "\n0 行 rows")
}

func (d *demo) records() error {
	d.title("记录级输出:脱敏,语句先审批,结果再由两个单位的两人审核", "Records: masked, the statement approved first, the output by two people of two organizations")
	o, err := d.tell(exitReview, []string{"query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", "--json",
		"SELECT name, phone, birth_date, district FROM persons WHERE district = '320104' ORDER BY name, phone LIMIT 5"}, "QUERY_IN_REVIEW")
	if err != nil {
		return err
	}
	var p struct{ Run string }
	if err := json.Unmarshal([]byte(o.out), &p); err != nil {
		return fmt.Errorf("zonebox: demo: %w", err)
	}
	for _, s := range []struct {
		code int
		args []string
		want string
	}{
		{exitOK, []string{"review", "list", "--as", "sun.health"}, p.Run},
		{exitUsage, []string{"review", "approve", "--as", "zheng.police", p.Run}, "NOT_FOUND"},
		{exitOK, []string{"review", "approve", "--as", "sun.health", p.Run, "--basis", "NJ24-14"}, "APPROVED"},
		{exitReview, []string{"query", "--as", "li.op", "--resume", p.Run}, "OUTPUT_IN_REVIEW"},
		{exitOK, []string{"review", "approve", "--as", "sun.health", p.Run, "--basis", "NJ24-14"}, "REVIEWING_SECOND"},
		{exitOK, []string{"review", "approve", "--as", "zheng.police", p.Run, "--basis", "NJ24-15"}, "APPROVED"},
		{exitOK, []string{"query", "--as", "li.op", "--resume", p.Run}, "****"},
	} {
		if _, err := d.tell(s.code, s.args, s.want); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) refusals() error {
	d.title("拒绝:每次都说明依据与下一步", "Refusals: each with its article and the next step")
	for _, r := range []struct{ sql, code, article string }{
		{"SELECT address FROM persons", "NOT_GRANTED", "NJ24-13"},
		{"SELECT max(income) FROM persons", "AGGREGATE", "NJ24-14"},
		{"SELECT count(*) FROM persons WHERE income > 500000", "COMPUTE_ONLY_PREDICATE", "NJ24-14"},
		{"SELECT * FROM read_csv('/etc/passwd')", "FUNCTION_NOT_ALLOWED", "NJ24-16"},
	} {
		if err := d.query(exitDenied, r.sql, r.code, r.article); err != nil {
			return err
		}
	}
	_, err := d.tell(exitDenied, []string{"query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "AD-TARGETING",
		"SELECT count(*) AS n FROM visits"}, "NJ24-13")
	return err
}

func (d *demo) explain() error {
	d.title("解释:不触及数据,说明裁决、形态、血缘与将要执行的语句", "Explain: verdict, forms, lineage and the SQL that would run, without touching data")
	_, err := d.tell(exitOK, []string{"explain", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT",
		"SELECT department, avg(cost) AS avg_cost FROM visits GROUP BY department"}, "ALLOW", "visits.cost → avg", "__")
	if err != nil {
		return err
	}
	d.title("被拒绝的语句:全部理由、相近的可行语句、所需的最小授权", "A refused statement: every reason, one near it that passes, and the least grants it lacks")
	_, err = d.tell(exitDenied, []string{"explain", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", "--request", d.path("request.yaml"),
		"SELECT name, income FROM persons WHERE address LIKE '梧桐%'"}, "COMPUTE_ONLY_PROJECTED", "NOT_GRANTED", "SELECT name, avg(income) FROM persons GROUP BY ALL", "persons-statistics")
	return err
}

func (d *demo) sealed() error {
	d.title("密封结果:只有接收人能打开", "The sealed file: only its recipient can open it")
	file := d.path("departments.zbx")
	_, err := d.tell(exitOK, []string{"query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT", "--save", file,
		"SELECT department, count(*) AS visits FROM visits GROUP BY department ORDER BY visits DESC LIMIT 3"})
	if err != nil {
		return err
	}
	if _, err := d.tell(exitOK, []string{"open", "--as", "li.op", file, "-o", "csv"}, "department,visits"); err != nil {
		return err
	}
	_, err = d.tell(exitDenied, []string{"open", "--as", "wu.dc", file}, "NOT_RECIPIENT")
	return err
}

func (d *demo) verify() error {
	d.title("核验审计日志(网关已停,离线)", "Verify the audit log (the gate is stopped; offline)")
	_, err := d.tell(exitOK, []string{"audit", "verify"})
	return err
}
