package keys_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"zonebox/keys"
	"zonebox/keys/keystest"
)

// entry is one of an access control list.
type entry struct {
	tag, may uint16
	id       uint32
}

const none = 1<<32 - 1

// setList gives a file an access control list.
func setList(t *testing.T, path string, list []entry) {
	t.Helper()
	text := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range list {
		text = binary.LittleEndian.AppendUint16(text, e.tag)
		text = binary.LittleEndian.AppendUint16(text, e.may)
		text = binary.LittleEndian.AppendUint32(text, e.id)
	}
	if err := unix.Setxattr(path, "system.posix_acl_access", text, 0); err != nil {
		t.Fatal(err)
	}
}

// A credential that systemd hands over is private though its mode shows a group's bit;
// what a group, another user or everybody may read is not.
func TestAFileIsPrivateToItsOwnerAndThisUser(t *testing.T) {
	own, me, another := entry{0x01, 4, none}, uint32(os.Geteuid()), uint32(os.Geteuid()+1)
	mask := entry{0x10, 4, none}
	for name, tt := range map[string]struct {
		mode os.FileMode
		list []entry
		want bool
	}{
		"the owner's":              {0o600, nil, true},
		"to be read by its owner":  {0o400, nil, true},
		"the group's":              {0o640, nil, false},
		"everybody's":              {0o604, nil, false},
		"handed to this user":      {0o400, []entry{own, {0x02, 4, me}, {0x04, 0, none}, mask, {0x20, 0, none}}, true},
		"handed to another":        {0o400, []entry{own, {0x02, 4, another}, {0x04, 0, none}, mask, {0x20, 0, none}}, false},
		"handed to a group":        {0o400, []entry{own, {0x04, 0, none}, {0x08, 4, me}, mask, {0x20, 0, none}}, false},
		"handed, and the group's":  {0o400, []entry{own, {0x02, 4, me}, {0x04, 4, none}, mask, {0x20, 0, none}}, false},
		"handed, and everybody's":  {0o400, []entry{own, {0x02, 4, me}, {0x04, 0, none}, mask, {0x20, 4, none}}, false},
		"handed, another has none": {0o400, []entry{own, {0x02, 4, me}, {0x02, 0, another}, {0x04, 0, none}, mask, {0x20, 0, none}}, true},
	} {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte("guess"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		if tt.list != nil {
			setList(t, path, tt.list)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := keys.Private(f)
		if err != nil || got != tt.want {
			t.Errorf("%s: private %t, %v, want %t", name, got, err, tt.want)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A token that systemd hands over is used; one that a group reads is not.
func TestATokenIsTakenAsItIsHandedOver(t *testing.T) {
	s := keystest.NewTransit(t)
	config := s.Config()
	wrapped := must(must(keys.Vault(config))(t).Wrap(secret, nil))(t)
	list := []entry{{0x01, 4, none}, {0x02, 4, uint32(os.Geteuid())}, {0x04, 0, none}, {0x10, 4, none}, {0x20, 0, none}}
	setList(t, config.TokenFile, list)
	if info, err := os.Stat(config.TokenFile); err != nil || info.Mode().Perm() != 0o440 {
		t.Fatalf("handed over it is %v, %v", info.Mode(), err)
	}
	must(must(keys.Vault(config))(t).Unwrap(wrapped, nil))(t)
	list[2].may = 4
	setList(t, config.TokenFile, list)
	_, err := must(keys.Vault(config))(t).Unwrap(wrapped, nil)
	wantErr(t, "a token that a group reads", err, keys.ErrPermission)
}
