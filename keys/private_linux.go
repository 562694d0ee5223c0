package keys

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Tags of an access control list's entries, each of eight bytes behind a version
// (acl(5), linux/posix_acl_xattr.h).
const (
	aclVersion = 2
	aclUser    = 0x02 // a user by number
	aclGroupOf = 0x04 // the file's group
	aclGroup   = 0x08 // a group by number
	aclOther   = 0x20
)

// Private reports whether nobody may use an open file but its owner and, by an access
// control list, the user of this process: so systemd hands credentials over
// (LoadCredential=). Such a list shows in the mode as bits of the group, which has none.
func Private(f *os.File) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("keys: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return true, nil
	}
	list := make([]byte, 1<<10)
	n, err := unix.Fgetxattr(int(f.Fd()), "system.posix_acl_access", list)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ERANGE) {
		return false, nil // the bits are what they seem, or the list is too long
	}
	if err != nil {
		return false, fmt.Errorf("keys: access control list: %w", err)
	}
	list = list[:n]
	if n < 4 || n%8 != 4 || binary.LittleEndian.Uint32(list) != aclVersion {
		return false, nil
	}
	for e := list[4:]; len(e) > 0; e = e[8:] {
		tag, may, id := binary.LittleEndian.Uint16(e), binary.LittleEndian.Uint16(e[2:]), binary.LittleEndian.Uint32(e[4:])
		if may == 0 {
			continue
		}
		switch tag {
		case aclUser:
			if int64(id) != int64(os.Geteuid()) {
				return false, nil
			}
		case aclGroupOf, aclGroup, aclOther:
			return false, nil
		}
	}
	return true, nil
}
