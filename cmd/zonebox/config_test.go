package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
)

var updateSettings = flag.Bool("update-settings", false, "write packaging/*.yaml anew")

// The files of settings that are shipped show every setting as the table has it.
func TestTheFilesOfSettingsAreTheTable(t *testing.T) {
	for name, client := range map[string]bool{"zonebox.yaml": false, "client.yaml": true} {
		path := filepath.Join("..", "..", "packaging", name)
		want := example(client)
		if *updateSettings {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not what config example prints (%v); go test ./cmd/zonebox -run Settings -update-settings", path, err)
		}
	}
}

// Whatever serve can be told on its command line it can be told by its file.
func TestEveryFlagOfServeIsASetting(t *testing.T) {
	a := &app{lang: "en"}
	c, _, err := a.root().Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, s := range a.known(false) {
		known[s.Name] = true
	}
	seen := 0
	c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" {
			return
		}
		seen++
		if _, declared := a.declared[f.Value]; !declared || !known[f.Name] {
			t.Errorf("--%s stands in no row of settings", f.Name)
		}
	})
	if seen < 20 {
		t.Errorf("serve has %d flags, want more", seen)
	}
}
