package main

import (
	"cmp"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lookAtProcess asks the kernel for what bears on a gate that it starts from here.
func lookAtProcess(now time.Time) surroundings {
	s := surroundings{now: now, locale: cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG"), "C")}
	s.files, s.processes = limit(unix.RLIMIT_NOFILE), limit(unix.RLIMIT_NPROC)
	return s
}

func limit(resource int) uint64 {
	var r unix.Rlimit
	if err := unix.Getrlimit(resource, &r); err != nil {
		return 0
	}
	return r.Cur
}

// systems are file systems by the number that statfs(2) gives them.
var systems = map[int64]string{
	unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs", unix.F2FS_SUPER_MAGIC: "f2fs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlay", unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs", 0x2fc12fc1: "zfs",
	unix.NFS_SUPER_MAGIC: "nfs", unix.CIFS_SUPER_MAGIC: "cifs", unix.SMB2_SUPER_MAGIC: "smb2", unix.FUSE_SUPER_MAGIC: "fuse", unix.V9FS_MAGIC: "9p", 0x00c36400: "ceph",
}

// lookAtPlace asks the kernel for a folder and its disk.
func lookAtPlace(path string) (site, error) {
	var at unix.Stat_t
	if err := unix.Stat(path, &at); err != nil {
		return site{}, err
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(path, &disk); err != nil {
		return site{}, err
	}
	size := uint64(disk.Bsize)
	return site{mode: os.FileMode(at.Mode & 0o777), isFolder: at.Mode&unix.S_IFMT == unix.S_IFDIR, owner: int(at.Uid), self: os.Geteuid(),
		system: cmp.Or(systems[int64(disk.Type)], fmt.Sprintf("%#x", disk.Type)), free: disk.Bavail * size, size: disk.Blocks * size}, nil
}
