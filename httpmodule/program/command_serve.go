package program

import (
	"context"
	"errors"
	"fmt"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"go.uber.org/dig"
	"go.uber.org/fx"

	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

func (p Program) newServeCommand(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve HTTP until SIGINT, SIGTERM or SIGHUP (what the program does without a command)",
		Long: "Connects to the database, brings its schema up to date, and serves HTTP until SIGINT,\n" +
			"SIGTERM or SIGHUP. Requests in progress then get SHUTDOWN_TIMEOUT to end; a second\nsignal ends at once.",
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), s) },
	}
}

// errServerDied is the error of serve if the server has stopped by itself. The cause is logged before.
var errServerDied = errors.New("program: the server has stopped by itself: the log says why")

func (p Program) serve(ctx context.Context, s streams) error {
	cfg, read := p.readAll()
	if err := read.Err(); err != nil {
		return err
	}
	log := newLogger(cfg.Log, s.err)
	for _, sentence := range read.Misspelt(p.hint()) {
		log.Warn(sentence)
	}
	limitMemory(cfg.MemoryLimit, log)
	setGCPercent(cfg.GCPercent)
	var (
		server   *httpmodule.Server
		database *dbmodule.Database
	)
	work := func(ctx context.Context, application *fx.App) error {
		b := p.newBanner(ctx, server, database)
		if cfg.Log.Format.resolve(s.err) == LogConsole {
			s.printErr(b.String())
		} else {
			log.Info("serving", b.fields()...)
		}
		notifySystemd(log, daemon.SdNotifyReady)
		defer notifySystemd(log, daemon.SdNotifyStopping)
		select {
		case <-ctx.Done():
			return nil
		case end := <-application.Wait():
			if end.ExitCode != exitOK {
				return errServerDied
			}
			return nil // a signal, which run handles
		}
	}
	options := fx.Options(p.Module(cfg), fx.Populate(&server, &database))
	if p.Serving != nil {
		options = fx.Options(options, p.Serving())
	}
	err := run(ctx, cfg, log, work, options)
	if errors.Is(err, dbmodule.ErrNoDatabase) {
		return fmt.Errorf("%w: create it with \"%s db prepare\"", dig.RootCause(err), p.Name)
	}
	return err
}
