// Package inserts measures durable inserts into SQLite, each of which is
// acknowledged only when it is on the disk: this project's sessions, which share
// commits, beside one commit each, by hand and by the same sessions.
package inserts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/bench/contract"
	"github.com/openhands-go/server/bench/stat"
	"github.com/openhands-go/server/dbmodule"
)

// Options say how much is measured.
type Options struct {
	// Folder holds the databases: its file system decides what a sync costs.
	Folder   string
	Writers  []int
	Rounds   int
	Duration time.Duration
	Progress io.Writer
}

// Figures are for one number of writers.
type Figures struct {
	Writers int
	// Hand, Each and Ours are inserts per second, medians: by hand, one commit
	// each by this project, and shared ones. OverHand and OverEach are Ours over
	// those in the same round.
	Hand, Each, Ours   float64
	OverHand, OverEach stat.Ratio
}

// insertFunc stores one event durably.
type insertFunc func(ctx context.Context, e contract.Event) error

// row is the event as a user of dbmodule models it.
type row struct {
	bun.BaseModel `bun:"table:events"`

	ID             int64     `bun:"id,pk,autoincrement"`
	ConversationID string    `bun:"conversation_id,notnull"`
	Kind           string    `bun:"kind,notnull"`
	Source         string    `bun:"source,notnull"`
	Body           string    `bun:"body,notnull"`
	Cost           float64   `bun:"cost,notnull"`
	Final          bool      `bun:"final,notnull"`
	CreatedAt      time.Time `bun:"created_at,notnull"`
}

// Run measures. All sides take turns, on files of their own.
func Run(ctx context.Context, o Options) (_ []Figures, err error) {
	hand, closeHand, err := openHand(ctx, config(o, "hand.db"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeHand()) }()
	each, closeEach, err := openOurs(ctx, config(o, "each.db"), false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeEach()) }()
	ours, closeOurs, err := openOurs(ctx, config(o, "ours.db"), true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeOurs()) }()

	var all []Figures
	for _, writers := range o.Writers {
		sides := []insertFunc{hand, each, ours}
		rates := make([][]float64, len(sides))
		for range o.Rounds {
			for i, side := range sides {
				rate, err := measure(ctx, side, writers, o.Duration)
				if err != nil {
					return nil, err
				}
				rates[i] = append(rates[i], rate)
			}
		}
		f := Figures{
			Writers: writers, Hand: stat.Median(rates[0]), Each: stat.Median(rates[1]), Ours: stat.Median(rates[2]),
			OverHand: stat.RatioOf(rates[2], rates[0]), OverEach: stat.RatioOf(rates[2], rates[1]),
		}
		_, _ = fmt.Fprintf(o.Progress, "%d writers: %.0f by hand, %.0f one commit each, %.0f shared\n", writers, f.Hand, f.Each, f.Ours)
		all = append(all, f)
	}
	return all, nil
}

func config(o Options, name string) contract.Config {
	return contract.Config{
		Engine: dbmodule.SQLite, Pool: 4, Synchronous: "FULL",
		URL: "sqlite:///" + filepath.ToSlash(filepath.Join(o.Folder, name)),
	}
}

// openHand is one commit each: a prepared statement on the one connection that
// writes.
func openHand(ctx context.Context, c contract.Config) (insertFunc, func() error, error) {
	if err := contract.Seed(ctx, c, 0); err != nil {
		return nil, nil, err
	}
	pools, err := contract.Open(c)
	if err != nil {
		return nil, nil, err
	}
	statement, err := pools.Writer.PrepareContext(ctx, contract.InsertOne(c.Engine))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("inserts: prepare: %w", err), pools.Close())
	}
	insert := func(ctx context.Context, e contract.Event) error {
		_, err := statement.ExecContext(ctx, e.ConversationID, e.Kind, e.Source, e.Body, e.Cost, e.Final, e.CreatedAt)
		return err
	}
	return insert, pools.Close, nil
}

// openOurs is a unit of work each, as a handler or a worker writes it.
func openOurs(ctx context.Context, c contract.Config, shared bool) (insertFunc, func() error, error) {
	if err := contract.Seed(ctx, c, 0); err != nil {
		return nil, nil, err
	}
	cfg := dbmodule.DefaultConfig()
	cfg.GroupCommit = shared
	var err error
	if cfg.URL, err = dbmodule.ParseURL(c.Database()); err != nil {
		return nil, nil, err
	}
	db, err := dbmodule.Open(cfg, nil)
	if err != nil {
		return nil, nil, err
	}
	if err := db.Connect(ctx); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	insert := func(ctx context.Context, e contract.Event) error {
		return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
			_, err := s.NewInsert().Model(&row{
				ConversationID: e.ConversationID, Kind: e.Kind, Source: e.Source, Body: e.Body,
				Cost: e.Cost, Final: e.Final, CreatedAt: e.CreatedAt,
			}).Exec(ctx)
			return err
		})
	}
	return insert, db.Close, nil
}

// measure counts the inserts per second of several writers, each of which
// waits for its acknowledgement before the next.
func measure(ctx context.Context, insert insertFunc, writers int, d time.Duration) (float64, error) {
	var (
		wait  sync.WaitGroup
		count atomic.Int64
		mu    sync.Mutex
		errs  []error
	)
	event := contract.Sample(1)
	began := time.Now()
	for range writers {
		wait.Go(func() {
			for time.Since(began) < d {
				if err := insert(ctx, event); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
					return
				}
				count.Add(1)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, fmt.Errorf("inserts: %w", err)
	}
	return float64(count.Load()) / time.Since(began).Seconds(), nil
}

// SyncCost measures what writing a page and syncing it costs in a folder.
func SyncCost(folder string) (_ time.Duration, err error) {
	file, err := os.CreateTemp(folder, "sync-")
	if err != nil {
		return 0, fmt.Errorf("inserts: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	page := make([]byte, 4096)
	var costs []time.Duration
	for range 50 {
		began := time.Now()
		if _, err := file.Write(page); err != nil {
			return 0, fmt.Errorf("inserts: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("inserts: %w", err)
		}
		costs = append(costs, time.Since(began))
	}
	return stat.Median(costs), nil
}
