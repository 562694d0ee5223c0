package query_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"zonebox/audit"
	"zonebox/keys"
	"zonebox/query"
	"zonebox/query/querytest"
)

// witness is an auditor's, beside a domain.
type witness struct {
	t *testing.T
	d *querytest.Domain
	*audit.Witness
	user string
}

func newWitness(t *testing.T, d *querytest.Domain, user string) *witness {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(d.Key(user).SigningKey())
	if err != nil {
		t.Fatal(err)
	}
	info := d.Engine.Domain()
	return &witness{t, d, audit.NewWitness(info.AuditKey, audit.Cosigner{Name: query.WitnessName(info.ID, user), Key: key}), user}
}

// round makes the next checkpoint the witness's own and hands it in.
func (w *witness) round(at time.Time) error {
	w.t.Helper()
	last, _ := w.Last()
	x, err := w.d.Engine.Extension(w.t.Context(), w.d.Subject("feng.audit"), last.Size)
	if err != nil {
		return err
	}
	if err := w.Advance(x.Extension, at, w.d.Key(w.user).Sign); err != nil {
		return err
	}
	return w.hand(w.Checkpoint)
}

func (w *witness) hand(checkpoint string) error {
	_, err := w.d.Engine.Cosign(w.t.Context(), w.d.Subject(w.user), []byte(checkpoint))
	return err
}

// settled waits until a checkpoint covers the whole log.
func settled(t *testing.T, d *querytest.Domain) {
	t.Helper()
	status, err := d.Engine.Status(t.Context(), d.Subject("feng.audit"))
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		x, err := d.Engine.Extension(t.Context(), d.Subject("feng.audit"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if head, err := audit.SignedHead([]byte(x.Checkpoint), d.Engine.Domain().AuditKey); err == nil && head.Size >= status.Audit {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no checkpoint covers the log")
}

func TestTheGateTakesCosignaturesOfAuditorsOnly(t *testing.T) {
	t.Parallel()
	d, _ := withRoot(t, nil)
	settled(t, d)
	w := newWitness(t, d, "feng.audit")
	now := d.Now().Truncate(time.Second)
	if err := w.round(now); err != nil {
		t.Fatal(err)
	}
	first := w.Checkpoint
	refused := func(what string, err error, want string) {
		t.Helper()
		if querytest.Code(err) != want {
			t.Errorf("%s = %v, want %s", what, err, want)
		}
	}
	refused("the same again", w.hand(first), "")
	for _, who := range []string{"li.op", "wu.dc", "sun.health", querytest.Founder} {
		refused("by "+who, newWitness(t, d, who).hand(first), "ROLE_REQUIRED")
	}
	forged := newWitness(t, d, "feng.audit")
	forged.Witness = audit.NewWitness(forged.Verifier, audit.Cosigner{Name: forged.Name, Key: mustKey(t, d, "sun.health")})
	x, err := d.Engine.Extension(t.Context(), d.Subject("feng.audit"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := forged.Advance(x.Extension, now, d.Key("sun.health").Sign); err != nil {
		t.Fatal(err)
	}
	refused("with a foreign key", w.hand(forged.Checkpoint), "WITNESS_REFUSED")
	refused("without a cosignature", w.hand(x.Checkpoint), "WITNESS_REFUSED")
	for _, skew := range []time.Duration{-6 * time.Minute, 6 * time.Minute} {
		late := newWitness(t, d, "feng.audit")
		refused("at another time", late.round(now.Add(skew)), "WITNESS_REFUSED")
	}
	answers(t, d)
	settled(t, d)
	refused("what was appended since", w.round(now.Add(time.Second)), "")
	refused("an old one again", w.hand(first), "WITNESS_REFUSED")
	n := 0
	for _, e := range d.Audit("feng.audit") {
		if e.Kind == "audit.witnessed" && e.Actor == "feng.audit" && e.Fields["entries"] != "" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d entries tell of it, want 2", n)
	}
	x, err = d.Engine.Extension(t.Context(), d.Subject("feng.audit"), 0)
	if last, _ := w.Last(); err != nil || len(x.Witnessed) != 1 || x.Witnessed[0].Size != last.Size || x.Witnessed[0].By != "feng.audit" {
		t.Errorf("Witnessed = %v, %v", x, err)
	}
}

func mustKey(t *testing.T, d *querytest.Domain, user string) []byte {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(d.Key(user).SigningKey())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestALogShorterThanWitnessedIsRefused: what is put back to last week is seen at the
// start, unless the key folder was put back as well, and by the auditor even then.
func TestALogShorterThanWitnessedIsRefused(t *testing.T) {
	t.Parallel()
	d, _ := withRoot(t, nil)
	settled(t, d)
	w := newWitness(t, d, "feng.audit")
	if err := w.round(d.Now()); err != nil {
		t.Fatal(err)
	}
	stop(t, d)
	week := t.TempDir()
	domain, folder := filepath.Join(week, "domain"), filepath.Join(week, "keys")
	querytest.CopyFolder(t, d.Config.Domain, domain)
	querytest.CopyFolder(t, d.Config.Keys, folder)
	d.Reopen()
	answers(t, d)
	settled(t, d)
	if err := w.round(d.Now()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "witness.json")
	if err := w.Save(path); err != nil {
		t.Fatal(err)
	}
	stop(t, d)
	now := d.Config
	open := func(what string, cfg query.Config, want error) {
		t.Helper()
		e, err := query.Open(t.Context(), cfg)
		if err == nil {
			err = e.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%s = %v, want %v", what, err, want)
		}
	}
	copied := func(domain, keys string) query.Config {
		cfg, dir := now, t.TempDir()
		cfg.Domain, cfg.Keys = filepath.Join(dir, "domain"), filepath.Join(dir, "keys")
		querytest.CopyFolder(t, domain, cfg.Domain)
		querytest.CopyFolder(t, keys, cfg.Keys)
		return cfg
	}
	open("log and registry of last week", copied(domain, now.Keys), query.ErrRollback)
	// The note that lies in the folder is enough, were the keys of last week too.
	cfg := copied(domain, folder)
	if err := os.WriteFile(filepath.Join(cfg.Domain, "witnessed.note"), []byte(w.Checkpoint), 0o600); err != nil {
		t.Fatal(err)
	}
	open("everything but the note of last week", cfg, query.ErrRollback)
	if err := os.WriteFile(filepath.Join(cfg.Domain, "witnessed.note"), []byte(ofAnotherRoot(w.Checkpoint)), 0o600); err != nil {
		t.Fatal(err)
	}
	open("a note that is none", cfg, audit.ErrCosignature)
	cfg = copied(domain, folder)
	open("everything of last week, by itself", cfg, nil)
	// The auditor is asked by nobody, and sees it.
	kept, err := audit.ReadWitness(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = audit.Verify(query.AuditDir(cfg.Domain), kept.Verifier, []byte(kept.Checkpoint))
	wantBroken(t, err, audit.Truncated)
	last, _ := kept.Last()
	x, err := audit.Extend(query.AuditDir(cfg.Domain), last.Size)
	if err != nil {
		t.Fatal(err)
	}
	wantBroken(t, kept.Advance(x, d.Now(), d.Key("feng.audit").Sign), audit.Truncated)
	d.Reopen()
}

func wantBroken(t *testing.T, err error, code audit.Code) {
	t.Helper()
	var b *audit.BrokenError
	if !errors.As(err, &b) || b.Code != code {
		t.Errorf("err = %v, want %s", err, code)
	}
}

// TestAForkedLogIsRefused: whoever holds the keys of the log writes another that is
// as long, and consistent; the cosigned checkpoint is not in it.
func TestAForkedLogIsRefused(t *testing.T) {
	t.Parallel()
	d, _ := withRoot(t, nil)
	stop(t, d)
	fork := filepath.Join(t.TempDir(), "domain")
	querytest.CopyFolder(t, d.Config.Domain, fork)
	d.Reopen()
	answers(t, d)
	settled(t, d)
	w := newWitness(t, d, "feng.audit")
	if err := w.round(d.Now()); err != nil {
		t.Fatal(err)
	}
	last, _ := w.Last()
	info := d.Engine.Domain()
	stop(t, d)
	folder, err := keys.Open(d.Config.Keys, keys.Passphrase(d.Config.Passphrase))
	if err != nil {
		t.Fatal(err)
	}
	signing, verifier, err := folder.AuditSigner(info.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(signing)
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(t.Context(), query.AuditDir(fork), signer, audit.Config{Verifier: verifier})
	if err != nil {
		t.Fatal(err)
	}
	for l.Size() < last.Size+20 {
		if _, err := l.Append(t.Context(), audit.Entry{ID: fmt.Sprint("x", l.Size()), Kind: "query.denied", At: d.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The registry must not be what refuses it.
	real := query.AuditDir(d.Config.Domain)
	moved := filepath.Join(t.TempDir(), "audit")
	if err := os.Rename(real, moved); err != nil {
		t.Fatal(err)
	}
	querytest.CopyFolder(t, query.AuditDir(fork), real)
	wantBroken(t, audit.Holds(real, verifier, last), audit.Forked)
	if e, err := query.Open(t.Context(), d.Config); err == nil {
		e.Close()
		t.Error("a forked log was opened")
	} else if !strings.Contains(err.Error(), "cosigned") {
		t.Errorf("a forked log = %v, want it refused for what was cosigned", err)
	}
	if err := os.RemoveAll(real); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(moved, real); err != nil {
		t.Fatal(err)
	}
	d.Reopen()
}

// TestARestoreBehindAWitnessTakesTheAuditor: a backup of before the auditor's last
// checkpoint is taken up only if the auditor orders it too, and the log says so.
func TestARestoreBehindAWitnessTakesTheAuditor(t *testing.T) {
	t.Parallel()
	d, root := withRoot(t, nil)
	settled(t, d)
	w := newWitness(t, d, "feng.audit")
	if err := w.round(d.Now()); err != nil {
		t.Fatal(err)
	}
	early, _ := w.Last()
	b := backUp(t, d)
	answers(t, d)
	settled(t, d)
	if err := w.round(d.Now()); err != nil {
		t.Fatal(err)
	}
	late, _ := w.Last()
	stop(t, d)
	cfg := d.Config
	cfg.Domain = filepath.Join(t.TempDir(), "again")
	if _, err := query.Restore(t.Context(), cfg, root, b.ID); err != nil {
		t.Fatal(err)
	}
	order := func(users ...string) {
		for _, who := range users {
			if _, err := query.OrderRestored(cfg.Domain, d.Key(who), "disk failure", d.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	refused := func(what string) {
		t.Helper()
		e, err := query.Open(t.Context(), cfg)
		if err == nil {
			e.Close()
		}
		if !errors.Is(err, query.ErrRestored) {
			t.Errorf("%s = %v, want ErrRestored", what, err)
		}
	}
	order("wu.dc", querytest.Founder)
	refused("the two without the auditor")
	order("sun.health")
	refused("three without the auditor")
	if err := os.Remove(filepath.Join(cfg.Domain, "restored-order.json")); err != nil {
		t.Fatal(err)
	}
	order("feng.audit", "wu.dc")
	refused("the auditor in the place of the city")
	order(querytest.Founder)
	d.Config = cfg
	d.Reopen()
	entries := d.Audit("feng.audit")
	i := slices.IndexFunc(entries, func(e query.AuditEntry) bool { return e.Kind == "backup.restored" })
	if i < 0 || entries[i].Fields["auditor"] != "feng.audit" || entries[i].Fields["witnessed"] == "" {
		t.Errorf("backup.restored = %v", entries)
	}
	settled(t, d)
	x, err := d.Engine.Extension(t.Context(), d.Subject("feng.audit"), late.Size)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range x.Witnessed {
		if v.Size > early.Size {
			t.Errorf("the gate still expects %d entries", v.Size)
		}
	}
	if _, err := x.Check(w.Verifier, late); !isBrokenAs(err, audit.Truncated, audit.Forked) {
		t.Errorf("the auditor's own state = %v, want an alarm", err)
	}
	if err := newWitness(t, d, "feng.audit").round(d.Now()); err != nil {
		t.Errorf("a state begun anew = %v", err)
	}
	stop(t, d)
	d.Reopen()
}

func isBrokenAs(err error, codes ...audit.Code) bool {
	var b *audit.BrokenError
	return errors.As(err, &b) && slices.Contains(codes, b.Code)
}

func stop(t *testing.T, d *querytest.Domain) {
	t.Helper()
	if err := d.Engine.Close(); err != nil {
		t.Fatal(err)
	}
}

// ofAnotherRoot returns a note that nobody signed: one letter of its root is another.
func ofAnotherRoot(note string) string {
	lines := strings.SplitN(note, "\n", 4) // origin, size, root, signatures
	other := "A"
	if strings.HasPrefix(lines[2], other) {
		other = "B"
	}
	lines[2] = other + lines[2][1:]
	return strings.Join(lines, "\n")
}
