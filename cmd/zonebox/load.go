package main

import (
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
	var manifest string
	c := &cobra.Command{
		Use:   "load FILE --manifest FILE",
		Short: a.say("按交付清单装载一个数据集版本,全部生效或保持原样", "load a dataset version under its delivery manifest, all or nothing"),
		Long: a.say(`按交付清单装载 CSV(UTF-8 或 GB18030)或 Parquet。清单写明授权、格式、行数与 SHA-256;
任何一项不符,数据集保持原样。`,
			`Loads CSV (UTF-8 or GB18030) or Parquet. The manifest names grant, format, rows
and SHA-256; if anything differs, the dataset stays as it was.`),
		Example: "  zonebox load --as wu.dc visits.csv --manifest visits.manifest.yaml",
		Args:    nArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			text, err := readFile(manifest, a.stdin)
			if err != nil {
				return err
			}
			var m query.Manifest
			if err := yaml.UnmarshalStrict(text, &m); err != nil {
				return usageError{fmt.Errorf("%s: %w", manifest, err)}
			}
			f, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("zonebox: open delivery: %w", err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				return fmt.Errorf("zonebox: open delivery: %w", err)
			}
			body, finish := a.progress(f, info.Size(), m.Dataset)
			r, err := client.Load(c.Context(), m, body)
			finish()
			if err != nil {
				return err
			}
			fmt.Fprintf(a.stderr, a.say("已装载 %s 版本 %s:%d 行,%d 列,清单 %.12s…\n", "loaded %s version %s: %d rows, %d columns, manifest %.12s…\n"),
				r.Dataset, r.Version, r.Rows, r.Columns, r.Manifest)
			for _, w := range r.Warnings {
				fmt.Fprintf(a.stderr, "  ! %s\n", w)
			}
			return nil
		},
	}
	c.Flags().StringVar(&manifest, "manifest", "", a.say("交付清单 (YAML 或 JSON)", "delivery manifest (YAML or JSON)"))
	if err := c.MarkFlagRequired("manifest"); err != nil {
		panic("zonebox: " + err.Error())
	}
	return c
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
