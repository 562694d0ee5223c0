package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"zonebox/config"
	"zonebox/policy"
)

// version is of the release; the linker sets it (make dist).
var version = "devel"

// programFile is a file that runs, as it lies on this host.
type programFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

func (a *app) versionCmd() *cobra.Command {
	var output, worker string
	c := &cobra.Command{
		Use:   "version",
		Short: a.say("版本、本程序与工作进程程序的摘要、随附的政策包", "version, digests of this program and of the worker's, packs it carries"),
		Long: a.say(`版本、本程序与工作进程程序的 SHA-256、随附的城市政策包及其摘要。摘要与发行包的 SHA256SUMS 一致。
网关上施行的政策包以 pack list 为准。不联系网关。`,
			`The version, the SHA-256 of this program and of the worker's, which are those of the
archive's SHA256SUMS, and the city packs it carries. Which packs are in force at a gate
pack list tells. Asks no gate.`),
		Example: "  zonebox version\n  zonebox version -o json",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			self, err := os.Executable()
			if err != nil {
				return fmt.Errorf("zonebox: find own binary: %w", err)
			}
			if worker, err = workerPath(worker); err != nil {
				return err
			}
			report := struct {
				Version string                `json:"version"`
				Go      string                `json:"go"`
				System  string                `json:"system"`
				Gate    *programFile          `json:"zonebox"`
				Worker  *programFile          `json:"worker,omitempty"` // none where there is no such file
				Packs   []policy.EmbeddedPack `json:"packs"`
			}{Version: version, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
			if report.Gate, err = digest(self); err != nil {
				return err
			}
			if report.Worker, err = digest(worker); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if report.Packs, err = policy.EmbeddedPacks(); err != nil {
				return err
			}
			if output == "json" {
				return a.printJSON(report)
			}
			t := newTable("zonebox", report.Version, report.System+" "+report.Go)
			t.AppendRow([]any{a.say("网关与命令行", "gate and command line"), printable(report.Gate.Path), "sha256 " + report.Gate.SHA256[:16]})
			if report.Worker != nil {
				t.AppendRow([]any{a.say("工作进程", "worker"), printable(report.Worker.Path), "sha256 " + report.Worker.SHA256[:16]})
			} else {
				t.AppendRow([]any{a.say("工作进程", "worker"), printable(worker), a.say("没有此文件", "no such file")})
			}
			for _, p := range report.Packs {
				t.AppendRow([]any{a.say("政策包", "pack"), p.ID, "sha256 " + p.SHA256[:16]})
			}
			_, err = fmt.Fprintln(a.stdout, t.Render())
			return err
		},
	}
	a.declare(c.Flags(), []config.Setting{workerSetting(&worker)})
	c.Flags().StringVarP(&output, "output", "o", "table", "table|json")
	return c
}

// digest reads a program.
func digest(path string) (*programFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("zonebox: version: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("zonebox: version: %w", err)
	}
	return &programFile{path, hex.EncodeToString(h.Sum(nil))}, nil
}
