package feed_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/autogen"
	"github.com/openhands-go/server/dbmodule/dbtest"
	"github.com/openhands-go/server/dbmodule/feed"
)

// Counter is what changes in these tests.
type Counter struct {
	bun.BaseModel `bun:"table:counters"`

	Name string `bun:"name,pk,type:varchar(50)"`
	N    int64  `bun:"n,notnull"`
}

const topic = "counter"

func versions(ctx context.Context, db bun.IDB, keys []string) (map[string]int64, error) {
	var rows []Counter
	err := db.NewSelect().Model(&rows).Where("name IN (?)", bun.List(keys)).Scan(ctx)
	found := make(map[string]int64, len(rows))
	for _, row := range rows {
		found[row.Name] = row.N
	}
	return found, err
}

// process is one process's view of a database.
type process struct {
	db   *dbmodule.Database
	feed *feed.Feed
}

// start makes a process with a feed that runs. change is for before that.
func start(t *testing.T, cfg dbmodule.Config, change ...func(*feed.Feed)) *process {
	t.Helper()
	db := dbtest.Open(t, cfg, dbmodule.WithModels((*Counter)(nil)), dbmodule.WithTables(autogen.NewTables()))
	require.NoError(t, db.CreateTables(t.Context()))
	f, err := feed.New(feed.Config{PollInterval: 100 * time.Millisecond}, nil, db, feed.Topic{Name: topic, Versions: versions})
	require.NoError(t, err)
	for _, fn := range change {
		fn(f)
	}
	require.NoError(t, f.Start(t.Context()))
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	return &process{db, f}
}

// set stores a value and publishes that.
func (p *process) set(ctx context.Context, name string, n int64) error {
	return p.db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		if _, err := s.NewDelete().Model((*Counter)(nil)).Where("name = ?", name).Exec(ctx); err != nil {
			return err
		}
		if _, err := s.NewInsert().Model(&Counter{Name: name, N: n}).Exec(ctx); err != nil {
			return err
		}
		return p.feed.Publish(ctx, s, topic, name)
	})
}

// read is what a subscriber reads, -1 for an error.
func (p *process) read(ctx context.Context, name string) int64 {
	s := p.feed.Sessions().New()
	defer s.Close()
	found, err := versions(ctx, s, []string{name})
	if err != nil {
		return -1
	}
	return found[name]
}

// sees waits for hints until the subscriber reads n after one.
func (p *process) sees(t *testing.T, sub *feed.Subscription, name string, n int64, within time.Duration) {
	t.Helper()
	limit := time.After(within)
	for {
		select {
		case <-sub.Hints():
			if p.read(t.Context(), name) == n {
				return
			}
		case <-limit:
			t.Fatalf("no hint within %s: the subscriber has not seen %d, and %d is stored", within, n, p.read(t.Context(), name))
		}
	}
}

// quiet waits until no hint came for a while.
func quiet(sub *feed.Subscription) {
	for {
		select {
		case <-sub.Hints():
		case <-time.After(300 * time.Millisecond):
			return
		}
	}
}

func hinted(sub *feed.Subscription) bool {
	select {
	case <-sub.Hints():
		return true
	default:
		return false
	}
}

// Within the process a hint is there when Commit has returned, and only then.
func TestToldIffCommitted(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		db := dbtest.Open(t, cfg)
		f, err := feed.New(feed.Config{}, nil, db)
		require.NoError(t, err)
		sub, other := f.Subscribe("a", "1"), f.Subscribe("a", "2")
		unit := func(fn func(ctx context.Context, s *dbmodule.Session) error) error {
			return db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.ExecContext(ctx, "SELECT 1")
				return errors.Join(err, fn(ctx, s))
			})
		}
		stop := errors.New("stop")
		require.NoError(t, unit(func(ctx context.Context, s *dbmodule.Session) error {
			err := f.Publish(ctx, s, "a", "1")
			assert.False(t, hinted(sub), "told before the commit")
			return err
		}))
		assert.True(t, hinted(sub))
		assert.False(t, hinted(other))

		require.ErrorIs(t, unit(func(ctx context.Context, s *dbmodule.Session) error {
			return errors.Join(f.Publish(ctx, s, "a", "1"), stop)
		}), stop)
		assert.False(t, hinted(sub), "told though it was rolled back")

		require.NoError(t, unit(func(ctx context.Context, s *dbmodule.Session) error {
			err := s.InNested(ctx, func(ctx context.Context) error { return errors.Join(f.Publish(ctx, s, "a", "1"), stop) })
			assert.ErrorIs(t, err, stop)
			return f.Publish(ctx, s, "a", "2")
		}))
		assert.False(t, hinted(sub), "told though its savepoint was rolled back")
		assert.True(t, hinted(other))

		for range 3 {
			require.NoError(t, unit(func(ctx context.Context, s *dbmodule.Session) error { return f.Publish(ctx, s, "a", "1") }))
		}
		assert.True(t, hinted(sub))
		assert.False(t, hinted(sub), "hints become one")
		sub.Close()
		sub.Close()
		require.NoError(t, unit(func(ctx context.Context, s *dbmodule.Session) error { return f.Publish(ctx, s, "a", "1") }))
		assert.False(t, hinted(sub), "told after it was closed")
	})
}

// What one process commits is hinted at in another, on PostgreSQL by NOTIFY and elsewhere by
// asking; so is what is stored by a program without a feed, where the engine is asked.
func TestOtherProcess(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		one, two := start(t, cfg), start(t, cfg)
		sub, plain := one.feed.Subscribe(topic, "a"), one.feed.Subscribe("plain", "a")
		defer sub.Close()
		if cfg.URL.Engine() == dbmodule.PostgreSQL {
			require.Eventually(t, one.feed.Carried, 30*time.Second, time.Millisecond, "NOTIFY carries nothing")
			require.Eventually(t, two.feed.Carried, 30*time.Second, time.Millisecond)
		}
		for n := int64(1); n <= 5; n++ {
			quiet(sub)
			require.NoError(t, two.set(t.Context(), "a", n))
			one.sees(t, sub, "a", n, 8*time.Second)
		}
		switch cfg.URL.Engine() {
		case dbmodule.PostgreSQL:
			return // see TestNetBelowNotify
		case dbmodule.SQLite:
			quiet(plain) // a topic of which the feed knows nothing, while the file rests
		default:
		}
		quiet(sub)
		_, err := two.db.DB().ExecContext(t.Context(), "UPDATE counters SET n = 77")
		require.NoError(t, err)
		one.sees(t, sub, "a", 77, 8*time.Second)
		require.Eventually(t, func() bool { return hinted(plain) }, 8*time.Second, time.Millisecond)
		_, err = two.db.DB().ExecContext(t.Context(), "DELETE FROM counters")
		require.NoError(t, err)
		one.sees(t, sub, "a", 0, 8*time.Second)
	})
}

// Where NOTIFY carries hints, what a process has committed that died before its NOTIFY is hinted at all
// the same: PostgreSQL is asked as well.
func TestNetBelowNotify(t *testing.T) {
	t.Parallel()
	one := start(t, dbtest.Config(t, dbmodule.PostgreSQL), func(f *feed.Feed) { f.SetNet(200 * time.Millisecond) })
	require.NoError(t, one.set(t.Context(), "a", 1))
	sub := one.feed.Subscribe(topic, "a")
	require.Eventually(t, one.feed.Carried, 30*time.Second, time.Millisecond)
	for n := int64(2); n <= 4; n++ {
		quiet(sub)
		_, err := one.db.DB().ExecContext(t.Context(), "UPDATE counters SET n = ?", n) // no NOTIFY
		require.NoError(t, err)
		one.sees(t, sub, "a", n, 8*time.Second)
	}
	assert.True(t, one.feed.Carried(), "NOTIFY carries, and so it was the net")
}

// A message comes iff its unit of work commits, in the process, and on PostgreSQL in others, in order and
// after the hint of the same unit of work; a large one in the process only.
func TestMessages(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		one, two := start(t, cfg), start(t, cfg)
		notify := cfg.URL.Engine() == dbmodule.PostgreSQL
		type listener struct {
			sub *feed.Subscription
			got chan string
		}
		listen := func(p *process, key string) *listener {
			l := &listener{got: make(chan string, 100)}
			l.sub = p.feed.Subscribe(topic, key, feed.WithMessages(func(message []byte) {
				l.got <- fmt.Sprint(hinted(l.sub), " ", string(message))
			}))
			return l
		}
		near, far, other := listen(two, "a"), listen(one, "a"), listen(two, "b")
		if notify {
			require.Eventually(t, one.feed.Carried, 30*time.Second, time.Millisecond)
			quiet(far.sub)
		}
		quiet(near.sub)
		large := strings.Repeat("x", feed.MaxMessage+1)
		stop := errors.New("stop")
		say := func(result error, messages ...string) {
			err := two.db.Sessions().InTx(t.Context(), func(ctx context.Context, s *dbmodule.Session) error {
				_, err := s.ExecContext(ctx, "SELECT 1")
				err = errors.Join(err, two.feed.Publish(ctx, s, topic, "a"))
				for _, m := range messages {
					err = errors.Join(err, two.feed.Pass(ctx, s, topic, "a", []byte(m)))
				}
				assert.Empty(t, near.got, "before the commit")
				return errors.Join(err, result)
			})
			require.ErrorIs(t, err, result)
		}
		say(stop, "rolled back")
		say(nil, "1", large, "2")
		for _, want := range []string{"true 1", "false " + large, "false 2"} {
			assert.Equal(t, want, <-near.got)
		}
		assert.Empty(t, near.got)
		assert.Empty(t, other.got)
		if notify {
			assert.Equal(t, "true 1", <-far.got)
			assert.Equal(t, "false 2", <-far.got)
		}
		say(nil, "3")
		assert.Equal(t, "true 3", <-near.got)
		if notify {
			assert.Equal(t, "true 3", <-far.got)
		}
		assert.Empty(t, far.got)
		near.sub.Close()
		say(nil, "4")
		assert.Empty(t, near.got)
	})
}

// What changes after the subscriber has read, and before the feed asks for the first time, is
// hinted at.
func TestChangeBeforeTheFirstQuestion(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, cfg dbmodule.Config) {
		if cfg.URL.Engine() == dbmodule.PostgreSQL {
			return // NOTIFY
		}
		one := start(t, cfg)
		defer one.feed.Subscribe(topic, "other").Close()
		require.NoError(t, one.set(t.Context(), "a", 1))
		for n := int64(2); n < 12; n++ {
			sub := one.feed.Subscribe(topic, "a")
			_, err := one.db.DB().ExecContext(t.Context(), "UPDATE counters SET n = ?", n)
			require.NoError(t, err)
			one.sees(t, sub, "a", n, 8*time.Second)
			sub.Close()
		}
	})
}

// A subscriber whose process has lost its LISTEN, or its server, has seen everything soon
// after both are back, and no other process need publish again, nor is the database asked.
func TestListenerIsKilled(t *testing.T) {
	t.Parallel()
	server := dbtest.StartServer(t, dbmodule.PostgreSQL)
	one, two := start(t, server.Config(t), func(f *feed.Feed) { f.SetPoll(time.Hour) }), start(t, server.Config(t))
	sub := one.feed.Subscribe(topic, "a")
	require.Eventually(t, one.feed.Carried, 30*time.Second, time.Millisecond)
	for n := int64(1); n <= 3; n++ {
		quiet(sub)
		killed := func() bool {
			var pids []int
			err := two.db.DB().NewRaw(`SELECT pg_terminate_backend(pid)::int FROM pg_stat_activity WHERE query LIKE 'LISTEN%'`).Scan(t.Context(), &pids)
			require.NoError(t, err)
			return len(pids) > 0
		}
		deaf := func() {
			for began := time.Now(); time.Since(began) < 200*time.Millisecond; {
				killed()
			}
		}
		require.Eventually(t, killed, 30*time.Second, time.Millisecond)
		deaf() // the feed asks once, as it has lost its LISTEN
		require.NoError(t, two.set(t.Context(), "a", n))
		deaf() // nobody listens while the NOTIFY passes
		one.sees(t, sub, "a", n, 8*time.Second)
		require.Eventually(t, one.feed.Carried, 30*time.Second, time.Millisecond, "it does not listen again")
	}
}

func TestServerRestarts(t *testing.T) {
	t.Parallel()
	for _, engine := range []dbmodule.Engine{dbmodule.PostgreSQL, dbmodule.MySQL} {
		t.Run(string(engine), func(t *testing.T) {
			t.Parallel()
			server := dbtest.StartServer(t, engine)
			one, two := start(t, server.Config(t)), start(t, server.Config(t))
			sub := one.feed.Subscribe(topic, "a")
			require.NoError(t, two.set(t.Context(), "a", 1))
			one.sees(t, sub, "a", 1, 30*time.Second)
			for n := int64(2); n <= 3; n++ {
				require.NoError(t, server.Kill())
				require.NoError(t, server.Restart(t.Context()))
				// Committed before anybody may listen again.
				require.Eventually(t, func() bool { return two.set(t.Context(), "a", n) == nil }, time.Minute, 10*time.Millisecond)
				one.sees(t, sub, "a", n, 30*time.Second)
			}
		})
	}
}

// Behind a pooler that lets no LISTEN through, the feed notices that it hears nothing, and asks.
func TestPoolerWithoutListen(t *testing.T) {
	t.Parallel()
	raw := dbtest.URL(t, dbmodule.PostgreSQL)
	cfg, pooled := dbmodule.DefaultConfig(), dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte(raw)))
	require.NoError(t, pooled.URL.UnmarshalText([]byte(dbtest.StartPooler(t, raw, "transaction", 4))))
	direct, one := start(t, cfg), start(t, pooled)
	sub := one.feed.Subscribe(topic, "a")
	for n := int64(1); n <= 3; n++ {
		require.NoError(t, direct.set(t.Context(), "a", n))
		one.sees(t, sub, "a", n, 8*time.Second)
	}
	assert.False(t, one.feed.Carried())
}

func TestWhatCantBePublished(t *testing.T) {
	t.Parallel()
	db := dbtest.Open(t, dbtest.Config(t, dbmodule.SQLite))
	f, err := feed.New(feed.Config{}, nil, db)
	require.NoError(t, err)
	s := db.Sessions().New()
	defer s.Close()
	assert.ErrorContains(t, f.Publish(t.Context(), s, "", "k"), "1 to 1024 bytes")
	assert.ErrorContains(t, f.Publish(t.Context(), s, "t", strings.Repeat("k", feed.MaxName)), "1 to 1024 bytes")
	assert.NoError(t, f.Publish(t.Context(), s, "t", strings.Repeat("k", feed.MaxName-1)))

	_, err = feed.New(feed.Config{PollInterval: time.Hour}, nil, db)
	assert.ErrorContains(t, err, "FEED_POLL_INTERVAL")
	_, err = feed.New(feed.Config{}, nil, nil)
	assert.Error(t, err)
	_, err = feed.New(feed.Config{}, nil, db, feed.Topic{Name: "a"}, feed.Topic{Name: "a"})
	assert.ErrorContains(t, err, `two topics have the name "a"`)
	_, err = feed.New(feed.Config{}, nil, db, feed.Topic{})
	assert.ErrorContains(t, err, "a topic has no name")
	require.NoError(t, f.Start(t.Context()))
	require.Error(t, f.Start(t.Context()))
	require.NoError(t, f.Close())
	require.NoError(t, f.Close())
}

// A SQLite file that takes the place of another is watched from then on.
func TestHintsOfAFileThatWasReplaced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	config := func(name string) (cfg dbmodule.Config) {
		cfg = dbmodule.DefaultConfig()
		require.NoError(t, cfg.URL.UnmarshalText([]byte("sqlite:///"+filepath.Join(folder, name))))
		return cfg
	}
	here, other := start(t, config("a.db")), start(t, config("b.db"))
	require.NoError(t, here.set(t.Context(), "x", 1))
	sub := here.feed.Subscribe(topic, "x")
	defer sub.Close()
	quiet := func() {
		for {
			select {
			case <-sub.Hints():
			case <-time.After(time.Second):
				return
			}
		}
	}
	quiet()
	require.NoError(t, other.set(t.Context(), "x", 2))
	require.NoError(t, other.feed.Close())
	require.NoError(t, other.db.Close())
	for _, end := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.Remove(filepath.Join(folder, "a.db"+end)))
	}
	require.NoError(t, os.Rename(filepath.Join(folder, "b.db"), filepath.Join(folder, "a.db")))
	quiet() // one for the other file, perhaps

	there := start(t, config("a.db"))
	require.NoError(t, there.set(t.Context(), "x", 3))
	select {
	case <-sub.Hints():
	case <-time.After(30 * time.Second):
		t.Error("no hint of a change in the file that is there now")
	}
}

// When the write-ahead log and its index are deleted, the feed's connection does not keep those
// that the database leaves: with a new index, other processes share the database again.
func TestHintsOfAFileWhoseLogWasDeleted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	cfg := dbmodule.DefaultConfig()
	require.NoError(t, cfg.URL.UnmarshalText([]byte("sqlite:///"+path)))
	cfg.CheckInterval = 10 * time.Millisecond
	here := start(t, cfg)
	require.NoError(t, here.db.Connect(t.Context()))
	require.NoError(t, here.set(t.Context(), "x", 1))
	sub := here.feed.Subscribe(topic, "x")
	defer sub.Close()
	here.sees(t, sub, "x", 1, 30*time.Second)
	require.NoError(t, os.Remove(path+"-wal"))
	require.NoError(t, os.Remove(path+"-shm"))
	require.Eventually(t, func() bool {
		_, err := os.Stat(path + "-shm")
		return here.set(t.Context(), "x", 2) == nil && err == nil
	}, 30*time.Second, 10*time.Millisecond)
	here.sees(t, sub, "x", 2, 30*time.Second)
}
