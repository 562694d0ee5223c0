package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

const root = "../.."

// guides go on where the README's steps end, before it stops the gate.
var guides = []string{"docs/guides/ask.md", "docs/guides/verify.md", "docs/guides/templates.md", "docs/guides/catalogue.md", "docs/guides/explain.md", "docs/guides/review.md", "docs/guides/bench-masking.md", "docs/guides/quality.md", "docs/guides/load.md", "docs/guides/delivery.md", "docs/guides/versions.md", "docs/guides/request.md", "docs/guides/license.md", "docs/guides/packs.md", "docs/guides/switch.md", "docs/guides/partners.md", "docs/guides/supply.md", "docs/guides/alerts.md", "docs/guides/destruction.md"}

// fences returns the fenced blocks of a file in that language.
func fences(t *testing.T, file, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no %s block", file, language)
	}
	return blocks
}

func TestREADMERunsAsWritten(t *testing.T) {
	out := runAsWritten(t, steps(t))
	for _, want := range []string{"COMPUTE_ONLY", "avg_income", "OUTPUT_IN_REVIEW", "****", "born,people", "审计日志完好"} {
		if !strings.Contains(out, want) {
			t.Errorf("the README's commands did not print %q\n%s", want, out)
		}
	}
}

func TestGuidesRunAsWritten(t *testing.T) {
	blocks := steps(t)
	blocks = blocks[:len(blocks)-1] // the last stops the gate
	for _, guide := range guides {
		blocks = append(blocks, fences(t, guide, "sh")...)
	}
	out := runAsWritten(t, blocks)
	for _, want := range []string{
		"clinics 社区卫生服务中心: 已发布", "NegativeList city-2026: 第 1 版", "clinics,社区卫生服务中心,部门", "vaccines 疫苗接种点: 草案", "Template two-districts: 第 1 版", "两区人数与平均收入", "以 3201 开头的六位行政区划代码", "模板: two-districts 1", "PARAMETER_VALUE",
		"- COMPUTE_ONLY_PROJECTED", "- NOT_GRANTED", "相近的可行语句 (ALLOW 允许):\n      SELECT name, avg(income) FROM persons GROUP BY ALL\n",
		"│ 将被拒绝", "LOAD_ROWS 数据集 persons 的行数与清单不符", "│ 可装载",
		"已写数据申请草稿 try/request.yaml", "cmp_lit:<", "persons.income → avg", "哪些行,取决于: GROUP BY persons.district · WHERE persons.birth_date",
		"无效值 resident_id", "无此区划代码 1; 行 2", "zonebox: 已隔离: persons", ": 已退役", "wards 病区床位: 已发布", "\n320102,120\n320104,140\n", "在库版本", "个数据密钥已由版本 2 加密", "有效: shred-",
		": 已授权  下一步: 授权已生效", ": 生效  下一步: 按协议运营", "│ 核同评审结果 │", "│ 2029-12-31 │ 收紧 │", "ACCESS_RECORDS", "ACCESS_CLOSED",
		"的合作方参与门诊就诊统计", "Person zhou.kj: 第 2 版", "综合数据专区向医疗健康数据专区提供", "│ 320104   │ 998000 │", "ZONE_NO_SUPPLY", "denial_burst", "│ 已自动限制,待确认 │ 已解除", "ALERT_STATE",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the guides' commands did not print %q\n%s", want, out)
		}
	}
}

// steps are the shell blocks of the README but those that build.
func steps(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(fences(t, "README.md", "sh"), func(b string) bool { return strings.HasPrefix(b, "make ") })
}

// runAsWritten runs shell blocks, in order, in an empty folder with the binaries
// and the sample documents where they stand in the repository, and returns what
// they print.
func runAsWritten(t *testing.T, blocks []string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "zr") // not t.TempDir: a socket's path is at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	// exec, so that $! is the gate itself.
	wrapper := fmt.Sprintf("#!/bin/sh\nexport ZONEBOX_TEST_PROCESS=zonebox ZONEBOX_WORKER=%q\nexec %q \"$@\"\n", workerBinary, self)
	if err := os.WriteFile(filepath.Join(dir, "bin", "zonebox"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(repository, "cmd"), filepath.Join(dir, "cmd")); err != nil {
		t.Fatal(err)
	}
	script := "set -e\ntrap '[ -z \"$GATE\" ] || kill \"$GATE\" 2>/dev/null || true' EXIT\n"
	script += strings.Join(blocks, "")
	c := exec.CommandContext(t.Context(), "bash", "-c", script)
	c.Dir = dir
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ZONEBOX_") })
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestREADMENamesCommandsAndFlagsThatExist(t *testing.T) {
	tree := (&app{stdout: io.Discard, stderr: io.Discard, lang: "en"}).root()
	seen := 0
	for _, line := range commandLines(t) {
		words := strings.Fields(regexp.MustCompile(`(?s)"[^"]*"`).ReplaceAllString(line, "TEXT"))
		c, rest, err := tree.Find(words)
		if err != nil || c == tree {
			t.Errorf("zonebox %s: no such command", line)
			continue
		}
		seen++
		for _, w := range rest {
			if w == "-" || !strings.HasPrefix(w, "-") {
				continue
			}
			if !hasFlag(c, w) {
				t.Errorf("zonebox %s has no flag %s", c.Name(), w)
			}
		}
	}
	if seen < 20 {
		t.Fatalf("found %d command lines in the README, want 20 or more", seen)
	}
}

// commandLines returns what follows zonebox on each command line of the README
// and the guides.
func commandLines(t *testing.T) []string {
	t.Helper()
	blocks := slices.Concat(fences(t, "README.md", "sh"), fences(t, "README.md", "console"))
	for _, guide := range guides {
		blocks = append(blocks, fences(t, guide, "sh")...)
	}
	text := strings.Join(blocks, "\n")
	text = strings.ReplaceAll(text, "\\\n", " ")
	var lines []string
	for _, m := range regexp.MustCompile(`(?m)(?:bin/|^\$ )zonebox ((?:"[^"]*"|[^|&>)"\n])*)`).FindAllStringSubmatch(text, -1) {
		lines = append(lines, m[1])
	}
	return lines
}

func hasFlag(c *cobra.Command, word string) bool {
	name := strings.TrimLeft(word, "-")
	if strings.HasPrefix(word, "--") {
		return c.Flags().Lookup(name) != nil || c.InheritedFlags().Lookup(name) != nil
	}
	return c.Flags().ShorthandLookup(name) != nil
}

func TestREADMENamesTargetsThatExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, block := range fences(t, "README.md", "sh") {
		if target, ok := strings.CutPrefix(strings.TrimSpace(block), "make "); ok {
			named = append(named, target)
			if !regexp.MustCompile(`(?m)^` + target + `:`).Match(makefile) {
				t.Errorf("the Makefile has no target %s", target)
			}
		}
	}
	if !slices.Equal(named, []string{"demo", "test"}) {
		t.Errorf("the README's make commands are %v, want demo first and test second", named)
	}
}

// TestREADMETranscriptIsTrue repeats the refusal the README opens with.
func TestREADMETranscriptIsTrue(t *testing.T) {
	h := newHome(t)
	h.serve(t)
	transcript := fences(t, "README.md", "console")[0]
	var out, refusal strings.Builder
	code := run(t.Context(), []string{"query", "--as", "li.op", "--scenario", "outpatient-statistics", "--purpose", "MED-STAT",
		"SELECT address FROM persons", "--domain", h.domain(), "--keyring", h.path("keyring"), "--lang", "zh"}, strings.NewReader(""), &out, &refusal)
	if !strings.Contains(transcript, `"SELECT address FROM persons"`) || code != exitDenied {
		t.Fatalf("exited %d, want %d", code, exitDenied)
	}
	shown := 0
	for line := range strings.Lines(transcript) {
		if strings.HasPrefix(line, "zonebox:") {
			shown++
			if !strings.Contains(refusal.String(), line) {
				t.Errorf("the README shows %q, the gate said\n%s", line, refusal.String())
			}
		}
	}
	if shown < 4 {
		t.Errorf("the transcript shows %d lines of the refusal, want at least 4", shown)
	}
}

// TestDocsNameTestsThatExist keeps what docs say is shown true at least by name.
func TestDocsNameTestsThatExist(t *testing.T) {
	exists := map[string]bool{} // "package Test"
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		rel, relErr := filepath.Rel(root, filepath.Dir(path))
		for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`).FindAllSubmatch(text, -1) {
			exists[filepath.ToSlash(rel)+" "+string(m[1])] = true
		}
		return errors.Join(err, relErr)
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		pkg := ""
		for line := range strings.Lines(string(text)) {
			for _, word := range regexp.MustCompile(`[a-z][a-z/]*(?:: | )(?:Test|Fuzz|Benchmark)[A-Z]\w+|(?:Test|Fuzz|Benchmark)[A-Z]\w+`).FindAllString(line, -1) {
				if before, name, ok := strings.Cut(strings.Replace(word, ":", "", 1), " "); ok {
					pkg, word = before, name
				}
				named++
				if !exists[pkg+" "+word] {
					t.Errorf("%s names %s of package %s, which does not exist", filepath.Base(page), word, pkg)
				}
			}
		}
	}
	if named < 100 {
		t.Errorf("found %d names of tests in docs, want a hundred or more", named)
	}
}
