package httpmodule

import (
	"context"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"github.com/openhands-go/server/dbmodule"
)

// Module adds a running [Server] to an fx application. It needs a [Config], a *zap.Logger and a
// *dbmodule.Database in the graph. It uses an [Info] if there is one, the routes of [AsRoutes],
// the rows of [AsErrorMappings], the checks of [AsReadyCheck] and, for /ready, the databases of
// dbmodule.Named.
//
// When the application starts, the server listens after the database has connected. When the
// application stops, the server drains before the database closes. The order of the modules does
// not matter. Requests that had to be cut off are logged, and don't make the stop fail. If serving
// fails, the application shuts down with exit code 1.
//
// fx gives all stop hooks together 15 s by default. Set fx.StopTimeout to cfg.StopTimeout() and
// some seconds more, or draining is cut short.
var Module = fx.Module("httpmodule", fx.Provide(newServer), fx.Invoke(func(*Server) {}))

type params struct {
	fx.In

	Config     Config
	Info       Info `optional:"true"`
	Log        *zap.Logger
	Database   *dbmodule.Database
	Lifecycle  fx.Lifecycle
	Shutdowner fx.Shutdowner
	Routes     []Routes       `group:"httpmodule.routes"`
	Errors     []ErrorMapping `group:"httpmodule.errors"`
	Checks     []ReadyCheck   `group:"httpmodule.ready"`

	Databases []dbmodule.NamedDatabase `group:"dbmodule.databases"`
}

// newServer makes a server and appends its hooks to the application's life cycle. Its parameters
// include the database, so fx has appended the database's hooks before the server's.
func newServer(p params) (*Server, error) {
	s, err := New(p.Config, p.Info, p.Log, p.Database, p.Routes...)
	if err != nil {
		return nil, err
	}
	s.MapErrors(p.Errors...)
	s.CheckReady(p.Checks...)
	s.AddDatabases(p.Databases...)
	p.Lifecycle.Append(fx.Hook{OnStop: s.stopWithApplication})
	p.Lifecycle.Append(fx.Hook{OnStart: func(ctx context.Context) error {
		if err := s.Start(ctx); err != nil {
			return err
		}
		go s.watch(p.Shutdowner)
		return nil
	}})
	return s, nil
}

// stopWithApplication calls Stop. It logs requests that were cut off, and returns no error for
// them: a client that hangs does not make the application's stop fail.
func (s *Server) stopWithApplication(ctx context.Context) error {
	err := s.Stop(ctx)
	cut, only := err.(*CutOffError) //nolint:errorlint // joined with another it is a failure
	if !only {
		return err
	}
	s.log.Warn("requests cut off", zap.Int64("requests", cut.Requests), zap.Error(cut))
	return nil
}

// watch shuts the application down if serving fails.
func (s *Server) watch(shutdowner fx.Shutdowner) {
	<-s.running.done
	select {
	case err := <-s.failed:
		s.log.Error("server failed", zap.Error(err))
		if err := shutdowner.Shutdown(fx.ExitCode(1)); err != nil {
			s.log.Error("shut down", zap.Error(err))
		}
	default:
	}
}
