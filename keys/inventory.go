package keys

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Entry is one key, or several alike, as an assessment of cryptography (密评)
// lists them. It holds no secret.
type Entry struct {
	Purpose   string    // one of the Purposes below
	Zone      string    // "" if it is not a zone's
	Version   int       // from 1
	State     string    // one of the States below
	Algorithm string    // what the key is for
	Created   time.Time // of keys that do not say it, the time of their file
	Destroyed time.Time // zero unless it was by this folder
	// WrappedBy is PurposeRoot, or "provider" if the provider wraps it itself.
	WrappedBy string
	Count     int // keys in the entry; 1 but for holds
	// Module is the software that computes with the key, Certificate the number of
	// its commercial cryptography product certificate: empty, for none has one.
	Module, Certificate string
}

// What keys are for.
const (
	PurposeRoot          = "root"           // wraps the other keys of the folder
	PurposeRegistry      = "registry"       // encrypts contents of the registry
	PurposeReleaseTokens = "release-tokens" // tokens that leave are made with what it derives
	PurposeReleaseSign   = "release-sign"   // signs artifacts and manifests
	PurposeAuditSign     = "audit-sign"     // signs the audit log
	PurposeZoneData      = "zone-data"      // wraps the data keys of a zone
	PurposeZoneTokens    = "zone-tokens"    // tokens inside a zone are made with what it derives
	PurposeHold          = "hold"           // encrypts one held result each
	PurposeWorkspace     = "workspace"      // encrypts what an organization made; Zone is its name
	PurposeLedger        = "ledger"         // encrypts what is remembered of releases of a zone's data
	PurposeBackup        = "backup"         // wraps the keys of backups
)

// The states of a key.
const (
	StateCurrent    = "current"    // in use for what is new
	StateEarlier    = "earlier"    // opens what was made with it
	StateDestroyed  = "destroyed"  // opens nothing any more
	StateUnfinished = "unfinished" // its destruction was interrupted: repeat it
	StateBlocked    = "blocked"    // of a hold: opens nothing until people agreed anew
)

const softwareModule = "tink-go, Go crypto"

// Provider describes what wraps the keys of the folder.
func (f *Folder) Provider() Description { return f.provider.Describe() }

// Inventory lists every key of the folder. It asks the provider for keys of zones
// that are not in memory, and fails if it does not answer.
func (f *Folder) Inventory() ([]Entry, error) {
	out, err := f.fixedEntries()
	if err != nil {
		return nil, fmt.Errorf("keys: inventory: %w", err)
	}
	f.changing.Lock()
	all, err := f.allVersions()
	f.changing.Unlock()
	if err != nil {
		return nil, fmt.Errorf("keys: inventory: %w", err)
	}
	for _, zone := range slices.Sorted(maps.Keys(all)) {
		entries, err := f.zoneEntries(zone, all[zone])
		if err != nil {
			return nil, fmt.Errorf("keys: inventory: zone %s: %w", zone, err)
		}
		out = append(out, entries...)
	}
	holds, err := f.holdEntries()
	if err != nil {
		return nil, fmt.Errorf("keys: inventory: %w", err)
	}
	return append(out, holds...), nil
}

// fixedEntries lists the members that every folder has.
func (f *Folder) fixedEntries() ([]Entry, error) {
	var out []Entry
	for _, m := range []struct{ file, purpose, algorithm, by string }{
		{rootFile, PurposeRoot, "AES-256-GCM", "provider"},
		{registryFile, PurposeRegistry, "AES-256-GCM", PurposeRoot},
		{deriveFile, PurposeReleaseTokens, KDFSHA256, PurposeRoot},
		{releaseFile, PurposeReleaseSign, "Ed25519, SM2", PurposeRoot},
		{auditFile, PurposeAuditSign, "Ed25519", PurposeRoot},
	} {
		created, err := modified(filepath.Join(f.dir, m.file))
		if err != nil {
			return nil, err
		}
		e := Entry{Purpose: m.purpose, Version: 1, State: StateCurrent, Algorithm: m.algorithm, Created: created,
			WrappedBy: m.by, Count: 1, Module: softwareModule}
		if m.purpose == PurposeReleaseSign {
			out = append(out, f.signerEntries(e)...)
			continue
		}
		out = append(out, e)
	}
	return out, nil
}

// signerEntries lists the signing key and those it followed, whose private halves
// are destroyed; e is what its file says of it.
func (f *Folder) signerEntries(e Entry) []Entry {
	former := f.release.Former()
	e.Version = len(former) + 1
	out := []Entry{e}
	for i, s := range slices.Backward(former) {
		e.Version, e.State, e.Created, e.Destroyed = i+1, StateDestroyed, s.Created, s.At
		out = append(out, e)
	}
	return out
}

// zoneEntries lists the versions of a zone's wrapping key and of its token key,
// the newest first.
func (f *Folder) zoneEntries(zone string, files []zoneFile) ([]Entry, error) {
	by := PurposeRoot
	if f.provider.Describe().Separate {
		by = "provider"
	}
	purpose, of := purposeOf(zone)
	data := Entry{Purpose: purpose, Zone: of, Algorithm: "AES-256-GCM", WrappedBy: by, Count: 1, Module: softwareModule}
	var out []Entry
	var z zoneVersions
	if slices.ContainsFunc(files, zoneFile.live) {
		var err error
		if z, err = f.zone(zone); err != nil && !errors.Is(err, ErrNoKey) {
			return nil, err
		}
	}
	for _, v := range files {
		e := data
		e.Version = v.number
		if i := slices.IndexFunc(z.live, func(l zoneVersion) bool { return l.number == v.number }); i >= 0 {
			e.Created, e.State = z.live[i].created, StateEarlier
			if z.live[i].sm4 != nil && purpose == PurposeZoneData {
				e.Algorithm += ", SM4-GCM"
				e.Module += ", gmsm"
			}
			if i == 0 && !z.headless {
				e.State = StateCurrent
			}
			out = append(out, e)
			continue
		}
		var err error
		switch e.State = StateDestroyed; {
		case v.gone:
			err = f.readGone(zone, v.number, &e)
		default: // by the provider, which tells no date
			e.Created, err = modified(filepath.Join(f.dir, versionName(zone, v.number)))
		}
		if err != nil {
			return nil, err
		}
		if v.gone && v.file {
			e.State = StateUnfinished
		}
		out = append(out, e)
	}
	if purpose != PurposeZoneData {
		return out, nil
	}
	return append(out, tokenEntries(data, z)...), nil
}

// tokenEntries lists the versions of a zone's token key that can be derived. Each
// began with the first version of the zone's key that has it; where that one is
// destroyed, the date is of the first that is left.
func tokenEntries(e Entry, z zoneVersions) []Entry {
	live := z.live
	if len(live) == 0 {
		return nil
	}
	e.Purpose, e.Algorithm = PurposeZoneTokens, KDFSHA256
	if live[0].sm3 != nil {
		e.Algorithm += ", " + KDFSM3
		e.Module += ", gmsm"
	}
	var out []Entry
	for n := live[0].token; n >= 1; n-- {
		e.Version, e.State = n, StateEarlier
		if n == live[0].token && !z.headless {
			e.State = StateCurrent
		}
		for _, v := range live { // the newest first
			if v.token >= n {
				e.Created = v.created
			}
		}
		out = append(out, e)
	}
	return out
}

func (f *Folder) readGone(zone string, number int, e *Entry) error {
	data, err := readPrivate(filepath.Join(f.dir, versionName(zone, number)+goneSuffix))
	if err != nil {
		return err
	}
	var d goneDocument
	if err := json.Unmarshal(data, &d); err != nil {
		return ErrDamaged
	}
	if e.Created, err = time.Parse(time.RFC3339, d.Created); err != nil {
		return ErrDamaged
	}
	if e.Destroyed, err = time.Parse(time.RFC3339, d.Destroyed); err != nil {
		return ErrDamaged
	}
	return nil
}

// holdEntries counts the keys of held results, those that are blocked by themselves;
// created is that of the oldest.
func (f *Folder) holdEntries() ([]Entry, error) {
	files, err := os.ReadDir(filepath.Join(f.dir, holdFolder))
	if err != nil {
		return nil, err
	}
	blocked := map[string]bool{}
	f.mu.Lock()
	for id := range f.blocked {
		blocked[member(holdFolder, id)] = true
	}
	f.mu.Unlock()
	e := Entry{Purpose: PurposeHold, Version: 1, Algorithm: "AES-256-GCM", WrappedBy: PurposeRoot, Module: softwareModule}
	open, shut := e, e
	open.State, shut.State = StateCurrent, StateBlocked
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".key") {
			continue
		}
		info, err := file.Info()
		if err != nil {
			continue // it was destroyed meanwhile
		}
		e := &open
		if blocked[holdFolder+"/"+file.Name()] {
			e = &shut
		}
		if at := info.ModTime(); e.Count == 0 || at.Before(e.Created) {
			e.Created = at
		}
		e.Count++
	}
	return slices.DeleteFunc([]Entry{open, shut}, func(e Entry) bool { return e.Count == 0 }), nil
}
