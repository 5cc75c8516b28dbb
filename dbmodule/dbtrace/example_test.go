package dbtrace_test

import (
	"context"
	"errors"
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/dbmodule/dbtrace"
)

func ExampleNew() {
	spans := tracetest.NewSpanRecorder()
	if err := traced(context.Background(), sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(spans.Ended()) > 0)
	// Output: true
}

// traced uses a database whose units of work and statements are spans.
func traced(ctx context.Context, provider *sdktrace.TracerProvider) (err error) {
	cfg := dbmodule.DefaultConfig()
	if cfg.URL, err = dbmodule.ParseURL("sqlite://"); err != nil {
		return err
	}
	db, err := dbmodule.Open(cfg, nil, dbmodule.WithObserver(dbtrace.New(provider)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close(), provider.Shutdown(ctx)) }()
	if err := db.Connect(ctx); err != nil {
		return err
	}
	return db.Sessions().InTx(ctx, func(ctx context.Context, s *dbmodule.Session) error {
		_, err := s.ExecContext(ctx, "CREATE TABLE songs (title text)")
		return err
	})
}
