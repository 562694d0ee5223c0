package keys

import (
	"fmt"
	"strings"
)

// A space has keys with versions as a zone has, under a name that no zone can
// have: CreateZone, RotateZone and DestroyZone take it. What is sealed in one is
// lost with its keys, wherever copies of it lie.

// BackupSpace is what backups of the domain are encrypted under.
const BackupSpace = "backup/domain"

const workspacePrefix = "workspace/"

// Workspace returns the space of what an organization made in the domain: its
// statements, held results and artifacts.
func Workspace(organization string) string { return workspacePrefix + organization }

const ledgerPrefix = "ledger/"

// Ledger returns the space of what is remembered of releases of a zone's data: it ends
// with the zone, and not with a key of it that is replaced.
func Ledger(zone string) string { return ledgerPrefix + zone }

// purposeOf returns what the keys of a zone or space are for, and of which zone or
// organization.
func purposeOf(name string) (purpose, of string) {
	if org, ok := strings.CutPrefix(name, workspacePrefix); ok {
		return PurposeWorkspace, org
	}
	if zone, ok := strings.CutPrefix(name, ledgerPrefix); ok {
		return PurposeLedger, zone
	}
	if name == BackupSpace {
		return PurposeBackup, ""
	}
	return PurposeZoneData, name
}

// Seal encrypts plaintext in a space and binds it to aad.
func (f *Folder) Seal(space string, plaintext, aad []byte) ([]byte, error) {
	z, err := f.zone(space)
	if err != nil {
		return nil, fmt.Errorf("keys: seal: %w", err)
	}
	v, err := z.current()
	if err != nil {
		return nil, fmt.Errorf("keys: seal: %w", err)
	}
	sealed, err := v.wrap.Encrypt(plaintext, bind("body", space, string(aad)))
	if err != nil {
		return nil, fmt.Errorf("keys: seal: %w", err)
	}
	return sealed, nil
}

// Unseal returns what Seal was given, under any version there is. ErrNoKey if the
// space has no keys, or none that sealed this: it was destroyed.
func (f *Folder) Unseal(space string, sealed, aad []byte) ([]byte, error) {
	z, err := f.zone(space)
	if err != nil {
		return nil, fmt.Errorf("keys: unseal: %w", err)
	}
	for _, v := range z.live {
		if plain, err := v.wrap.Decrypt(sealed, bind("body", space, string(aad))); err == nil {
			return plain, nil
		}
	}
	return nil, fmt.Errorf("keys: unseal: %w", ErrNoKey)
}

// Standing is how far the versions of a zone or space have come.
type Standing struct {
	Newest int   // number of the newest version there ever was
	Live   []int // versions that were not destroyed here, the newest first
}

// Standings returns the standing of every zone and space the folder knows. It asks
// no provider.
func (f *Folder) Standings() (map[string]Standing, error) {
	f.changing.Lock()
	defer f.changing.Unlock()
	all, err := f.allVersions()
	if err != nil {
		return nil, fmt.Errorf("keys: standings: %w", err)
	}
	out := map[string]Standing{}
	for name, files := range all {
		s := Standing{Newest: files[0].number}
		for _, v := range files {
			if v.live() {
				s.Live = append(s.Live, v.number)
			}
		}
		out[name] = s
	}
	return out, nil
}
