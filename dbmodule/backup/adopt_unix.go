//go:build unix

package backup

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// adopt gives the copy the mode and the owner of the database that it will replace,
// so that the server's account can use it, whoever restores it. If there is no such
// database, the copy gets the owner of the folder.
func (r *Replacement) adopt() error {
	like := r.info
	if like == nil {
		folder, err := os.Stat(filepath.Dir(r.target))
		if err != nil {
			return err
		}
		like = folder
	} else if err := os.Chmod(r.part, like.Mode().Perm()); err != nil {
		return err
	}
	owner, ok := like.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	if os.Geteuid() != 0 {
		return nil // only root may change the owner, so the copy stays this account's
	}
	if err := os.Chown(r.part, int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("give the restored database to its owner: %w", err)
	}
	return nil
}
