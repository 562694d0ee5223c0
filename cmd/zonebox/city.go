package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"zonebox/internal/city"
	"zonebox/query"
	"zonebox/registry"
)

func (a *app) cityCmd() *cobra.Command {
	var rows int64
	var seed uint64
	var out, format, encoding, zone, grant string
	c := &cobra.Command{
		Use:   "city REGISTER",
		Short: a.say("生成虚构城市的登记册与交付清单,供试用与压力测试", "generate a register of an invented city and its delivery manifest"),
		Long: a.say("生成虚构城市的登记册:persons、visits、enterprises、trips。同一种子与行数总得到同样的字节。",
			"Generates a register of an invented city: persons, visits, enterprises or trips. The same seed and rows always give the same bytes."),
		Example: "  zonebox city visits --rows 1000000 --encoding gb18030 --out visits.csv --zone medical --grant visits-g1",
		Args:    nArgs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.writeRegister(delivery{register: args[0], rows: rows, seed: seed, out: out, format: format, encoding: encoding, zone: zone, grant: grant})
		},
	}
	f := c.Flags()
	f.Int64Var(&rows, "rows", 1000, a.say("行数", "rows"))
	f.Uint64Var(&seed, "seed", 1, a.say("种子", "seed"))
	f.StringVar(&out, "out", "", a.say("输出文件", "output file"))
	f.StringVar(&format, "format", "csv", "csv|parquet")
	f.StringVar(&encoding, "encoding", "utf-8", "utf-8|gb18030")
	f.StringVar(&zone, "zone", "", a.say("清单所写的专区", "zone named in the manifest"))
	f.StringVar(&grant, "grant", "", a.say("清单所写的授权", "grant named in the manifest"))
	if err := c.MarkFlagRequired("out"); err != nil {
		panic("zonebox: " + err.Error())
	}
	return c
}

type delivery struct {
	register, out, format, encoding, zone, grant string
	rows                                         int64
	seed                                         uint64
}

// writeRegister writes a register and, beside it, its manifest.
func (a *app) writeRegister(d delivery) error {
	f, err := os.Create(d.out)
	if err != nil {
		return fmt.Errorf("zonebox: make register: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if err := city.Write(io.MultiWriter(f, sum), city.Register(d.register), city.Format(d.format), city.Encoding(d.encoding), d.seed, d.rows); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("zonebox: make register: %w", err)
	}
	text, err := yaml.Marshal(query.Manifest{
		Zone: d.zone, Dataset: d.register, Grant: d.grant, Format: d.format, Encoding: d.encoding,
		Rows: d.rows, SHA256: hex.EncodeToString(sum.Sum(nil)), Acquired: a.now().Format(time.DateOnly),
		SchemaSHA256: d.schema(),
	})
	if err != nil {
		return fmt.Errorf("zonebox: print manifest: %w", err)
	}
	manifest := d.out + ".manifest.yaml"
	if err := os.WriteFile(manifest, text, 0o644); err != nil {
		return fmt.Errorf("zonebox: write manifest: %w", err)
	}
	fmt.Fprintf(a.stderr, "%s · %s\n", filepath.Base(d.out), filepath.Base(manifest))
	return nil
}

// schema returns the digest of the register's columns.
func (d delivery) schema() string {
	var entry registry.Dataset
	for _, c := range city.Columns(city.Register(d.register)) {
		entry.Columns = append(entry.Columns, registry.Column{Name: c.Name, Type: c.Type})
	}
	return entry.SchemaSHA256()
}
