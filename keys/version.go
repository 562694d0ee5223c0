package keys

import (
	"cmp"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm4"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// A version of a zone's keys is one file that is written once: ZONE.key is the
// first, ZONE.key.2 the second, and so on. A provider that keeps separate keys
// wraps each of them under a key of its own. ZONE.key.2.gone says that the second
// was destroyed, so that its number is not given again; a version is dead as
// soon as that stands there.

// zoneVersion are the secrets of one version: one wraps the data keys of the
// zone's datasets, the others derive keys. Those are carried from version to
// version, so that a rotation changes no token.
type zoneVersion struct {
	number   int
	created  time.Time
	token    int // version of the token key, from 1
	wrap     tink.AEAD
	derive   *prf.Set
	deriving *keyset.Handle // what derive is made of
	sm3      []byte         // secret of the SM3 KDF; nil in versions from before there was one
	sm4      cipher.AEAD    // wraps data keys of SM4; nil in versions from before there was one
}

// zoneVersions are the live versions of a zone, the newest first and at least one,
// and until when they may be used without asking the provider; zero is always.
type zoneVersions struct {
	live  []zoneVersion
	until time.Time
	// headless says that the provider ended a version newer than all of those. An
	// earlier one does not take its place: it wraps nothing more, and its tokens
	// can be linked to those of before.
	headless bool
	// heirs are data keys that live on under another version than the one that
	// wrapped them in an older manifest, by heirOf.
	heirs map[string][]byte
}

// current returns the version for what is new; ErrRotate and ErrNoKey if the
// provider ended it.
func (z zoneVersions) current() (zoneVersion, error) {
	if z.headless {
		return zoneVersion{}, fmt.Errorf("the newest version was destroyed at the provider: %w: %w", ErrRotate, ErrNoKey)
	}
	return z.live[0], nil
}

type zoneDocument struct {
	Wrap    []byte `json:"wrap"`              // Tink encrypted keyset, AES-256-GCM
	Derive  []byte `json:"derive"`            // Tink encrypted keyset, HKDF-SHA256
	SM3     []byte `json:"sm3,omitempty"`     // 32 bytes, encrypted
	SM4     []byte `json:"sm4,omitempty"`     // 16 bytes, encrypted
	Created string `json:"created,omitempty"` // RFC 3339
	Token   int    `json:"token,omitempty"`   // version of the token key; 0 is 1
}

// place names a part of the document: with its clear members, where it has any,
// so that these cannot be altered.
func (d zoneDocument) place(name, part string) string {
	name += "#" + part
	if d.Created != "" || d.Token != 0 {
		name += fmt.Sprintf("#%s#%d", d.Created, d.Token)
	}
	return name
}

// zoneFile is what the folder holds of one version.
type zoneFile struct {
	number int
	file   bool // the keys
	gone   bool // the word that they were destroyed
}

func (v zoneFile) live() bool { return v.file && !v.gone }

// versionName returns the slash-separated name of the file of a version.
func versionName(zone string, number int) string {
	name := member(zoneFolder, zone)
	if number > 1 {
		name += "." + strconv.Itoa(number)
	}
	return name
}

const goneSuffix = ".gone"

// parseVersion returns what a file of the zone folder is of; ok is false for one
// that is nothing of ours.
func parseVersion(file string) (zone string, number int, gone, ok bool) {
	file, gone = strings.CutSuffix(file, goneSuffix)
	base, first := strings.CutSuffix(file, ".key")
	number = 1
	if !first {
		i := strings.LastIndex(file, ".key.")
		if i < 0 {
			return "", 0, false, false
		}
		n, err := strconv.Atoi(file[i+len(".key."):])
		if err != nil || n < 2 {
			return "", 0, false, false
		}
		base, number = file[:i], n
	}
	zone, err := url.PathUnescape(base)
	if err != nil || checkName(zone) != nil {
		return "", 0, false, false
	}
	return zone, number, gone, versionName(zone, number) == zoneFolder+"/"+file
}

// allVersions returns what the folder holds of every zone, the newest first.
func (f *Folder) allVersions() (map[string][]zoneFile, error) {
	entries, err := os.ReadDir(filepath.Join(f.dir, zoneFolder))
	if err != nil {
		return nil, err
	}
	all := map[string][]zoneFile{}
	for _, e := range entries {
		zone, number, gone, ok := parseVersion(e.Name())
		if !ok {
			continue
		}
		i := slices.IndexFunc(all[zone], func(v zoneFile) bool { return v.number == number })
		if i < 0 {
			i = len(all[zone])
			all[zone] = append(all[zone], zoneFile{number: number})
		}
		if gone {
			all[zone][i].gone = true
		} else {
			all[zone][i].file = true
		}
	}
	for _, versions := range all {
		slices.SortFunc(versions, func(a, b zoneFile) int { return cmp.Compare(b.number, a.number) })
	}
	return all, nil
}

func (f *Folder) versionsOf(zone string) ([]zoneFile, error) {
	all, err := f.allVersions()
	return all[zone], err
}

// next returns the number after the newest.
func next(all []zoneFile) int {
	if len(all) == 0 {
		return 1
	}
	return all[0].number + 1
}

// writeVersion makes a version with a new wrapping key. What derives keys is
// that of from, or new if from is nil.
func (f *Folder) writeVersion(zone string, number int, from *zoneVersion) error {
	name := versionName(zone, number)
	d := zoneDocument{Created: f.now().UTC().Format(time.RFC3339)}
	deriving, secret := (*keyset.Handle)(nil), []byte(nil)
	if from != nil {
		deriving, secret, d.Token = from.deriving, from.sm3, from.token
	}
	var err error
	if deriving == nil {
		if deriving, err = keyset.NewHandle(prf.HKDFSHA256PRFKeyTemplate()); err != nil {
			return err
		}
	}
	if secret == nil {
		secret = make([]byte, derivedSize)
		rand.Read(secret)
	}
	if d.Wrap, err = newKeyset(aead.AES256GCMKeyTemplate(), f.root, d.place(name, "wrap")); err != nil {
		return err
	}
	if d.Derive, err = wrapKeyset(deriving, f.root, d.place(name, "derive")); err != nil {
		return err
	}
	if d.SM3, err = f.root.Encrypt(secret, place(d.place(name, "sm3"))); err != nil {
		return err
	}
	key := make([]byte, sm4.BlockSize)
	rand.Read(key)
	defer clear(key)
	if d.SM4, err = f.root.Encrypt(key, place(d.place(name, "sm4"))); err != nil {
		return err
	}
	data, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if f.provider.Describe().Separate {
		if data, err = f.provider.Wrap(data, place(name)); err != nil {
			return err
		}
	}
	return writeFile(filepath.Join(f.dir, name), data)
}

// readZone reads the live versions of a zone. A version whose key the provider
// has destroyed is none.
func (f *Folder) readZone(zone string) (zoneVersions, error) {
	all, err := f.versionsOf(zone)
	if err != nil {
		return zoneVersions{}, err
	}
	var z zoneVersions
	if lease := f.provider.Describe().Lease; lease > 0 {
		z.until = f.now().Add(lease)
	}
	for _, v := range all {
		if !v.live() {
			continue
		}
		opened, err := f.readVersion(zone, v.number)
		if errors.Is(err, ErrNoKey) {
			z.headless = z.headless || len(z.live) == 0
			continue
		}
		if err != nil {
			return zoneVersions{}, err
		}
		z.live = append(z.live, opened)
	}
	if len(z.live) == 0 {
		return zoneVersions{}, ErrNoKey
	}
	z.heirs, err = f.readHeirs(zone)
	return z, err
}

func (f *Folder) readVersion(zone string, number int) (zoneVersion, error) {
	name := versionName(zone, number)
	path := filepath.Join(f.dir, name)
	data, err := readPrivate(path)
	if err != nil {
		return zoneVersion{}, err
	}
	if f.provider.Describe().Separate {
		if data, err = f.provider.Unwrap(data, place(name)); err != nil {
			return zoneVersion{}, err
		}
	}
	var d zoneDocument
	if err := decodeStrict(data, &d); err != nil {
		return zoneVersion{}, fmt.Errorf("%s: %w", name, ErrDamaged)
	}
	v := zoneVersion{number: number, token: max(d.Token, 1)}
	if d.Created == "" {
		v.created, err = modified(path)
	} else {
		v.created, err = time.Parse(time.RFC3339, d.Created)
	}
	if err != nil {
		return zoneVersion{}, fmt.Errorf("%s: %w", name, ErrDamaged)
	}
	if v.wrap, err = openAEAD(d.Wrap, f.root, d.place(name, "wrap")); err != nil {
		return zoneVersion{}, err
	}
	if v.deriving, err = openKeyset(d.Derive, f.root, d.place(name, "derive")); err != nil {
		return zoneVersion{}, err
	}
	if v.derive, err = prf.NewPRFSet(v.deriving); err != nil {
		return zoneVersion{}, err
	}
	if d.SM3 != nil {
		if v.sm3, err = f.root.Decrypt(d.SM3, place(d.place(name, "sm3"))); err != nil {
			return zoneVersion{}, fmt.Errorf("%s: %w", name, ErrDamaged)
		}
	}
	if d.SM4 != nil {
		key, err := f.root.Decrypt(d.SM4, place(d.place(name, "sm4")))
		if err != nil {
			return zoneVersion{}, fmt.Errorf("%s: %w", name, ErrDamaged)
		}
		defer clear(key)
		if v.sm4, err = newSM4(key); err != nil {
			return zoneVersion{}, fmt.Errorf("%s: %w", name, ErrDamaged)
		}
	}
	return v, nil
}

// goneDocument is what stays of a version.
type goneDocument struct {
	Created   string `json:"created"`
	Destroyed string `json:"destroyed"`
}

// sayGone writes the words that versions are destroyed, from which on nobody uses
// them. The date on which one was made is that of its file, for it may not open
// any more.
func (f *Folder) sayGone(zone string, versions []zoneFile) error {
	for _, v := range slices.Backward(versions) {
		if v.gone {
			continue
		}
		path := filepath.Join(f.dir, versionName(zone, v.number))
		created, err := modified(path)
		if err != nil {
			return noKey(err)
		}
		word, err := json.Marshal(goneDocument{created.UTC().Format(time.RFC3339), f.now().UTC().Format(time.RFC3339)})
		if err != nil {
			return err
		}
		if err := writeFile(path+goneSuffix, word); err != nil {
			return fmt.Errorf("version %d: %w", v.number, err)
		}
	}
	return nil
}

// endVersions destroys versions whose files are there, given the newest first:
// first the word of each, then the provider's keys and the files. The words begin
// with the oldest, so that whatever interrupts this, what lives on still has the
// version that was in use.
func (f *Folder) endVersions(zone string, versions ...zoneFile) error {
	err := f.sayGone(zone, versions)
	f.forgetZone(zone)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if err := f.endVersion(zone, v); err != nil {
			return fmt.Errorf("version %d: %w", v.number, err)
		}
	}
	return nil
}

// endVersion destroys a version by whose word it is gone.
func (f *Folder) endVersion(zone string, v zoneFile) error {
	name := versionName(zone, v.number)
	path := filepath.Join(f.dir, name)
	if !f.provider.Describe().Separate {
		return destroyFile(path)
	}
	data, err := readPrivate(path)
	if err != nil {
		return err
	}
	if err := f.provider.Destroy(data, place(name)); err != nil && !errors.Is(err, ErrNoKey) {
		return err
	}
	// What is left opens nothing. It is not overwritten: should this be
	// interrupted, the next call must be able to read it.
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func modified(path string) (time.Time, error) {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}
