//go:build faults && unix

package dbmodule_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

func init() { helpers["read-only file"] = meetReadOnlyFile }

// turnedReadOnly are the statements that make a server a standby, as far as
// its clients can tell; the last one gives it another's password.
var turnedReadOnly = map[dbmodule.Engine][]string{
	dbmodule.PostgreSQL: {
		"ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()",
		"SET default_transaction_read_only = off", "ALTER ROLE CURRENT_USER PASSWORD ?",
	},
	dbmodule.MySQL: {
		"SET GLOBAL read_only = 1", "REVOKE READ ONLY ADMIN ON *.* FROM 'dbtest'@'%'",
		"ALTER USER 'dbtest'@'%' IDENTIFIED BY ?",
	},
}

// After a failover a pool may be full of connections to the server that is
// the primary no longer. They answer, so that nothing else drops them.
func TestFaultServerTurnedReadOnly(t *testing.T) {
	const workers, refusals = 8, 100
	withServer(t, func(t *testing.T, primary *dbtest.Server, direct *dbmodule.Database) {
		ctx := t.Context()
		standby := dbtest.StartServer(t, direct.Engine())
		prepareStandby(t, standby, primary.URL())
		proxy := dbtest.StartProxy(t, primary.URL())
		cfg := proxy.Config(t)
		cfg.PoolSize, cfg.MaxOverflow = workers, 0
		db := dbtest.Open(t, cfg)

		var stage, refused, late, stored, unknown, recovered, reads atomic.Int64
		var wg sync.WaitGroup
		var done atomic.Bool
		for worker := range workers {
			wg.Go(func() {
				for i := 0; !done.Load(); i++ {
					before := stage.Load()
					err := db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
						return insert(ctx, s, fmt.Sprint(worker, " ", i))
					})
					switch {
					case err == nil:
						stored.Add(1)
						if before == 2 {
							recovered.Add(1)
						}
					case errors.Is(err, dbmodule.ErrCommitUnknown):
						unknown.Add(1)
					case errors.Is(err, dbmodule.ErrUnavailable) && stage.Load() == 1: // cut off
					case !errors.Is(err, dbmodule.ErrReadOnly):
						t.Errorf("stage %d: %v", before, err)
						done.Store(true)
						return
					case before == 2:
						late.Add(1)
					default:
						refused.Add(1)
					}
					s := db.Sessions().New(dbmodule.ReadOnly())
					if _, err := s.NewSelect().Model((*Account)(nil)).Count(ctx); err == nil {
						reads.Add(1)
					}
					assert.NoError(t, s.Close())
				}
			})
		}
		until := func(what string, enough func() bool) {
			t.Helper()
			if !assert.Eventually(t, func() bool { return done.Load() || enough() }, 30*time.Second, time.Millisecond, what) {
				done.Store(true)
				wg.Wait()
				t.FailNow()
			}
		}
		until("writes", func() bool { return stored.Load() > refusals })
		stage.Store(1)
		require.NoError(t, proxy.Retarget(standby.URL()))
		proxy.Cut()
		until("refused writes", func() bool { return refused.Load() > refusals })
		require.NoError(t, proxy.Retarget(primary.URL())) // the connections stay where they are
		began := time.Now()
		stage.Store(2)
		until("writes again", func() bool { return recovered.Load() > refusals })
		took := time.Since(began)
		done.Store(true)
		wg.Wait()
		t.Logf("figure 10, %s, read-only server behind the address: %d writes refused with ErrReadOnly, %d more once the address led to the primary again (%d connections), then none; %d writes after %d ms",
			db.Engine(), refused.Load(), late.Load(), workers, recovered.Load(), took.Milliseconds())
		assert.LessOrEqual(t, late.Load(), int64(workers), "each connection is refused once")
		assert.InDelta(t, stored.Load()+unknown.Load(), len(names(t, direct)), float64(unknown.Load()))
		assert.Positive(t, reads.Load())
	})
}

// prepareStandby makes a server read-only, with the table and the password of
// the one that another URL leads to.
func prepareStandby(t *testing.T, standby *dbtest.Server, primaryURL string) {
	t.Helper()
	u, err := url.Parse(primaryURL)
	require.NoError(t, err)
	password, _ := u.User.Password()
	ctx := t.Context()
	db := dbtest.Open(t, standby.Config(t))
	_, err = db.DB().NewCreateTable().Model((*Account)(nil)).Exec(ctx)
	require.NoError(t, err)
	s, err := db.DB().Conn(ctx)
	require.NoError(t, err)
	statements := turnedReadOnly[db.Engine()]
	last := len(statements) - 1
	for _, statement := range statements[:last] {
		_, err = s.ExecContext(ctx, statement)
		require.NoError(t, err)
	}
	_, err = s.ExecContext(ctx, statements[last], password)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// nobody is an account that permissions hold for.
const nobody = 65534

// meetReadOnlyFile goes on where the file and its folder turn read-only: with
// a database that is open already, and with one opened meanwhile.
func meetReadOnlyFile(ctx context.Context, folder string) error {
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chown(folder, nobody, nobody), syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			return err
		}
	}
	path := filepath.Join(folder, "test.db")
	open, err := openSQLite(ctx, path, "")
	if err != nil {
		return err
	}
	if err := store(ctx, open, "before"); err != nil {
		return err
	}
	permit := func(file, folderMode os.FileMode) error {
		files, err := filepath.Glob(path + "*")
		for _, name := range files {
			err = errors.Join(err, os.Chmod(name, file))
		}
		return errors.Join(err, os.Chmod(folder, folderMode))
	}
	if err := permit(0o400, 0o500); err != nil {
		return err
	}
	if err := store(ctx, open, "open already"); err != nil {
		return fmt.Errorf("with the file open already: %w", err)
	}
	meanwhile, err := openSQLite(ctx, path, "")
	if err != nil {
		return fmt.Errorf("open a read-only file: %w", err)
	}
	for range 20 {
		if err := store(ctx, meanwhile, "refused"); !errors.Is(err, dbmodule.ErrReadOnly) {
			return fmt.Errorf("on a read-only file: want ErrReadOnly, got %w", err)
		}
		s := meanwhile.Sessions().New(dbmodule.ReadOnly())
		n, err := s.NewSelect().Model((*Account)(nil)).Count(ctx)
		if err = errors.Join(err, s.Close()); err != nil || n != 2 {
			return fmt.Errorf("read of a read-only file: %d rows, %w", n, err)
		}
	}
	if err := permit(0o600, 0o700); err != nil {
		return err
	}
	for name, db := range map[string]*dbmodule.Database{"after, open already": open, "after": meanwhile} {
		if err := store(ctx, db, name); err != nil {
			return fmt.Errorf("%s: with a writable file again: %w", name, err)
		}
	}
	return errors.Join(meanwhile.Close(), open.Close())
}

func store(ctx context.Context, db *dbmodule.Database, name string) error {
	return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, name) })
}

// A connection that was opened on a read-only file stays read-only for good.
func TestFaultSQLiteReadOnlyFile(t *testing.T) {
	folder, err := os.MkdirTemp("", "readonly") // that of the test lets nobody in
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(folder)) })
	output, err := helper(t, "read-only file", folder).CombinedOutput()
	require.NoError(t, err, string(output))
	found, sound, err := stored(t.Context(), folder)
	require.NoError(t, err)
	assert.Equal(t, map[string]bool{"before": true, "open already": true, "after": true, "after, open already": true}, found)
	assert.True(t, sound)
	t.Logf("figure 10, SQLite, read-only file: 20 writes refused with ErrReadOnly, 20 reads answered, the first write to a writable file again stored; sound: %t", sound)
}
