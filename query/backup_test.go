package query_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zonebox/keys"
	"zonebox/keys/keystest"
	"zonebox/query"
	"zonebox/query/querytest"
	"zonebox/registry"
)

// withRoot returns a city with a backup root.
func withRoot(t *testing.T, p keys.KeyProvider) (*querytest.Domain, string) {
	t.Helper()
	d := querytest.City(t, querytest.Options{Idle: 1, Provider: p})
	root := filepath.Join(t.TempDir(), "backups")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	d.Config.BackupRoots = []string{root}
	d.Reopen()
	return d, root
}

func backUp(t *testing.T, d *querytest.Domain) *query.Backup {
	t.Helper()
	b, err := d.Engine.CreateBackup(t.Context(), d.Subject("wu.dc"), "")
	if err != nil {
		t.Fatalf("back up: %v (cause %v)", err, errors.Unwrap(err))
	}
	return b
}

// restored closes d and returns the configuration of the domain restored from b.
func restored(t *testing.T, d *querytest.Domain, root string, b *query.Backup) query.Config {
	t.Helper()
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := d.Config
	cfg.Domain = filepath.Join(t.TempDir(), "restored")
	if _, err := query.Restore(t.Context(), cfg, root, b.ID); err != nil {
		t.Fatalf("restore: %v", err)
	}
	return cfg
}

// An older backup does not bring back what was shredded since; the rest of it
// reads. So for each kind of shred and each way of keeping keys.
func TestABackupDoesNotBringBackWhatWasShredded(t *testing.T) {
	t.Parallel()
	providers := map[string]func(t *testing.T) keys.KeyProvider{
		"passphrase": func(*testing.T) keys.KeyProvider { return nil },
		"vault": func(t *testing.T) keys.KeyProvider {
			p, err := keys.Vault(keystest.NewTransit(t).Config())
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
	for name, provider := range providers {
		for _, kind := range []string{"column", "version", "dataset", "zone", "workspace"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				d, root := withRoot(t, provider(t))
				d.Apply(querytest.Founder, `{"kind":"Organization","name":"secrecy","spec":{"title":"市保密局","kind":"security","org_form":"unincorporated"}}`)
				d.Register(querytest.Person{User: "he.dc", RealName: "何数据", Organization: "data-centre", Role: registry.RoleDataCentre},
					querytest.Person{User: "lu.sec", RealName: "陆保密", Organization: "secrecy", Role: registry.RoleSecurity})
				want := answers(t, d)
				a, err := d.Ask("li.op", querytest.Scenario, querytest.Purpose, perDistrict)
				if err != nil {
					t.Fatal(err)
				}
				b := backUp(t, d)
				order := query.ShredOrder{Kind: kind, Zone: "medical", Dataset: "visits"}
				switch kind {
				case "column":
					order.Column = "department"
				case "version":
					found, err := filepath.Glob(filepath.Join(d.Config.Domain, "zones", "medical", "visits", "v*"))
					if err != nil || len(found) != 1 {
						t.Fatal(found, err)
					}
					order.Version = filepath.Base(found[0])
				case "zone", "workspace":
					order.Dataset = ""
					d.Apply("sun.health", changed(t, d, registry.KindZone, "medical", `"status":"ACTIVE"`, `"status":"SUSPENDED"`))
					d.Apply(querytest.Founder, changed(t, d, registry.KindLicense, "medical-2026", `"status":"ACTIVE"`, `"status":"TERMINATED","status_reason":"第九条"`),
						querytest.Founder, "sun.health")
				}
				if kind == "workspace" {
					order.Zone, order.Organization = "", "huiyi"
				}
				shred(t, d, querytest.Founder, order)

				cfg := restored(t, d, root, b)
				if e, err := query.Open(t.Context(), cfg); !errors.Is(err, query.ErrRestored) {
					if err == nil {
						e.Close()
					}
					t.Fatalf("without an order = %v, want ErrRestored", err)
				}
				refused := [][]string{{"wu.dc"}, {querytest.Founder}, {"wu.dc", "he.dc"}, {querytest.Founder, "lu.sec"}, {"wu.dc", "li.op"}, {"wu.dc", "sun.health"}}
				if kind != "column" {
					refused = nil
				}
				for _, who := range refused {
					orders(t, d, cfg.Domain, 0, who...)
					if _, err := query.Open(t.Context(), cfg); !errors.Is(err, query.ErrRestored) {
						t.Fatalf("by the order of %v = %v, want ErrRestored", who, err)
					}
				}
				orders(t, d, cfg.Domain, 0, querytest.Founder, "wu.dc")
				d.Config = cfg
				for range 2 {
					d.Reopen()
					whole, reads := code(d, perDistrict), code(d, byDepartment)
					switch kind {
					case "column":
						if got := answers(t, d); got != want || reads != "DATA_SHREDDED" {
							t.Errorf("the rest answers\n%s\nwant\n%s\nthe column %q", got, want, reads)
						}
					case "version", "dataset":
						if whole != "" || reads == "" {
							t.Errorf("the rest = %q, the shredded = %q", whole, reads)
						}
					case "zone":
						if whole == "" || reads == "" {
							t.Errorf("the zone answers: %q, %q", whole, reads)
						}
					case "workspace":
						if whole != "" || reads != "" {
							t.Errorf("data = %q, %q", whole, reads)
						}
						if _, err := d.Engine.Review(t.Context(), d.Subject("li.op"), a.Run); querytest.Code(err) != "DATA_SHREDDED" {
							t.Errorf("the statement = %v, want DATA_SHREDDED", err)
						}
						if _, err := d.Resume("li.op", a.Run); querytest.Code(err) != "DATA_SHREDDED" {
							t.Errorf("the result = %v, want DATA_SHREDDED", err)
						}
					}
				}
				taken := 0
				for _, e := range d.Audit("feng.audit") {
					if e.Kind == "backup.restored" && e.Actor == querytest.Founder && e.Fields["backup"] == b.ID {
						taken++
					}
				}
				if taken != 1 {
					t.Errorf("the log has %d entries of the restoration, want 1", taken)
				}
			})
		}
	}
}

// orders has people order that a restored domain is taken up, and nobody else.
func orders(t *testing.T, d *querytest.Domain, domain string, after time.Duration, who ...string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(domain, "restored-order.json")); err != nil {
		t.Fatal(err)
	}
	for i, name := range who {
		if by, err := query.OrderRestored(domain, d.Key(name), "硬盘损坏", d.Now().Add(after)); err != nil || len(by) != i+1 {
			t.Fatal(by, err)
		}
	}
}

// Whoever lost the role after the backup was made has it in what is restored, and yet
// takes nothing up: the key folder is newer. A new key is another person's.
func TestARestoredRoleIsNoneTheKeyFolderKnowsToBeGone(t *testing.T) {
	t.Parallel()
	person := func(old, now string) func(t *testing.T, d *querytest.Domain) {
		return func(t *testing.T, d *querytest.Domain) {
			d.In(t).Apply(querytest.Founder, changed(t, d, registry.KindPerson, "wu.dc", old, now))
		}
	}
	for what, change := range map[string]func(t *testing.T, d *querytest.Domain){
		"disabled":          person(`"status":"active"`, `"status":"disabled"`),
		"without the right": person(`"permissions":["export","destroy"]`, `"permissions":["destroy"]`),
		"with another key": func(t *testing.T, d *querytest.Domain) {
			person(d.Key("wu.dc").SigningKey(), d.Key("wu.dc.new").SigningKey())(t, d)
		},
	} {
		t.Run(what, func(t *testing.T) {
			d, root := withRoot(t, nil)
			b := backUp(t, d)
			d.Register(querytest.Person{User: "he.dc", RealName: "何数据", Organization: "data-centre", Role: registry.RoleDataCentre})
			change(t, d)
			cfg := restored(t, d, root, b)
			for _, who := range []string{"wu.dc", "he.dc"} { // who came later is nobody there
				orders(t, d, cfg.Domain, 0, who, querytest.Founder)
				e, err := query.Open(t.Context(), cfg)
				if err == nil {
					err = errors.Join(errors.New("it opened"), e.Close())
				}
				if !errors.Is(err, query.ErrRestored) {
					t.Errorf("%s, by %s = %v, want ErrRestored", what, who, err)
				}
			}
		})
	}
}

// The order by which a state was taken up takes up no other: not the same folder once
// more, nor an older one, nor one of which the order is old or of days to come.
func TestAnOrderToTakeUpAStateIsGoodOnce(t *testing.T) {
	t.Parallel()
	d, root := withRoot(t, nil)
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	older := filepath.Join(t.TempDir(), "older")
	querytest.CopyFolder(t, d.Config.Domain, older)
	d.Reopen()
	answers(t, d)
	cfg := restored(t, d, root, backUp(t, d))
	refused := func(what, domain string) {
		t.Helper()
		at := cfg
		at.Domain = domain
		e, err := query.Open(t.Context(), at)
		if err == nil {
			e.Close()
		}
		if !errors.Is(err, query.ErrRestored) {
			t.Errorf("%s = %v, want ErrRestored", what, err)
		}
	}
	order := func(domain string, after time.Duration) {
		t.Helper()
		orders(t, d, domain, after, "wu.dc", querytest.Founder)
	}
	order(cfg.Domain, -8*24*time.Hour)
	refused("an order of last week", cfg.Domain)
	order(cfg.Domain, time.Hour)
	refused("an order of days to come", cfg.Domain)
	order(cfg.Domain, 0)
	if _, err := query.OrderRestored(cfg.Domain, d.Key("wu.dc"), "硬盘损坏", d.Now().Add(-8*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	refused("one order of last week", cfg.Domain)
	order(cfg.Domain, 0)
	for _, name := range []string{"restored.json", "restored-order.json"} {
		file, err := os.ReadFile(filepath.Join(cfg.Domain, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(older, name), file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused("an older folder under the order", older)
	again := filepath.Join(t.TempDir(), "again")
	querytest.CopyFolder(t, cfg.Domain, again)
	d.Config = cfg
	d.Reopen()
	answers(t, d)
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	refused("the same folder once more", again)
	d.Reopen()
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	refused("after another start", again)
	d.Reopen()
}

// A copy of an older state that nobody ordered is refused as before.
func TestAnOlderDomainIsRefusedWithoutAnOrder(t *testing.T) {
	t.Parallel()
	d, _ := withRoot(t, nil)
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "domain")
	querytest.CopyFolder(t, d.Config.Domain, old)
	d.Reopen()
	answers(t, d)
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := d.Config
	cfg.Domain = old
	if e, err := query.Open(t.Context(), cfg); !errors.Is(err, query.ErrRollback) {
		if err == nil {
			e.Close()
		}
		t.Errorf("an older domain folder = %v, want ErrRollback", err)
	}
	d.Reopen()
}

func TestABackupHoldsWhatItsManifestSays(t *testing.T) {
	t.Parallel()
	d, root := withRoot(t, nil)
	for who, want := range map[string]string{"li.op": "ROLE_REQUIRED", "feng.audit": "ROLE_REQUIRED", querytest.Founder: "ROLE_REQUIRED"} {
		if _, err := d.Engine.CreateBackup(t.Context(), d.Subject(who), ""); querytest.Code(err) != want {
			t.Errorf("by %s = %v, want %s", who, err, want)
		}
	}
	for _, other := range []string{filepath.Dir(root), root + "/..", root + "/x", "/tmp", d.Config.Domain} {
		if _, err := d.Engine.CreateBackup(t.Context(), d.Subject("wu.dc"), other); querytest.Code(err) != "BACKUP_ROOT" {
			t.Errorf("into %s = %v, want BACKUP_ROOT", other, err)
		}
	}
	b := backUp(t, d)
	check := func(want string) {
		t.Helper()
		if _, err := d.Engine.VerifyBackup(t.Context(), d.Subject("feng.audit"), b.ID); querytest.Code(err) != want {
			t.Errorf("verify = %v (cause %v), want %q", err, errors.Unwrap(err), want)
		}
	}
	check("")
	all, err := d.Engine.Backups(t.Context(), d.Subject("wu.dc"))
	if err != nil || len(all) != 1 || all[0].ID != b.ID {
		t.Errorf("Backups = %v, %v", all, err)
	}
	files := 0
	err = filepath.WalkDir(filepath.Join(root, b.ID), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		if strings.Contains(path, "keys") {
			t.Errorf("keys in a backup: %s", path)
		}
		data, err := os.ReadFile(path)
		if err != nil || len(data) == 0 {
			return err
		}
		if rel, _ := filepath.Rel(filepath.Join(root, b.ID), path); rel == "state" || rel == "backup.json" || files%7 == 0 {
			bad := append([]byte(nil), data...)
			bad[len(bad)/2] ^= 1
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				return err
			}
			if _, err := d.Engine.VerifyBackup(t.Context(), d.Subject("feng.audit"), b.ID); err == nil {
				t.Errorf("%s altered: verified", rel)
			}
			if err := os.WriteFile(path, data[:len(data)-1], 0o600); err != nil {
				return err
			}
			if _, err := d.Engine.VerifyBackup(t.Context(), d.Subject("feng.audit"), b.ID); err == nil {
				t.Errorf("%s cut: verified", rel)
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || files < 20 {
		t.Errorf("%d files, %v", files, err)
	}
	check("")
	// A link in place of a file, whatever it leads to.
	state := filepath.Join(root, b.ID, "state")
	if err := os.Rename(state, filepath.Join(root, "elsewhere")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join("..", "elsewhere"), state); err != nil {
		t.Fatal(err)
	}
	check("BACKUP_DAMAGED")
}

func TestBackupRootsAreApart(t *testing.T) {
	t.Parallel()
	d := querytest.New(t, querytest.Options{})
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
	good := filepath.Join(t.TempDir(), "root")
	link, open, file := good+"-link", good+"-open", good+"-file"
	for path, mode := range map[string]os.FileMode{good: 0o700, open: 0o755} {
		if err := os.Mkdir(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(good, link), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{link, open, file, good + "/none", "relative", d.Config.Domain, filepath.Join(d.Config.Domain, "holds"), d.Config.Keys, filepath.Dir(d.Config.Domain)} {
		cfg := d.Config
		cfg.BackupRoots = []string{root}
		if e, err := query.Open(t.Context(), cfg); err == nil {
			e.Close()
			t.Errorf("the root %s is taken", root)
		}
	}
	d.Config.BackupRoots = []string{good}
	d.Reopen()
}
