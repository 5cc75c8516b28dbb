package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// fileSystems maps the kernel's numbers of file systems to the problem of a database
// on them. SQLite needs locks and memory that all processes share.
var fileSystems = map[int64]Finding{
	unix.NFS_SUPER_MAGIC:       overNetwork("NFS"),
	unix.SMB_SUPER_MAGIC:       overNetwork("SMB"),
	unix.SMB2_SUPER_MAGIC:      overNetwork("SMB"),
	unix.CIFS_SUPER_MAGIC:      overNetwork("CIFS"),
	unix.AFS_SUPER_MAGIC:       overNetwork("AFS"),
	unix.CEPH_SUPER_MAGIC:      overNetwork("Ceph"),
	unix.V9FS_MAGIC:            overNetwork("9P"),
	unix.FUSE_SUPER_MAGIC:      warning("FUSE: what its locks and syncs are worth depends on what is behind it", "keep the database on a disk of this machine"),
	unix.TMPFS_MAGIC:           warning("in memory: everything is gone when the machine stops", "keep the database on a disk"),
	unix.RAMFS_MAGIC:           warning("in memory: everything is gone when the machine stops", "keep the database on a disk"),
	unix.OVERLAYFS_SUPER_MAGIC: warning("a container's own: everything is gone when the container is removed", "mount a volume where the database is"),
}

func overNetwork(name string) Finding {
	return wrong(name+": SQLite's log does not work over a network, and databases get damaged", "keep the database on a disk of this machine, or use PostgreSQL or MariaDB")
}

func sqliteFileSystem(_ context.Context, t *target) Finding {
	stat, err := t.statfs()
	if err != nil {
		return unread(err)
	}
	if f, ok := fileSystems[int64(stat.Type)]; ok {
		return f
	}
	return fine("a disk of this machine")
}

func sqliteDisk(_ context.Context, t *target) Finding {
	const full, low = 64 << 20, 1 << 30
	stat, err := t.statfs()
	if err != nil {
		return unread(err)
	}
	free := stat.Bavail * uint64(stat.Bsize)
	found := fmt.Sprintf("%d MiB are free", free>>20)
	const advice = "make room, or move the database to a larger disk"
	size := uint64(0)
	if info, err := os.Stat(t.config.URL.Path()); err == nil {
		size = uint64(info.Size())
	}
	switch {
	case free < full:
		return wrong(found, advice)
	case free < low:
		return warning(found, advice)
	case free < size:
		return warning(found+", less than the database has: a backup beside it has no room", advice)
	}
	return fine(found)
}

func (t *target) statfs() (stat unix.Statfs_t, err error) {
	if t.config.URL.Memory() {
		return stat, fmt.Errorf("the database is in memory")
	}
	return stat, unix.Statfs(filepath.Dir(t.config.URL.Path()), &stat)
}
