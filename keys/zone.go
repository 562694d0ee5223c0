package keys

import (
	"errors"
	"fmt"
	"slices"
)

// CreateZone makes the keys of a zone; ErrExists if it has some. A zone whose
// keys were destroyed gets others, which open nothing of before.
func (f *Folder) CreateZone(zone string) error {
	if err := checkName(zone); err != nil {
		return fmt.Errorf("keys: create zone key: %w", err)
	}
	f.changing.Lock()
	defer f.changing.Unlock()
	all, err := f.versionsOf(zone)
	if err != nil {
		return fmt.Errorf("keys: create zone key: %w", err)
	}
	if slices.ContainsFunc(all, zoneFile.live) {
		return fmt.Errorf("keys: create zone key: %w", ErrExists)
	}
	if err := f.writeVersion(zone, next(all), nil); err != nil {
		return fmt.Errorf("keys: create zone key: %w", err)
	}
	return nil
}

// RotateZone gives a zone a new version of its key and returns its number: data
// keys are wrapped by it from now on, what earlier versions wrapped still opens.
// Tokens stay as they are, but if the newest version was destroyed at the provider
// and not here: then it changes them. ErrNoKey if the zone has no keys.
func (f *Folder) RotateZone(zone string) (version int, err error) { return f.rotate(zone, 0) }

// RotateTokens gives a zone a new version of its token key, which changes every
// token: those of before and after cannot be linked. The version is that of the
// zone's key as well, since both stand in one file. Earlier token keys can still
// be derived.
func (f *Folder) RotateTokens(zone string) (version int, err error) { return f.rotate(zone, 1) }

func (f *Folder) rotate(zone string, tokens int) (int, error) {
	f.changing.Lock()
	defer f.changing.Unlock()
	z, err := f.zone(zone)
	if err != nil {
		return 0, fmt.Errorf("keys: rotate zone key: %w", err)
	}
	all, err := f.versionsOf(zone)
	if err != nil {
		return 0, fmt.Errorf("keys: rotate zone key: %w", err)
	}
	n := next(all)
	newest := z.live[0]
	if newest.token += tokens; z.headless {
		newest.token = n // beyond what the lost versions can have had
	}
	// Should it fail once the file has its name, the version is there all the same.
	defer f.forgetZone(zone)
	if err := f.writeVersion(zone, n, &newest); err != nil {
		return 0, fmt.Errorf("keys: rotate zone key: %w", err)
	}
	return n, nil
}

// DestroyZone destroys every version of the keys of a zone for good: every data
// key they wrapped stays closed, also after CreateZone gives the zone new ones.
// ErrNoKey if the zone has none. A call that was interrupted is finished by the
// next one.
func (f *Folder) DestroyZone(zone string) error {
	if err := checkName(zone); err != nil {
		return fmt.Errorf("keys: destroy zone key: %w", err)
	}
	f.changing.Lock()
	defer f.changing.Unlock()
	all, err := f.versionsOf(zone)
	if err != nil {
		return fmt.Errorf("keys: destroy zone key: %w", err)
	}
	all = slices.DeleteFunc(all, func(v zoneFile) bool { return !v.file })
	if len(all) == 0 {
		return fmt.Errorf("keys: destroy zone key: %w", ErrNoKey)
	}
	if err := f.endVersions(zone, all...); err != nil {
		return fmt.Errorf("keys: destroy zone key: %w", err)
	}
	if err := f.dropHeirs(zone); err != nil {
		return fmt.Errorf("keys: destroy zone key: %w", err)
	}
	return nil
}

// DestroyZoneVersion destroys one version of a zone's key for good: the data
// keys it wrapped stay closed, those of other versions still open. ErrNewest if
// it is the one that wraps, ErrNoKey if there is none.
func (f *Folder) DestroyZoneVersion(zone string, version int) error {
	if err := checkName(zone); err != nil {
		return fmt.Errorf("keys: destroy zone key version: %w", err)
	}
	f.changing.Lock()
	defer f.changing.Unlock()
	all, err := f.versionsOf(zone)
	if err != nil {
		return fmt.Errorf("keys: destroy zone key version: %w", err)
	}
	i := slices.IndexFunc(all, func(v zoneFile) bool { return v.number == version && v.file })
	if i < 0 {
		return fmt.Errorf("keys: destroy zone key version %d: %w", version, ErrNoKey)
	}
	if slices.IndexFunc(all, zoneFile.live) == i {
		return fmt.Errorf("keys: destroy zone key version %d: %w", version, ErrNewest)
	}
	if err := f.endVersions(zone, all[i]); err != nil {
		return fmt.Errorf("keys: destroy zone key: %w", err)
	}
	return nil
}

// Wrap encrypts a data key of the zone under the newest version of its key: one of
// 16 bytes, which is of SM4, with SM4-GCM, any other with AES-256-GCM. Unwrap needs
// the same zone and aad. ErrRotate if that version was made before there was SM4.
func (f *Folder) Wrap(zone string, dek, aad []byte) ([]byte, error) {
	z, err := f.zone(zone)
	if err != nil {
		return nil, fmt.Errorf("keys: wrap data key: %w", err)
	}
	v, err := z.current()
	if err != nil {
		return nil, fmt.Errorf("keys: wrap data key: %w", err)
	}
	wrapped, err := v.wrapKey(dek, bind("dek", zone, string(aad)))
	if err != nil {
		return nil, fmt.Errorf("keys: wrap data key: %w", err)
	}
	return wrapped, nil
}

// Unwrap returns the data key that Wrap was given under any version there is, or
// that lives on by Inherit.
// ErrNoKey if the zone has no keys, ErrDamaged if wrapped was not made by them
// for this zone and aad.
func (f *Folder) Unwrap(zone string, wrapped, aad []byte) ([]byte, error) {
	dek, _, err := f.unwrap(zone, wrapped, aad)
	if errors.Is(err, ErrDamaged) {
		dek, err = f.inherited(zone, aad)
	}
	if err != nil {
		return nil, fmt.Errorf("keys: unwrap data key: %w", err)
	}
	return dek, nil
}

// WrappedBy returns which version of the zone's key wrapped a data key; errors
// as of Unwrap.
func (f *Folder) WrappedBy(zone string, wrapped, aad []byte) (version int, err error) {
	dek, version, err := f.unwrap(zone, wrapped, aad)
	clear(dek)
	if err != nil {
		return 0, fmt.Errorf("keys: find version: %w", err)
	}
	return version, nil
}

func (f *Folder) unwrap(zone string, wrapped, aad []byte) (dek []byte, version int, err error) {
	z, err := f.zone(zone)
	if err != nil {
		return nil, 0, err
	}
	for _, v := range z.live {
		// What another version wrapped is told apart by the five bytes Tink begins
		// with, before anything is decrypted.
		if dek, err := v.unwrapKey(wrapped, bind("dek", zone, string(aad))); err == nil {
			return dek, v.number, nil
		}
	}
	return nil, 0, ErrDamaged
}

// zone returns the live versions of a zone's keys, or ErrNoKey. The provider is asked without the lock: a server that does not answer
// stops nobody who needs nothing of it.
func (f *Folder) zone(zone string) (zoneVersions, error) {
	if err := checkName(zone); err != nil {
		return zoneVersions{}, err
	}
	for {
		f.mu.Lock()
		z, known := f.zones[zone]
		ended, now := f.ended, f.now()
		f.mu.Unlock()
		if known && (z.until.IsZero() || now.Before(z.until)) {
			return z, nil
		}
		z, err := f.readZone(zone)
		f.mu.Lock()
		if f.ended != ended { // something was destroyed or rotated meanwhile
			f.mu.Unlock()
			continue
		}
		if err == nil {
			f.zones[zone] = z
		} else {
			delete(f.zones, zone)
		}
		f.mu.Unlock()
		return z, err
	}
}

// forgetZone makes whoever needs the keys of a zone read them again, those who
// are reading them included.
func (f *Folder) forgetZone(zone string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.zones, zone)
	for id := range f.holds { // some may be sealed there
		if f.unsaved[id] == nil {
			delete(f.holds, id)
		}
	}
	f.ended++
}

// ErrRotate says that the newest version wraps nothing of that kind: rotate first.
var ErrRotate = errors.New("the key must be rotated first")

// ErrNewest says that a version wraps what is loaded now: rotate first.
var ErrNewest = errors.New("newest version of the key")
