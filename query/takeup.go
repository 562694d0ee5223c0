package query

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zonebox/keys"
	"zonebox/registry"
	"zonebox/zone"
)

// RestoreOrder is the word of a person that a restored state is taken up: what
// happened since the backup is lost to it, and the log says so. It takes two, one of
// the data centre and one of the city authority or the security officer; an auditor's
// too if an auditor cosigned more of the log than was restored.
type RestoreOrder struct {
	Backup    string    `json:"backup"`
	Domain    string    `json:"domain"`
	Log       uint64    `json:"log"` // entries it has at least, as who signs is shown
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	Reason    string    `json:"reason"`
	Signature []byte    `json:"signature"` // by the person's key, over the rest
}

// takingUp are the orders by which a restored state is taken up: the data centre's,
// that of the city authority or the security officer and, where the state does not
// continue what an auditor cosigned, the auditor's.
type takingUp [3]RestoreOrder

// last is when the latest of them was given.
func (t takingUp) last() time.Time {
	return slices.MaxFunc(t[:], func(a, b RestoreOrder) int { return a.At.Compare(b.At) }).At
}

// entry is the id of the log entry by which the orders are taken up.
func (t takingUp) entry() string {
	stamp := func(o RestoreOrder) string { return o.At.UTC().Format("20060102T150405.000000000") }
	return "restored-" + t[0].Backup + "-" + stamp(t[0]) + "-" + stamp(t[1])
}

// orderSkew is how far ahead the clock of who signs an order may be.
const orderSkew = 5 * time.Minute

// ErrRestored says that a domain folder was restored from a backup, and that
// nobody who may has ordered to take it up.
var ErrRestored = errors.New("the domain was restored from a backup and waits for an order to take it up")

func (o RestoreOrder) signedText() ([]byte, error) {
	o.Signature = nil
	text, err := json.Marshal(o)
	return append([]byte("zonebox restore order 1\n"), text...), err
}

// ReadRestored returns the mark of a restored domain folder; fs.ErrNotExist if it
// has none.
func ReadRestored(domain string) (Restored, error) {
	var r Restored
	text, err := os.ReadFile(filepath.Join(domain, restoredFile))
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return r, fmt.Errorf("query: read restored: %w", err)
	}
	return r, nil
}

// OrderRestored puts a person's order to take a restored domain up into its
// folder, beside that of another, and returns who has ordered it by now. An order of
// the same person is replaced, and so are those of another state. Whether they may is
// judged when it is opened.
func OrderRestored(domain string, by *keys.User, reason string, at time.Time) ([]string, error) {
	r, err := ReadRestored(domain)
	if err != nil {
		return nil, err
	}
	o := RestoreOrder{Backup: r.Backup, Domain: r.Domain, Log: r.Log, By: by.Name(), At: at.UTC(), Reason: reason}
	text, err := o.signedText()
	if err != nil {
		return nil, err
	}
	o.Signature = by.Sign(text)
	all, err := readOrders(domain)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all = append(slices.DeleteFunc(all, func(old RestoreOrder) bool {
		return old.By == o.By || old.Backup != o.Backup || old.Domain != o.Domain
	}), o)
	if text, err = json.Marshal(all); err != nil {
		return nil, err
	}
	var names []string
	for _, o := range all {
		names = append(names, o.By)
	}
	return names, writeDurable(filepath.Join(domain, orderFile), text)
}

// mostOrders is how large the file of orders may be.
const mostOrders = 64 << 10

func readOrders(domain string) ([]RestoreOrder, error) {
	path := filepath.Join(domain, orderFile)
	info, err := os.Lstat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > mostOrders) {
		err = errors.New("query: it is no file of orders")
	}
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []RestoreOrder
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("query: read orders: %w", err)
	}
	return all, nil
}

// restored returns the orders to take the domain up, nil if it was not restored;
// ErrRestored unless two who may have ordered it: one of the data centre and one of
// the city authority or the security officer, both with the permission to export,
// both known as such to the restored registry and to the key folder, which may be
// newer. A state that does not continue what an auditor cosigned takes an auditor's
// order besides: those who restore are not those who watch them.
func (e *Engine) restored(ctx context.Context) (*takingUp, error) {
	mark, err := ReadRestored(e.cfg.Domain)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	waits := func(why string) error {
		return fmt.Errorf("query: open domain: %w (backup %s of %s): %s; order it with backup accept", ErrRestored, mark.Backup, mark.Created.Format(time.DateTime), why)
	}
	all, err := readOrders(e.cfg.Domain)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, waits("there is no order")
	}
	if err != nil {
		return nil, waits("the orders cannot be read")
	}
	w, err := e.keys.Witness()
	if err != nil {
		return nil, err
	}
	lost, err := e.unwitnessed(w)
	if err != nil {
		return nil, err
	}
	var two takingUp
	found, why := [3]bool{2: lost == nil}, "it takes one of the data centre and one of the city authority or the security officer, both with the permission to export"
	for _, o := range all {
		if o.Backup != mark.Backup || o.Domain != e.info.ID || strings.TrimSpace(o.Reason) == "" {
			why = "an order is of another state"
			continue
		}
		if e.audit.Size() < o.Log {
			return nil, waits("the folder is older than what was ordered")
		}
		roles, refused, err := e.mayTakeUp(ctx, w, o)
		if err != nil {
			return nil, err
		}
		if refused != "" {
			why = refused
			continue
		}
		side := 1 // nobody has roles of both (NJ24-04)
		switch {
		case slices.Contains(roles, registry.RoleDataCentre):
			side = 0
		case slices.Contains(roles, registry.RoleAuditor):
			side = 2
		}
		if !found[side] {
			two[side], found[side] = o, true
		}
	}
	if !found[0] || !found[1] {
		return nil, waits(why)
	}
	if !found[2] {
		return nil, waits(fmt.Sprintf("the log does not continue the checkpoint of %d entries that %s cosigned, so that it takes an auditor's order too", lost.Size, lost.By))
	}
	// Orders are good once, and for a week. Those that this log knows were interrupted.
	if _, begun := e.audit.Find(two.entry()); !begun {
		for _, o := range two {
			if o.By == "" {
				continue
			}
			if age := e.cfg.Now().Sub(o.At); !o.At.After(w.Restored) || age > orderTerm || age < -orderSkew {
				return nil, waits("an order was used, or is not of these days")
			}
		}
	}
	return &two, nil
}

// takers are the roles whose people take a restored state up.
var takers = []string{registry.RoleDataCentre, registry.RoleCityAuthority, registry.RoleSecurity}

// mayTakeUp returns the roles in which a person may order that a restored state is
// taken up, or why not.
func (e *Engine) mayTakeUp(ctx context.Context, w keys.Witness, o RestoreOrder) (roles []string, refused string, err error) {
	p, err := e.registry.Person(ctx, o.By)
	if errors.Is(err, registry.ErrInactive) || errors.Is(err, registry.ErrNotFound) {
		return nil, "who ordered it is nobody the registry knows to be active", nil
	}
	if err != nil {
		return nil, "", err
	}
	key, err := base64.StdEncoding.DecodeString(p.SigningKey)
	signed, err2 := o.signedText()
	if err != nil || err2 != nil || !verifies(key, signed, o.Signature) {
		return nil, "an order is not signed by the person it names", nil
	}
	if roles = takerRoles(p); len(roles) == 0 {
		return nil, "who ordered it has not the role, or not the permission to export", nil
	}
	if w.Origin != e.info.ID || w.Takers == nil { // a folder of before it knew
		return roles, "", nil
	}
	i := slices.IndexFunc(w.Takers, func(t keys.Taker) bool { return t.Name == o.By && t.Key == p.SigningKey })
	if i >= 0 {
		roles = slices.DeleteFunc(roles, func(r string) bool { return !slices.Contains(w.Takers[i].Roles, r) })
	}
	if i < 0 || len(roles) == 0 {
		return nil, "who ordered it had the role when the backup was made and has it no more, as the key folder knows", nil
	}
	return roles, "", nil
}

// takerRoles are the roles in which a person may order it. An auditor takes nothing
// out, and so needs no permission to.
func takerRoles(p registry.Person) (roles []string) {
	if slices.Contains(p.Roles, registry.RoleAuditor) {
		return []string{registry.RoleAuditor}
	}
	for _, r := range takers {
		if p.Permits(registry.PermissionExport) && slices.Contains(p.Roles, r) {
			roles = append(roles, r)
		}
	}
	return roles
}

// takersNow are those who may take a restored state up by what the registry says now.
func (e *Engine) takersNow(ctx context.Context) ([]keys.Taker, error) {
	people, err := e.registry.List(ctx, registry.KindPerson)
	if err != nil {
		return nil, err
	}
	out := []keys.Taker{}
	for _, m := range people {
		p, err := e.registry.Person(ctx, m.Name)
		if errors.Is(err, registry.ErrInactive) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if roles := takerRoles(p); len(roles) > 0 {
			out = append(out, keys.Taker{Name: m.Name, Key: p.SigningKey, Roles: roles})
		}
	}
	return out, nil
}

// takeUp records that a restored state is taken up, brings it in line with the
// keys of today and removes the mark.
func (e *Engine) takeUp(ctx context.Context, two *takingUp) error {
	w, err := e.keys.Witness()
	if err != nil {
		return err
	}
	before, held := e.audit.Size(), []keys.Cosigned{}
	fields := map[string]string{"backup": two[0].Backup, "entries": fmt.Sprint(before), "remembered": fmt.Sprint(w.Size), "with": two[0].By,
		"reason": clip(two[1].Reason)}
	for _, c := range w.Cosigned {
		switch err := e.continues(c); {
		case err == nil:
			held = append(held, c)
		case !isBroken(err):
			return err
		default:
			if fields["auditor"] == "" { // the longest stands first
				fields["witnessed"], fields["auditor"] = fmt.Sprint(c.Size), two[2].By
			}
		}
	}
	open, err := e.registry.OpenSubmissions(ctx)
	if err != nil {
		return err
	}
	err = e.update(ctx, func(tx *registry.Tx) error {
		// What had not been asked then may have been since.
		for _, kept := range open {
			if err := endIn(tx, kept, outcome{Failed: fail("ABANDONED", nil).of(kept.Run)}); err != nil {
				return err
			}
		}
		// What was to come into force may have been withdrawn since.
		if err := tx.LapsePending("RESTORED"); err != nil {
			return err
		}
		return tx.Emit(registry.Event{ID: two.entry(), Kind: "backup.restored", Actor: two[1].By, Fields: fields})
	})
	if err != nil {
		return err
	}
	if err := e.reconcile(ctx, two[1].By); err != nil {
		return err
	}
	people, err := e.takersNow(ctx)
	if err != nil {
		return err
	}
	if err := e.keys.Remember(keys.Witness{Origin: e.info.ID, Size: e.audit.Size(), Restored: two.last(), Takers: people, Cosigned: held}); err != nil {
		return err
	}
	// The mark goes first and for good: without it nobody asks for the order.
	domain, err := os.OpenRoot(e.cfg.Domain)
	if err != nil {
		return fmt.Errorf("query: open domain: %w", err)
	}
	defer domain.Close()
	for _, name := range []string{restoredFile, orderFile} {
		if err := domain.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("query: open domain: %w", err)
		}
		if err := syncRoot(domain); err != nil {
			return fmt.Errorf("query: open domain: %w", err)
		}
	}
	return nil
}

// reconcile has the registry say of restored data what the keys of today say:
// what was shredded since the backup is shredded, the rest is wrapped by the
// newest keys.
func (e *Engine) reconcile(ctx context.Context, by string) error {
	// A key that cannot be had now is not one that was destroyed.
	if _, err := e.keys.Inventory(); err != nil {
		return err
	}
	versions, err := e.registry.StoredVersions(ctx)
	if err != nil {
		return err
	}
	zones := map[string][]registry.DataVersion{}
	for _, v := range versions {
		zones[v.Zone] = append(zones[v.Zone], v)
	}
	for name, versions := range zones {
		var heirs []keys.Heir
		lives := map[int]zone.Rewrapped{}
		for i, v := range versions {
			lost, err := e.store.Lost(v.Zone, v.Dataset, v.Version, v.Manifest)
			if errors.Is(err, zone.ErrKey) || slices.Contains(lost, zone.EntityColumn) {
				continue
			}
			if err != nil {
				return err
			}
			r, err := e.store.Rewrap(v.Zone, v.Dataset, v.Version, v.Manifest, lost...)
			if err != nil {
				return err
			}
			lives[i], heirs = r, append(heirs, heirsOf(r)...)
		}
		if len(heirs) > 0 {
			if err := e.keys.Inherit(name, heirs); err != nil {
				return err
			}
		}
		err := e.update(ctx, func(tx *registry.Tx) error {
			for i, v := range versions {
				c := registry.DataChange{Zone: v.Zone, Dataset: v.Dataset, Version: v.Version, By: by, Reason: "restored"}
				r, ok := lives[i]
				if ok {
					if err := tx.Rewrapped(c, r.Manifest, r.Shredded...); err != nil {
						return err
					}
				} else if err := tx.Shredded(c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func verifies(key, text, signature []byte) bool {
	return len(key) == ed25519.PublicKeySize && ed25519.Verify(key, text, signature)
}
