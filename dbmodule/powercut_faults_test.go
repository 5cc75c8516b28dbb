//go:build faults

package dbmodule_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule"
)

// helperVariable makes TestFaultHelper play one of the helpers: "name folder".
const helperVariable = "DBMODULE_FAULTS_HELPER"

// helpers are what test processes of their own do.
var helpers = map[string]func(ctx context.Context, folder string) error{
	"record FULL":   func(ctx context.Context, folder string) error { return recordWrites(ctx, folder, "FULL") },
	"record NORMAL": func(ctx context.Context, folder string) error { return recordWrites(ctx, folder, "NORMAL") },
	"write":         writeUntilKilled,
	"full disk":     fillDisk,
}

// TestFaultHelper is no test but what helper processes run.
func TestFaultHelper(t *testing.T) {
	name, folder, ok := strings.Cut(os.Getenv(helperVariable), "|")
	if !ok {
		return
	}
	if err := helpers[name](t.Context(), folder); err != nil {
		t.Fatal(err)
	}
}

func helper(t *testing.T, name, folder string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaultHelper$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), helperVariable+"="+name+"|"+folder)
	return cmd
}

func openSQLite(ctx context.Context, path, options string) (*dbmodule.Database, error) {
	cfg := dbmodule.DefaultConfig()
	var err error
	if cfg.URL, err = dbmodule.ParseURL("sqlite:///" + path + options); err != nil {
		return nil, err
	}
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		return nil, err
	}
	if err = db.Connect(ctx); err == nil {
		_, err = db.DB().NewCreateTable().Model((*Account)(nil)).IfNotExists().Exec(ctx)
	}
	return db, err
}

const recordedRows = 1200

// recordWrites stores rows from four writers and records what reaches the
// files, and when each row is acknowledged. It ends without closing.
func recordWrites(ctx context.Context, folder, synchronous string) (err error) {
	out, err := os.Create(filepath.Join(folder, "ops"))
	if err != nil {
		return err
	}
	if err := installRecorder(out); err != nil {
		return err
	}
	options := "?synchronous=" + synchronous
	if synchronous == "FULL" {
		options = "" // the default
	}
	db, err := openSQLite(ctx, filepath.Join(folder, "test.db"), options)
	if err != nil {
		return err
	}
	const writers = 4
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for writer := range writers {
		wg.Go(func() {
			for i := writer; i < recordedRows; i += writers {
				errs[writer] = errors.Join(errs[writer], db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
					return insert(ctx, s, fmt.Sprint(i))
				}))
				record(fileOp{Kind: opAck, Ack: int64(i)})
			}
		})
	}
	wg.Wait()
	recorder.mu.Lock()
	defer recorder.mu.Unlock()
	return errors.Join(errors.Join(errs...), recorder.err, recorder.flush(), out.Close())
}

// disk is what the files hold: for sure, and what was written since.
type disk struct {
	synced  map[string][]byte
	waiting map[string][]fileOp
}

func (d *disk) apply(op fileOp) {
	switch op.Kind {
	case opSync:
		for _, waiting := range d.waiting[op.File] {
			d.synced[op.File] = changed(d.synced[op.File], waiting)
		}
		delete(d.waiting, op.File)
	case opDelete:
		delete(d.synced, op.File)
		delete(d.waiting, op.File)
	case opWrite, opTruncate:
		d.waiting[op.File] = append(d.waiting[op.File], op)
	}
}

func changed(content []byte, op fileOp) []byte {
	size := int64(len(content))
	if op.Kind == opTruncate {
		return append([]byte(nil), content[:min(size, op.Offset)]...)
	}
	if end := op.Offset + int64(len(op.Data)); end > size {
		content = append(content, make([]byte, end-size)...)
	}
	copy(content[op.Offset:], op.Data)
	return content
}

// after the power is back: what was synced, and of the rest what survives
// keeps, in any order.
func (d *disk) afterCut(folder string, survives func() bool) error {
	files := map[string][]byte{}
	for name, content := range d.synced {
		files[name] = append([]byte(nil), content...)
	}
	for name, ops := range d.waiting {
		for _, op := range ops {
			if survives() {
				files[name] = changed(files[name], op)
			}
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// stored opens what a cut left and returns the names in it, and whether
// SQLite finds it sound.
func stored(ctx context.Context, folder string) (found map[string]bool, sound bool, err error) {
	db, err := sql.Open("sqlite", filepath.Join(folder, "test.db"))
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); err != nil {
		return nil, false, err
	}
	found = map[string]bool{}
	rows, err := db.QueryContext(ctx, "SELECT name FROM accounts")
	if err != nil {
		if strings.Contains(err.Error(), "no such table") {
			return found, verdict == "ok", nil // cut before the table was there
		}
		return nil, false, err
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, false, errors.Join(err, rows.Close())
		}
		found[name] = true
	}
	return found, verdict == "ok", rows.Err()
}

// cutPower replays a recording up to each of so many moments.
func cutPower(t *testing.T, ops []fileOp, cuts int) (lossy, lost, unsound int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	d := &disk{synced: map[string][]byte{}, waiting: map[string][]fileOp{}}
	var acknowledged []string
	next := 1
	for i, op := range ops {
		if op.Kind == opAck {
			acknowledged = append(acknowledged, fmt.Sprint(op.Ack))
		}
		d.apply(op)
		if i+1 < next*len(ops)/cuts {
			continue
		}
		next++
		for _, survives := range []func() bool{
			func() bool { return false },
			func() bool { return random.IntN(2) == 0 },
		} {
			folder := t.TempDir()
			require.NoError(t, d.afterCut(folder, survives))
			found, sound, err := stored(t.Context(), folder)
			require.NoError(t, err)
			missing := 0
			for _, name := range acknowledged {
				if !found[name] {
					missing++
				}
			}
			if missing > 0 {
				lossy++
			}
			if !sound {
				unsound++
			}
			lost += missing
			require.NoError(t, os.RemoveAll(folder))
		}
	}
	return lossy, lost, unsound
}

// With SQLite's usual WAL setting, synchronous NORMAL, a commit is
// acknowledged before it is on the disk.
func TestFaultPowerCut(t *testing.T) {
	const cuts = 200
	for _, synchronous := range []string{"FULL", "NORMAL"} {
		folder := t.TempDir()
		output, err := helper(t, "record "+synchronous, folder).CombinedOutput()
		require.NoError(t, err, string(output))
		ops, err := readOps(filepath.Join(folder, "ops"))
		require.NoError(t, err)
		lossy, lost, unsound := cutPower(t, ops, cuts)
		t.Logf("figure 1, power cut, synchronous %s: %d writes acknowledged, %d operations, %d cuts (each with nothing and with half of what was not synced): %d of %d lost rows, %d acknowledged rows in all; %d damaged",
			synchronous, recordedRows, len(ops), cuts, lossy, 2*cuts, lost, unsound)
		if synchronous == "FULL" {
			assert.Zero(t, lost)
			assert.Zero(t, unsound)
		} else {
			assert.Positive(t, lost, "the model finds no loss where there is some: it can't fail")
		}
	}
}
