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

// errCutOff ends a program that was told twice.
var errCutOff = errors.New("program: stopped at once by a second signal: what was in progress is cut off")

// run starts an application, calls work, and stops the application. ctx and
// the first SIGINT, SIGTERM or SIGHUP end start and work; a second signal ends the
// wait for everything. Start hooks that wait get cfg.StartTimeout.
func run(ctx context.Context, cfg Config, log *zap.Logger, work func(ctx context.Context, application *fx.App) error, opts ...fx.Option) error {
	stopping, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup has it ignored
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
			case time.Since(first) > sameSignal:
				return errCutOff
			}
		}
	}
}

// sameSignal is how far apart the copies of one signal arrive: timeout(1) and
// process managers send to the process and to its group.
const sameSignal = 100 * time.Millisecond

func startWorkStop(ctx context.Context, cfg Config, log *zap.Logger, work func(context.Context, *fx.App) error, opts []fx.Option) error {
	// The hooks get a context that ends, but not fx itself: it would return
	// while a hook still runs, without the hook's error, and have what was
	// started stopped with a context that has ended.
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
	cancel() // what outlives the start must not depend on its context
	err := work(ctx, application)
	stopCtx, cancelStop := context.WithTimeout(context.WithoutCancel(ctx), cfg.StopTimeout())
	defer cancelStop()
	if err := errors.Join(err, application.Stop(stopCtx)); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// startContext is a life cycle whose start hooks get a context of their own.
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
