package dbmetrics_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbmetrics"
)

func ExampleNew() {
	registry := prometheus.NewRegistry()
	if err := measured(context.Background(), registry); err != nil {
		fmt.Println(err)
		return
	}
	families, err := registry.Gather()
	fmt.Println(len(families) > 0, err)
	// Output: true <nil>
}

// measured uses a database that tells its metrics to a registry.
func measured(ctx context.Context, registry *prometheus.Registry) (err error) {
	metrics, err := dbmetrics.New(registry)
	if err != nil {
		return err
	}
	cfg := dbmodule.DefaultConfig()
	if cfg.URL, err = dbmodule.ParseURL("sqlite://"); err != nil {
		return err
	}
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithObserver(metrics))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Connect(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx) // Watch ends with it
	defer cancel()
	if err := metrics.Watch(ctx, db); err != nil {
		return err
	}
	return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		_, err := s.ExecContext(ctx, "CREATE TABLE songs (title text)")
		return err
	})
}
