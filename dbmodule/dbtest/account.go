package dbtest

import (
	"fmt"
	"os"
	osuser "os/user"
	"path/filepath"
	"strconv"
)

// account is the system user that a server runs as. The zero value is the user of
// this process.
type account struct {
	other    bool
	uid, gid int
}

// serverAccount returns the zero value if this process runs as an ordinary user. If
// it runs as root, the result is the named user, or the user nobody: no server
// starts as root.
func serverAccount(name string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	u, err := osuser.Lookup(name)
	if err != nil {
		if u, err = osuser.Lookup("nobody"); err != nil {
			return account{}, fmt.Errorf("dbtest: find a user to run the server as instead of root: %w", err)
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return account{}, fmt.Errorf("dbtest: read user %s: %w", u.Username, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return account{}, fmt.Errorf("dbtest: read user %s: %w", u.Username, err)
	}
	return account{other: true, uid: uid, gid: gid}, nil
}

// own makes the account the owner of a file of this process.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	if err := os.Chown(path, a.uid, a.gid); err != nil {
		return fmt.Errorf("dbtest: give file to the server's user: %w", err)
	}
	return nil
}

// reaches returns an error if the account can't enter the folders above path, for
// example if TMPDIR is a private folder of root.
func (a account) reaches(path string) error {
	if !a.other {
		return nil
	}
	for folder := filepath.Dir(path); ; folder = filepath.Dir(folder) {
		info, err := os.Stat(folder)
		if err != nil {
			return fmt.Errorf("dbtest: look at temporary folder: %w", err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("dbtest: start server: root runs the tests, and the server's own user can't enter %s: set TMPDIR to a folder that everybody can enter", folder)
		}
		if folder == filepath.Dir(folder) {
			return nil
		}
	}
}
