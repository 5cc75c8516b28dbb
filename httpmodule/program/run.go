package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"
)

// errCutOff is the error of a program that got a second signal.
var errCutOff = errors.New("program: stopped at once by a second signal: requests in progress were cut off")

// run starts an application, calls work, and stops the application. The end of ctx, or the first SIGINT,
// SIGTERM or SIGHUP, ends the start and work. After a second signal run returns at once. Start hooks
// get cfg.StartTimeout.
func run(ctx context.Context, cfg Config, log *zap.Logger, work func(ctx context.Context, application *fx.App) error, opts ...fx.Option) error {
	stopping, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)

	done := make(chan error, 1)
	go func() { done <- startWorkStop(stopping, cfg, log, work, opts) }()
	var first time.Time
	for {
		select {
		case err := <-done:
			return err
		case sig := <-signals:
			switch {
			case first.IsZero():
				first = time.Now()
				log.Info("stopping; a second signal ends at once", zap.Stringer("signal", sig))
				stop(fmt.Errorf("told to stop by signal %q", sig))
			case time.Since(first) > duplicateWindow:
				return errCutOff
			}
		}
	}
}

// duplicateWindow is how long after the first signal another one is taken for its duplicate: timeout(1)
// and process managers send a signal to the process and to its group.
const duplicateWindow = 100 * time.Millisecond

func startWorkStop(ctx context.Context, cfg Config, log *zap.Logger, work func(context.Context, *fx.App) error, opts []fx.Option) error {
	// Only the start hooks get startCtx. If fx itself got it, fx would return while a hook still
	// runs, without the hook's error, and would run the stop hooks with a context that has ended.
	startCtx, cancel := context.WithTimeoutCause(ctx, cfg.StartTimeout,
		fmt.Errorf("not started within START_TIMEOUT=%s", cfg.StartTimeout))
	defer cancel()
	application := fx.New(append([]fx.Option{
		fx.Supply(log),
		logEvents(log),
		fx.Decorate(func(l fx.Lifecycle) fx.Lifecycle { return startContext{l, startCtx} }),
	}, opts...)...)
	if err := application.Err(); err != nil {
		return err
	}

	const margin = 15 * time.Second // for a hook that is slow to notice
	fxCtx, cancelStart := context.WithTimeout(context.WithoutCancel(ctx), cfg.StartTimeout+margin)
	defer cancelStart()
	if err := application.Start(fxCtx); err != nil {
		return err
	}
	cancel() // nothing that lives longer than the start may depend on its context
	err := work(ctx, application)
	stopCtx, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), cfg.StopTimeout())
	defer cancelStop()
	if err := errors.Join(err, application.Stop(stopCtx)); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// startContext is an fx.Lifecycle whose start hooks get ctx instead of fx's context.
type startContext struct {
	fx.Lifecycle
	ctx context.Context
}

// Append appends a hook.
func (l startContext) Append(hook fx.Hook) {
	if start := hook.OnStart; start != nil {
		hook.OnStart = func(context.Context) error { return start(l.ctx) }
	}
	l.Lifecycle.Append(hook)
}
