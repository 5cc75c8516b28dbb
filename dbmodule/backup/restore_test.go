package backup_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/backup"
)

// written makes a backup of a ledger with one account of that number.
func written(t *testing.T, dir, name string, account int) string {
	t.Helper()
	db := ledger(t, filepath.Join(dir, name+".source"))
	require.NoError(t, book(t.Context(), db, account))
	to := filepath.Join(dir, name)
	_, err := backup.Create(t.Context(), db, to, backup.Options{})
	require.NoError(t, err)
	return to
}

// restore does both steps.
func restore(t *testing.T, from string, db *dbmodule.Database) (backup.Installed, error) {
	t.Helper()
	r, err := backup.Prepare(t.Context(), from, db, backup.Options{})
	if err != nil {
		return backup.Installed{}, err
	}
	return r.Install(t.Context())
}

func TestRestore(t *testing.T) {
	t.Parallel()
	dir, path := folder(t)
	from := written(t, t.TempDir(), "backup", 7)
	old := ledger(t, path)
	require.NoError(t, book(t.Context(), old, 1))
	require.NoError(t, old.Close())

	done, err := restore(t, from, old)
	require.NoError(t, err)
	require.Empty(t, done.Holder)
	require.Equal(t, []int{7}, numbers(t, path, "SELECT id FROM accounts"))
	require.Equal(t, []int{1}, numbers(t, done.Kept, "SELECT id FROM accounts"))
	require.ElementsMatch(t, []string{"test.db", filepath.Base(done.Kept)}, files(t, dir))

	// The database works, and what was kept can be put back.
	db := atPath(t, path)
	require.NoError(t, db.Connect(t.Context()))
	require.NoError(t, book(t.Context(), db, 8))
	require.NoError(t, db.Close())
	_, err = restore(t, done.Kept, db)
	require.NoError(t, err)
	require.Equal(t, []int{1}, numbers(t, path, "SELECT id FROM accounts"))
}

func TestRestoreWhereThereIsNone(t *testing.T) {
	t.Parallel()
	dir, path := folder(t)
	from := written(t, t.TempDir(), "backup", 7)
	require.NoError(t, os.WriteFile(path+"-wal", []byte("of a database that was deleted"), 0o600))
	done, err := restore(t, from, atPath(t, path))
	require.NoError(t, err)
	require.Empty(t, done.Kept)
	require.Equal(t, []int{7}, numbers(t, path, "SELECT id FROM accounts"))
	require.Len(t, files(t, dir), 2, "the log is set aside")
	require.NoFileExists(t, path+"-wal")
}

// What a server that was killed leaves in its log is kept, and never becomes
// part of what takes its place.
func TestRestoreAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from := written(t, t.TempDir(), "backup", 7)
	live := filepath.Join(dir, "live.db")
	db := ledger(t, live)
	for n := range 50 {
		require.NoError(t, book(t.Context(), db, n))
	}
	path := filepath.Join(dir, "test.db")
	for _, suffix := range []string{"", "-wal"} { // as they are at a kill
		content, err := os.ReadFile(live + suffix)
		require.NoError(t, err)
		require.NotEmpty(t, content)
		require.NoError(t, os.WriteFile(path+suffix, content, 0o600))
	}
	done, err := restore(t, from, atPath(t, path))
	require.NoError(t, err)
	require.Equal(t, []int{7}, numbers(t, path, "SELECT id FROM accounts"))
	require.Len(t, numbers(t, done.Kept, "SELECT id FROM accounts"), 50)
	require.NoFileExists(t, path+"-wal")
}

func TestRestoreReplacesADamagedDatabase(t *testing.T) {
	t.Parallel()
	_, path := folder(t)
	from := written(t, t.TempDir(), "backup", 7)
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("no database", 1000)), 0o600))
	require.NoError(t, os.WriteFile(path+"-wal", []byte("no log"), 0o600))
	done, err := restore(t, from, atPath(t, path))
	require.NoError(t, err)
	require.Equal(t, []int{7}, numbers(t, path, "SELECT id FROM accounts"))
	require.FileExists(t, done.Kept)
	require.NoFileExists(t, path+"-wal")
}

func TestRestoreRefusesWhatIsNoBackup(t *testing.T) {
	t.Parallel()
	dir, path := folder(t)
	good := written(t, t.TempDir(), "backup", 7)
	content, err := os.ReadFile(good)
	require.NoError(t, err)
	old := ledger(t, path)
	require.NoError(t, book(t.Context(), old, 1))
	require.NoError(t, old.Close())
	damaged := append([]byte(nil), content...)
	for i := 4096; i < 3*4096; i++ { // two pages
		damaged[i] ^= 0x5a
	}
	for name, content := range map[string][]byte{
		"text": []byte("a text, not a database"), "empty": {}, "cut": content[:len(content)-4096], "damaged": damaged,
	} {
		from := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(from, content, 0o600))
		_, err := backup.Prepare(t.Context(), from, old, backup.Options{})
		require.ErrorIs(t, err, dbmodule.ErrCorrupt, name)
	}
	_, err = backup.Prepare(t.Context(), path, old, backup.Options{})
	require.ErrorContains(t, err, "the database itself")
	require.Equal(t, []string{"test.db"}, files(t, dir), "nothing is left behind")
	require.Equal(t, []int{1}, numbers(t, path, "SELECT id FROM accounts"))
}

func TestRestoreRefusesADatabaseInUse(t *testing.T) {
	t.Parallel()
	dir, path := folder(t)
	from := written(t, t.TempDir(), "backup", 7)
	db := ledger(t, path)
	require.NoError(t, book(t.Context(), db, 1))
	_, err := restore(t, from, atPath(t, path))
	require.ErrorIs(t, err, backup.ErrInUse, "by this process")
	require.NoError(t, book(t.Context(), db, 2))
	require.NoError(t, db.Close())

	process := helper(t, "hold", path)
	out, err := process.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, process.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	_, err = restore(t, from, atPath(t, path))
	require.ErrorIs(t, err, backup.ErrInUse, "by another one, though it does nothing")
	if runtime.GOOS == "linux" {
		require.ErrorContains(t, err, fmt.Sprintf("by process %d ", process.Process.Pid))
	}
	require.NoError(t, process.Process.Kill())
	require.Error(t, process.Wait())
	require.NotContains(t, strings.Join(files(t, dir), " "), "partial")
	_, err = restore(t, from, atPath(t, path))
	require.NoError(t, err)
}

// The moment of a kill is anywhere; what is there afterwards is one of the two
// databases.
func TestRestoreKilled(t *testing.T) {
	t.Parallel()
	_, path := folder(t)
	sources := t.TempDir()
	one, two := written(t, sources, "one", 1), written(t, sources, "two", 2)
	first := ledger(t, path)
	require.NoError(t, book(t.Context(), first, 1))
	require.NoError(t, first.Close())
	seen := map[int]int{}
	for range 12 {
		process := helper(t, "restore", path, one, two)
		out, err := process.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, process.Start())
		lines := bufio.NewScanner(out)
		for range 1 + rand.IntN(2) {
			require.True(t, lines.Scan())
			require.Equal(t, "ready", lines.Text())
		}
		time.Sleep(time.Duration(rand.IntN(40_000)) * time.Microsecond)
		require.NoError(t, process.Process.Kill())
		require.Error(t, process.Wait())

		db := atPath(t, path)
		require.NoError(t, db.Connect(t.Context()))
		var account int
		require.NoError(t, db.DB().NewRaw("SELECT id FROM accounts").Scan(t.Context(), &account))
		require.NoError(t, db.Close())
		_, err = backup.Verify(t.Context(), path)
		require.NoError(t, err)
		seen[account]++
	}
	t.Logf("12 kills: the one %d times, the other %d times", seen[1], seen[2])
	require.Equal(t, 12, seen[1]+seen[2])
}
