//go:build unix

package dbmodule_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtest"
	mysqlengine "github.com/openhands-go/server/dbmodule/internal/engine/mysql"
	"github.com/openhands-go/server/dbmodule/internal/engine/postgres"
)

// Note is what the benchmarks read and write.
type Note struct {
	bun.BaseModel `bun:"table:notes"`

	ID        int64     `bun:"id,pk,autoincrement"`
	Author    string    `bun:"author,notnull,type:varchar(100)"`
	Title     string    `bun:"title,notnull,type:varchar(200)"`
	Stars     int64     `bun:"stars,notnull"`
	CreatedAt time.Time `bun:"created_at,notnull"`
}

const notes = 10_000

// BenchmarkRead compares, on the same rows: a query written by hand over
// database/sql, prepared; Bun over the driver; and sessions, with statements
// prepared and without.
func BenchmarkRead(b *testing.B) { benchmark(b, readers) }

// BenchmarkWrite does so for one insert in a transaction of its own.
func BenchmarkWrite(b *testing.B) { benchmark(b, writers) }

func benchmark(b *testing.B, operations map[string]func(b *testing.B, cfg dbmodule.Config) func(i int) error) {
	for _, engine := range dbtest.Engines() {
		b.Run(string(engine), func(b *testing.B) {
			cfg := dbtest.Config(b, engine)
			db := openBench(b, cfg)
			_, err := db.DB().NewCreateTable().Model((*Note)(nil)).Exec(b.Context())
			require.NoError(b, err)
			rows := make([]Note, 500)
			for from := 0; from < notes; from += len(rows) {
				for i := range rows {
					rows[i] = note(from + i)
				}
				_, err := db.DB().NewInsert().Model(&rows).ExcludeColumn("id").Exec(b.Context())
				require.NoError(b, err)
			}
			for _, name := range []string{"hand/get", "bun/get", "session/get", "compiled/get", "literal/get", "hand/list", "bun/list", "session/list", "compiled/list", "literal/list", "hand/insert", "bun/insert", "session/insert", "compiled/insert", "literal/insert"} {
				prepareFunc, ok := operations[name]
				if !ok {
					continue
				}
				b.Run(name, func(b *testing.B) {
					run := prepareFunc(b, cfg)
					for i := range 20 {
						require.NoError(b, run(i))
					}
					b.ReportAllocs()
					i, before := 0, cpuTime(b)
					for b.Loop() {
						if err := run(i); err != nil {
							b.Fatal(err)
						}
						i++
					}
					b.ReportMetric(float64(cpuTime(b)-before)/float64(i), "cpu-ns/op")
				})
			}
		})
	}
}

// BenchmarkSessionOverhead compares one query by a session of its own with the
// same by the bun.DB beneath, over the same connections and settings: each by
// itself, and the two in turns, as medians of the processor's time, so that
// others on the machine count as little as can be.
func BenchmarkSessionOverhead(b *testing.B) {
	for _, engine := range dbtest.Engines() {
		b.Run("engine="+string(engine), func(b *testing.B) {
			const turn = 100
			bare, session := overheads(b, openBench(b, dbtest.Config(b, engine)))
			spent := func(b *testing.B, n int, run func(context.Context) error) float64 {
				before := cpuTime(b)
				for range n {
					if err := run(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				return float64(cpuTime(b)-before) / float64(n)
			}
			for name, run := range map[string]func(context.Context) error{"bun/one": bare, "session/one": session} {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					b.ReportMetric(spent(b, b.N, run), "cpu-ns/op")
				})
			}
			b.Run("turns", func(b *testing.B) {
				var bun, more []float64
				for b.Loop() {
					one := spent(b, turn, bare)
					bun, more = append(bun, one), append(more, spent(b, turn, session)-one)
				}
				slices.Sort(bun)
				slices.Sort(more)
				b.ReportMetric(bun[len(bun)/2], "bare-cpu-ns/op")
				b.ReportMetric(more[len(more)/2], "overhead-cpu-ns/op")
			})
		})
	}
}

// A session costs little more than Bun's own query.
func TestSessionAllocations(t *testing.T) { //nolint:paralleltest // it counts every allocation
	for _, engine := range dbtest.Engines() {
		t.Run(string(engine), func(t *testing.T) {
			db := dbtest.Open(t, dbtest.Config(t, engine))
			bare, session := overheads(t, db)
			// The least of some rounds: what else goes on allocates as well.
			count := func(run func(context.Context) error) float64 {
				least := math.Inf(1)
				for range 8 {
					least = min(least, testing.AllocsPerRun(100, func() { require.NoError(t, run(t.Context())) }))
				}
				return least
			}
			bun := count(bare)
			more := count(session) - bun
			t.Logf("%v allocations by Bun, %v more by the session", bun, more)
			assert.LessOrEqual(t, more, 5.0, "wanted: 3; the race detector has sync.Pool forget some")
		})
	}
}

// overheads makes one note, and returns two ways to read it again and again,
// through connections of one kind.
func overheads(tb testing.TB, db *dbmodule.Database) (bare, session func(context.Context) error) {
	_, err := db.DB().NewCreateTable().Model((*Note)(nil)).Exec(tb.Context())
	require.NoError(tb, err)
	n := note(1)
	_, err = db.DB().NewInsert().Model(&n).Exec(tb.Context())
	require.NoError(tb, err)
	find := func(ctx context.Context, idb bun.IDB) error {
		var found Note
		return idb.NewSelect().Model(&found).Where("id = ?", n.ID).Scan(ctx)
	}
	readers := dbmodule.Readers(db)
	bare = func(ctx context.Context) error { return find(ctx, readers) }
	session = func(ctx context.Context) error {
		s := db.Sessions().New(dbmodule.ReadOnly())
		return errors.Join(find(ctx, s), s.Close())
	}
	return bare, session
}

// cpuTime is what this process has used so far, in ns: steadier than the
// clock on a machine that others use.
func cpuTime(b *testing.B) int64 {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func note(i int) Note {
	return Note{
		Author: fmt.Sprintf("author %d", i%100), Title: fmt.Sprintf("it's note %d", i), Stars: int64(i),
		CreatedAt: time.Date(2024, 1, 1, 0, 0, i, 0, time.UTC),
	}
}

func openBench(b *testing.B, cfg dbmodule.Config) *dbmodule.Database {
	db, err := dbmodule.Open(cfg, zap.NewNop())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	require.NoError(b, db.Connect(b.Context()))
	return db
}

type operation = func(b *testing.B, cfg dbmodule.Config) func(i int) error

var readers = map[string]operation{
	"hand/get": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		stmt := prepare(b, cfg, "SELECT id, author, title, stars, created_at FROM notes WHERE id = ?")
		return func(i int) error {
			var n Note
			return stmt.QueryRowContext(b.Context(), int64(1+i*7919%notes)).Scan(&n.ID, &n.Author, &n.Title, &n.Stars, &n.CreatedAt)
		}
	},
	"bun/get": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		cfg.StatementCache = 0
		return get(b, openBench(b, cfg).DB())
	},
	"compiled/get": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		sessions := openBench(b, cfg).Sessions()
		get, err := dbmodule.CompileSelect[Note, byID](sessions, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id = ?id") })
		require.NoError(b, err)
		return func(i int) error {
			s := sessions.New(dbmodule.ReadOnly())
			_, err := get.One(b.Context(), s, byID{int64(1 + i*7919%notes)})
			return errors.Join(err, s.Close())
		}
	},
	"compiled/list": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		sessions := openBench(b, cfg).Sessions()
		list, err := dbmodule.CompileSelect[Note, byID](sessions, func(q *bun.SelectQuery) *bun.SelectQuery {
			return q.Where("id > ?id").Order("id").Limit(50)
		})
		require.NoError(b, err)
		return func(i int) error {
			s := sessions.New(dbmodule.ReadOnly())
			_, err := list.All(b.Context(), s, byID{int64(i * 7919 % notes)})
			return errors.Join(err, s.Close())
		}
	},
	"session/get": func(b *testing.B, cfg dbmodule.Config) func(int) error { return sessionGet(b, cfg) },
	"literal/get": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		cfg.StatementCache = 0
		return sessionGet(b, cfg)
	},
	"hand/list": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		stmt := prepare(b, cfg, "SELECT id, author, title, stars, created_at FROM notes WHERE id > ? ORDER BY id LIMIT 50")
		return func(i int) error {
			rows, err := stmt.QueryContext(b.Context(), int64(i*7919%notes))
			if err != nil {
				return err
			}
			defer rows.Close()
			found := make([]Note, 0, 50)
			for rows.Next() {
				found = append(found, Note{})
				n := &found[len(found)-1]
				if err := rows.Scan(&n.ID, &n.Author, &n.Title, &n.Stars, &n.CreatedAt); err != nil {
					return err
				}
			}
			return rows.Err()
		}
	},
	"bun/list": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		cfg.StatementCache = 0
		return list(b, openBench(b, cfg).DB())
	},
	"session/list": func(b *testing.B, cfg dbmodule.Config) func(int) error { return sessionList(b, cfg) },
	"literal/list": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		cfg.StatementCache = 0
		return sessionList(b, cfg)
	},
}

var writers = map[string]operation{
	"hand/insert": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		insert := "INSERT INTO notes (author, title, stars, created_at) VALUES (?, ?, ?, ?) RETURNING id"
		stmt := prepare(b, cfg, insert)
		return func(i int) error {
			tx, err := stmt.db.BeginTx(b.Context(), nil)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			n := note(i)
			if err := tx.StmtContext(b.Context(), stmt.Stmt).QueryRowContext(b.Context(), n.Author, n.Title, n.Stars, n.CreatedAt).Scan(&n.ID); err != nil {
				return err
			}
			return tx.Commit()
		}
	},
	"bun/insert": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		cfg.StatementCache = 0
		db := openBench(b, cfg).DB()
		return func(i int) error {
			return db.RunInTx(b.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
				n := note(i)
				_, err := tx.NewInsert().Model(&n).Exec(ctx)
				return err
			})
		}
	},
	"compiled/insert": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		sessions := openBench(b, cfg).Sessions()
		insert, err := dbmodule.CompileInsert[Note](sessions, func(q *bun.InsertQuery) *bun.InsertQuery { return q })
		require.NoError(b, err)
		return func(i int) error {
			return sessions.InTx(b.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				n := note(i)
				_, err := insert.Exec(ctx, s, &n)
				return err
			})
		}
	},
	"session/insert": func(b *testing.B, cfg dbmodule.Config) func(int) error { return sessionInsert(b, cfg) },
	"literal/insert": func(b *testing.B, cfg dbmodule.Config) func(int) error {
		cfg.StatementCache = 0
		return sessionInsert(b, cfg)
	},
}

func get(b *testing.B, db bun.IDB) func(int) error {
	return func(i int) error {
		var n Note
		return db.NewSelect().Model(&n).Where("id = ?", 1+i*7919%notes).Scan(b.Context())
	}
}

func list(b *testing.B, db bun.IDB) func(int) error {
	return func(i int) error {
		found := make([]Note, 0, 50)
		return db.NewSelect().Model(&found).Where("id > ?", i*7919%notes).Order("id").Limit(50).Scan(b.Context())
	}
}

func sessionGet(b *testing.B, cfg dbmodule.Config) func(int) error {
	sessions := openBench(b, cfg).Sessions()
	return func(i int) error {
		s := sessions.New(dbmodule.ReadOnly())
		err := get(b, s)(i)
		if err != nil {
			return err
		}
		return s.Close()
	}
}

func sessionList(b *testing.B, cfg dbmodule.Config) func(int) error {
	sessions := openBench(b, cfg).Sessions()
	return func(i int) error {
		s := sessions.New(dbmodule.ReadOnly())
		err := list(b, s)(i)
		if err != nil {
			return err
		}
		return s.Close()
	}
}

func sessionInsert(b *testing.B, cfg dbmodule.Config) func(int) error {
	sessions := openBench(b, cfg).Sessions()
	return func(i int) error {
		return sessions.InTx(b.Context(), func(ctx context.Context, s *dbmodule.Session) error {
			n := note(i)
			_, err := s.NewInsert().Model(&n).Exec(ctx)
			return err
		})
	}
}

type handStmt struct {
	*sql.Stmt
	db *sql.DB
}

// prepare opens a database as one would by hand.
func prepare(b *testing.B, cfg dbmodule.Config, query string) handStmt {
	var db *sql.DB
	var err error
	switch cfg.URL.Engine() {
	case dbmodule.SQLite:
		pragmas := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(5000)", "foreign_keys(1)"}, "_time_format": {"sqlite"}}
		db, err = sql.Open("sqlite", "file:"+cfg.URL.Path()+"?"+pragmas.Encode())
	case dbmodule.PostgreSQL:
		n := 0
		for strings.Contains(query, "?") {
			n++
			query = strings.Replace(query, "?", fmt.Sprintf("$%d", n), 1)
		}
		var config *pgx.ConnConfig
		config, err = postgres.Config(cfg.URL, cfg.ConnectTimeout)
		require.NoError(b, err)
		config.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
		db = stdlib.OpenDB(*config)
	default:
		var config *mysql.Config
		config, err = mysqlengine.Config(cfg.URL, cfg.ConnectTimeout, cfg.URL.Hosts()[0])
		require.NoError(b, err)
		var connector driver.Connector
		connector, err = mysql.NewConnector(config)
		require.NoError(b, err)
		db = sql.OpenDB(connector)
	}
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, db.Close()) })
	stmt, err := db.PrepareContext(b.Context(), query)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, stmt.Close()) })
	return handStmt{stmt, db}
}
