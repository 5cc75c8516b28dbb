//go:build cluster

package dbmodule_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
)

// pair is a primary and a standby with a database opened on both.
type pair struct {
	t                *testing.T
	engine           dbmodule.Engine
	primary, standby *dbtest.Server
	db               *dbmodule.Database
	// direct is the standby's own database.
	direct *dbmodule.Database
	logs   *observer.ObservedLogs
}

// replicating runs fn for each engine that replicates.
func replicating(t *testing.T, configure func(*dbmodule.Config), fn func(t *testing.T, p *pair)) {
	t.Helper()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			fn(t, replicate(t, engine, configure))
		})
	}
}

func replicate(t *testing.T, engine dbmodule.Engine, configure func(*dbmodule.Config)) *pair {
	t.Helper()
	p := &pair{t: t, engine: engine, primary: dbtest.StartPrimary(t, engine)}
	p.standby = dbtest.StartStandby(t, p.primary)
	admin := dbtest.Open(t, p.primary.Config(t))
	_, err := admin.DB().NewCreateTable().Model((*Account)(nil)).Exec(t.Context())
	require.NoError(t, err)
	p.direct = dbtest.Open(t, p.standby.Config(t))
	require.Eventually(t, func() bool {
		_, err := p.direct.DB().NewSelect().Model((*Account)(nil)).Count(t.Context())
		return err == nil
	}, 20*time.Second, 10*time.Millisecond, "the standby gets the table")

	cfg := p.primary.Config(t)
	cfg.ReplicaURLs = dbmodule.URLs{p.standby.Config(t).URL}
	cfg.CheckInterval = 50 * time.Millisecond
	configure(&cfg)
	core, logs := observer.New(zap.InfoLevel)
	p.logs = logs
	p.db, err = dbmodule.Open(cfg, zap.New(core))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.db.Close()) })
	require.NoError(t, p.db.Connect(t.Context()))
	return p
}

func standard(*dbmodule.Config) {}

// hold keeps the standby from applying what it receives.
func (p *pair) hold() {
	p.t.Helper()
	statement := "SELECT pg_wal_replay_pause()"
	if p.engine == dbmodule.MySQL {
		statement = "STOP SLAVE SQL_THREAD"
	}
	_, err := p.direct.DB().ExecContext(p.t.Context(), statement)
	require.NoError(p.t, err)
	if p.engine == dbmodule.PostgreSQL { // it only asks for it
		require.Eventually(p.t, func() bool {
			var state string
			require.NoError(p.t, p.direct.DB().NewRaw("SELECT pg_get_wal_replay_pause_state()").Scan(p.t.Context(), &state))
			return state == "paused"
		}, 10*time.Second, 5*time.Millisecond)
	}
}

func (p *pair) goOn() {
	p.t.Helper()
	statement := "SELECT pg_wal_replay_resume()"
	if p.engine == dbmodule.MySQL {
		statement = "START SLAVE SQL_THREAD"
	}
	_, err := p.direct.DB().ExecContext(p.t.Context(), statement)
	require.NoError(p.t, err)
}

func (p *pair) write(ctx context.Context, name string) {
	p.t.Helper()
	require.NoError(p.t, p.db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, name) }))
}

// read returns how many rows a read-only session sees, and on which server.
func (p *pair) read(ctx context.Context, opts ...dbmodule.SessionOption) (rows int64, onStandby bool, err error) {
	s := p.db.Sessions().New(append([]dbmodule.SessionOption{dbmodule.ReadOnly()}, opts...)...)
	defer func() { err = errors.Join(err, s.Close()) }()
	return p.readBy(ctx, s)
}

func (p *pair) readBy(ctx context.Context, s *dbmodule.Session) (rows int64, onStandby bool, err error) {
	if rows, err = s.NewSelect().Model((*Account)(nil)).Count(ctx); err != nil {
		return 0, false, err
	}
	query := "SELECT pg_is_in_recovery()"
	if p.engine == dbmodule.MySQL {
		query = "SELECT @@server_id = 2"
	}
	err = s.QueryRowContext(ctx, query).Scan(&onStandby)
	return rows, onStandby, err
}

func (p *pair) mustRead(ctx context.Context, opts ...dbmodule.SessionOption) (rows int64, onStandby bool) {
	p.t.Helper()
	rows, onStandby, err := p.read(ctx, opts...)
	require.NoError(p.t, err)
	return rows, onStandby
}

func (p *pair) fit() bool { return p.db.Replicas()[0].Fit }

func (p *pair) becomes(fit bool) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return p.fit() == fit }, 20*time.Second, 5*time.Millisecond, "%+v", p.db.Replicas())
}

func TestClusterReadOnlySessionsUseTheReplica(t *testing.T) {
	t.Parallel()
	replicating(t, standard, func(t *testing.T, p *pair) {
		p.becomes(true)
		_, onStandby := p.mustRead(t.Context())
		assert.True(t, onStandby)
		_, onStandby = p.mustRead(t.Context(), dbmodule.Snapshot())
		assert.True(t, onStandby)

		stats := p.db.Replicas()[0]
		assert.NotContains(t, stats.Replica, "@:/%")
		assert.Positive(t, stats.Pool.Open)
		assert.Len(t, p.logs.FilterMessage("reads go to the replica").All(), 1, "told once")

		_, onStandby = p.mustRead(t.Context(), dbmodule.Isolation(sql.LevelSerializable))
		assert.False(t, onStandby, "a standby has no such transactions")

		s := p.db.Sessions().New()
		require.NoError(t, insert(t.Context(), s, "written on the primary"))
		require.NoError(t, s.Commit(t.Context()))

		s = p.db.Sessions().New(dbmodule.ReadOnly())
		require.ErrorIs(t, insert(t.Context(), s, "refused"), dbmodule.ErrReadOnly)
		require.NoError(t, s.Close())
	})
}

func TestClusterReadYourWrites(t *testing.T) {
	t.Parallel()
	replicating(t, func(cfg *dbmodule.Config) { cfg.ReplicaMaxLag = 0 }, func(t *testing.T, p *pair) {
		p.becomes(true)
		p.hold()
		mine := dbmodule.ReadYourWrites(t.Context(), "")
		_, onStandby := p.mustRead(mine)
		assert.True(t, onStandby, "nothing was written")
		assert.Empty(t, dbmodule.WriteToken(mine))

		p.write(mine, "a")
		rows, onStandby := p.mustRead(mine)
		assert.EqualValues(t, 1, rows, "the writer sees it")
		assert.False(t, onStandby)
		rows, onStandby = p.mustRead(t.Context())
		assert.EqualValues(t, 0, rows, "others may not")
		assert.True(t, onStandby)

		// Another process gets the token by a header.
		token := dbmodule.WriteToken(mine)
		assert.Regexp(t, `^[A-Za-z0-9.~-]{10,400}$`, token)
		elsewhere := dbmodule.ReadYourWrites(t.Context(), token)
		rows, onStandby = p.mustRead(elsewhere, dbmodule.Snapshot())
		assert.EqualValues(t, 1, rows)
		assert.False(t, onStandby)
		assert.Empty(t, dbmodule.WriteToken(elsewhere), "it wrote nothing itself")

		p.goOn()
		require.Eventually(t, func() bool {
			rows, onStandby := p.mustRead(mine)
			assert.EqualValues(t, 1, rows)
			return onStandby
		}, 20*time.Second, 10*time.Millisecond, "the standby has it: back to it")
	})
}

func TestClusterReadYourAutocommittedWrites(t *testing.T) {
	t.Parallel()
	replicating(t, func(cfg *dbmodule.Config) { cfg.ReplicaMaxLag = 0 }, func(t *testing.T, p *pair) {
		p.becomes(true)
		p.hold()
		for i, write := range []func(ctx context.Context, s *dbmodule.Session) error{
			func(ctx context.Context, s *dbmodule.Session) error { return insert(ctx, s, "by a builder") },
			func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.ExecContext(ctx, "INSERT INTO accounts (name, balance) VALUES ('by a text', 0)")
				return err
			},
		} {
			mine := dbmodule.ReadYourWrites(t.Context(), "")
			s := p.db.Sessions().New(dbmodule.Autocommit())
			require.NoError(t, write(mine, s))
			require.NoError(t, s.Close())
			rows, onStandby := p.mustRead(mine)
			assert.EqualValues(t, i+1, rows)
			assert.False(t, onStandby)
			assert.NotEmpty(t, dbmodule.WriteToken(mine))
		}
		p.goOn()
	})
}

func TestClusterReplicaIsLeftAloneWhenItLags(t *testing.T) {
	t.Parallel()
	replicating(t, func(cfg *dbmodule.Config) { cfg.ReplicaMaxLag = 500 * time.Millisecond }, func(t *testing.T, p *pair) {
		p.becomes(true)
		time.Sleep(time.Second)
		assert.True(t, p.fit(), "an idle primary is no lag")
		p.hold()
		p.write(t.Context(), "a")
		p.becomes(false)
		assert.Contains(t, p.db.Replicas()[0].Reason, "DATABASE_REPLICA_MAX_LAG")
		rows, onStandby := p.mustRead(t.Context())
		assert.EqualValues(t, 1, rows)
		assert.False(t, onStandby)
		p.goOn()
		p.becomes(true)
		rows, onStandby = p.mustRead(t.Context())
		assert.EqualValues(t, 1, rows)
		assert.True(t, onStandby)
		assert.Len(t, p.logs.FilterMessage("reads do not go to the replica").All(), 1)
		assert.Len(t, p.logs.FilterMessage("reads go to the replica").All(), 2)
	})
}

// Reads go on while their replica is killed and comes back: none fails. Half
// of the readers read twice in one snapshot, which begins again when it is cut.
func TestClusterReplicaKilledUnderReads(t *testing.T) {
	t.Parallel()
	replicating(t, standard, func(t *testing.T, p *pair) {
		p.becomes(true)
		p.write(t.Context(), "a")
		const readers = 8
		var done atomic.Bool
		var onStandby, onPrimary, failed atomic.Int64
		var wg sync.WaitGroup
		for reader := range readers {
			wg.Go(func() {
				var opts []dbmodule.SessionOption
				if reader%2 == 1 {
					opts = append(opts, dbmodule.Snapshot())
				}
				for !done.Load() {
					standby := false
					err := p.db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) (err error) {
						_, standby, err = p.readBy(ctx, s)
						return err
					}, append(opts, dbmodule.ReadOnly())...)
					switch {
					case !assert.NoError(t, err):
						failed.Add(1)
					case standby:
						onStandby.Add(1)
					default:
						onPrimary.Add(1)
					}
				}
			})
		}
		moves := func(n *atomic.Int64) {
			t.Helper()
			before := n.Load()
			assert.Eventually(t, func() bool { return n.Load() > before+20 }, 20*time.Second, 5*time.Millisecond, fmt.Sprintf("%+v", p.db.Replicas()))
		}
		moves(&onStandby)
		require.NoError(t, p.standby.Kill())
		moves(&onPrimary)
		require.NoError(t, p.standby.Restart(t.Context()))
		moves(&onStandby)
		done.Store(true)
		wg.Wait()
		t.Logf("figure 11, %s: replica killed and restarted under %d readers: %d reads by the replica, %d by the primary, %d failed",
			p.engine, readers, onStandby.Load(), onPrimary.Load(), failed.Load())
	})
}

// What a replica can't answer yet is asked on the primary.
func TestClusterTableThatHasNotComeToTheReplica(t *testing.T) {
	t.Parallel()
	replicating(t, func(cfg *dbmodule.Config) { cfg.ReplicaMaxLag = 0 }, func(t *testing.T, p *pair) {
		p.becomes(true)
		p.hold()
		_, err := p.db.DB().ExecContext(t.Context(), "CREATE TABLE later (id INTEGER PRIMARY KEY)")
		require.NoError(t, err)
		s := p.db.Sessions().New(dbmodule.ReadOnly())
		n := -1
		require.NoError(t, s.QueryRowContext(t.Context(), "SELECT count(*) FROM later").Scan(&n))
		assert.Zero(t, n)
		require.NoError(t, s.Close())
	})
}

// A replica that hangs refuses nobody, and would keep each read waiting.
func TestClusterPausedReplicaIsLeftAlone(t *testing.T) {
	t.Parallel()
	replicating(t, standard, func(t *testing.T, p *pair) {
		p.becomes(true)
		require.NoError(t, p.standby.Pause())
		p.becomes(false)
		_, onStandby := p.mustRead(t.Context())
		assert.False(t, onStandby)
		require.NoError(t, p.standby.Resume())
		p.becomes(true)
		_, onStandby = p.mustRead(t.Context())
		assert.True(t, onStandby)
	})
}

// Between two checks it is a read that finds the replica gone, without harm.
func TestClusterReadFindsTheReplicaGone(t *testing.T) {
	t.Parallel()
	unchecked := func(cfg *dbmodule.Config) { cfg.ReplicaMaxLag, cfg.CheckInterval = 0, time.Hour }
	replicating(t, unchecked, func(t *testing.T, p *pair) {
		p.becomes(true)
		for _, opts := range [][]dbmodule.SessionOption{nil, {dbmodule.Snapshot()}} {
			_, onStandby := p.mustRead(t.Context(), opts...)
			require.True(t, onStandby)
			require.NoError(t, p.standby.Kill())
			_, onStandby = p.mustRead(t.Context(), opts...)
			assert.False(t, onStandby)
			p.becomes(false)
			require.NoError(t, p.standby.Restart(t.Context()))
			require.Eventually(t, func() bool {
				_, err := p.direct.DB().ExecContext(t.Context(), "SELECT 1")
				return err == nil
			}, 20*time.Second, 10*time.Millisecond)
			p.db.CheckReplicas(t.Context())
			p.becomes(true)
		}
	})
}

// A function that writes in a SELECT does what it does without replicas.
func TestClusterWriteInASelect(t *testing.T) {
	t.Parallel()
	p := replicate(t, dbmodule.PostgreSQL, standard)
	_, err := p.db.DB().ExecContext(t.Context(), "CREATE SEQUENCE numbers")
	require.NoError(t, err)
	p.becomes(true)
	p.mustRead(t.Context())
	open := p.db.Replicas()[0].Pool.Open
	for want := range 3 {
		s := p.db.Sessions().New(dbmodule.ReadOnly())
		n := 0
		require.NoError(t, s.QueryRowContext(t.Context(), "SELECT nextval('numbers')").Scan(&n))
		assert.Equal(t, want+1, n)
		require.NoError(t, s.Close())
	}
	assert.Equal(t, open, p.db.Replicas()[0].Pool.Open, "the replica's connections are sound")
}

// Tables that the start made must be there for whoever reads after it.
func TestClusterReplicasWaitForTheSchema(t *testing.T) {
	t.Parallel()
	replicating(t, func(cfg *dbmodule.Config) { cfg.ReplicaMaxLag = 0 }, func(t *testing.T, p *pair) {
		type Later struct {
			ID int64 `bun:"id,pk,autoincrement"`
		}
		cfg := p.primary.Config(t)
		cfg.ReplicaURLs = dbmodule.URLs{p.standby.Config(t).URL}
		cfg.ReplicaMaxLag, cfg.CheckInterval = 0, 50*time.Millisecond
		db := dbtest.Open(t, cfg, dbmodule.WithModels((*Later)(nil)), dbmodule.WithTables(autogen.NewTables()))
		p.hold()
		require.NoError(t, db.CreateTables(t.Context()))
		read := func() {
			s := db.Sessions().New(dbmodule.Snapshot())
			_, err := s.NewSelect().Model((*Later)(nil)).Count(t.Context())
			require.NoError(t, err)
			require.NoError(t, s.Close())
		}
		for range 20 {
			read()
			time.Sleep(20 * time.Millisecond)
		}
		assert.False(t, db.Replicas()[0].Fit)
		p.goOn()
		require.Eventually(t, func() bool { return db.Replicas()[0].Fit }, 20*time.Second, 10*time.Millisecond, "%+v", db.Replicas())
		read()
	})
}

// A standby that was promoted is no replica any more: what it has may be
// another history.
func TestClusterPromotedReplicaIsLeftAlone(t *testing.T) {
	t.Parallel()
	// MariaDB does not tell a server that once was a replica from one that is.
	p := replicate(t, dbmodule.PostgreSQL, standard)
	p.becomes(true)
	require.NoError(t, p.standby.Promote(t.Context()))
	p.becomes(false)
	_, onStandby := p.mustRead(t.Context())
	assert.False(t, onStandby)
}
