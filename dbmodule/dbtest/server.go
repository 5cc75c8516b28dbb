package dbtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/openhands-go/server/dbmodule"
)

const (
	// startLimit bounds making a data directory and the server's first answer.
	startLimit = 60 * time.Second
	// endLimit is how long a server may take to end after the signal.
	endLimit = 10 * time.Second
	// startAttempts is how often a server that ends at once is started: another process
	// may have taken its port since it was found free.
	startAttempts = 3
)

// Server is a throwaway database server of one test, for tests of what happens
// when a server fails. A restart keeps its address and password. What was
// committed survives [Server.Kill]; [Durable] adds more. Server is safe for
// concurrent use.
type Server struct {
	recipe   recipe
	binaries binaries
	options  serverOptions
	layout   layout
	account  account

	mu       sync.Mutex
	port     int
	process  *process // nil when none is running
	paused   []int
	watchdog *watchdog // nil after Stop
}

// ServerOption changes how [StartServer] runs the server.
type ServerOption func(*serverOptions)

type serverOptions struct {
	durable  bool
	settings []string
	// limit is the time limit of the start; startLimit if 0.
	limit time.Duration
	// folder is the parent of the server's own folder; the folder of temporary files
	// if "".
	folder string
}

// Durable keeps the engine's own settings for durability: every commit is synced
// to the disk, as in production. Without Durable nothing is synced.
func Durable() ServerOption { return func(o *serverOptions) { o.durable = true } }

// WithSettings passes settings to the server, each as name=value with the
// engine's name of the setting, such as "max_connections=5".
func WithSettings(settings ...string) ServerOption {
	return func(o *serverOptions) { o.settings = append(o.settings, settings...) }
}

// StartServer starts a server for t alone and stops it when t ends. It always
// starts this machine's binaries, whatever the DBTEST_*_URL variables say. If the
// binaries are missing, it skips or fails t as [Config] does. SQLite has no
// server, so StartServer fails t.
func StartServer(t testing.TB, engine dbmodule.Engine, opts ...ServerOption) *Server {
	t.Helper()
	s, err := NewServer(t.Context(), engine, opts...)
	if err != nil {
		shared.giveUp(t, engine, err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// NewServer is [StartServer] for programs that are not tests, such as benchmarks.
// The caller stops the server by [Server.Stop]; if the program ends without that,
// the server ends too. The error is [ErrNotInstalled] if the engine is not
// installed on this machine. ctx limits only the start.
func NewServer(ctx context.Context, engine dbmodule.Engine, opts ...ServerOption) (*Server, error) {
	return shared.newServer(ctx, engine, opts...)
}

func (k *kit) newServer(ctx context.Context, engine dbmodule.Engine, opts ...ServerOption) (*Server, error) {
	r, ok := k.recipes[engine]
	if !ok {
		return nil, fmt.Errorf("dbtest: start server: %q has none", engine)
	}
	var o serverOptions
	for _, opt := range opts {
		opt(&o)
	}
	return startServer(ctx, r, o, newPassword())
}

// newPassword returns a random text followed by special characters, so that every
// test has to decode the password in the URL.
func newPassword() string { return rand.Text() + "@:/%" }

func startServer(ctx context.Context, r recipe, o serverOptions, password string) (_ *Server, err error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(o.limit, startLimit))
	defer cancel()

	s := &Server{recipe: r, options: o}
	if s.binaries, err = r.find(r.folders); err != nil {
		return nil, err
	}
	if s.account, err = serverAccount(r.account); err != nil {
		return nil, err
	}
	s.layout.password = password
	if s.layout.folder, err = os.MkdirTemp(o.folder, "dbtest-"); err != nil {
		return nil, fmt.Errorf("dbtest: make folder: %w", err)
	}
	if err = errors.Join(s.account.own(s.layout.folder), s.account.reaches(s.layout.folder)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.layout.folder))
	}
	if s.watchdog, err = startWatchdog(s.account, s.layout.folder, r.discard); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.layout.folder))
	}
	if err = s.create(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// URL returns the server's URL for DATABASE_URL, password included. It names a
// database that is empty when the server is new.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.url()
}

func (s *Server) url() string {
	u := url.URL{
		Scheme: string(s.recipe.engine),
		User:   url.UserPassword(user, s.layout.password),
		Host:   net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:   "/" + s.recipe.database,
	}
	return u.String()
}

// Config returns dbmodule's defaults with the server's URL.
func (s *Server) Config(t testing.TB) dbmodule.Config {
	t.Helper()
	return configFor(t, s.URL())
}

// Socket returns the unix socket on which the server listens, as URLs name it: for
// PostgreSQL the folder of the socket, for MariaDB the socket itself. Clients log
// in there with the same user and password.
func (s *Server) Socket() string { return s.recipe.socket(s.layout) }

// Kill kills every process of the server at once, as in a crash, and returns when
// they have ended. (Without Linux's /proc it kills the main process, and the others
// then end by themselves.) If the server does not run, Kill does nothing.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return nil
	}
	// Suspended first, so that no process can start another meanwhile. If that is not
	// possible, the other processes notice that the main process has ended.
	family, _ := s.process.freeze()
	if err := killFamily(family); err != nil {
		return err
	}
	return s.awaitEnd()
}

// Pause suspends every process of the server (SIGSTOP): connections stay open and
// nothing answers. It needs Linux.
func (s *Server) Pause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return errors.New("dbtest: pause server: it is not running")
	}
	family, err := s.process.freeze()
	s.paused = family
	if err = errors.Join(err, s.watchdog.paused(family)); err != nil {
		return errors.Join(err, s.resume())
	}
	return nil
}

// Resume continues a paused server.
func (s *Server) Resume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resume()
}

func (s *Server) resume() error {
	if len(s.paused) == 0 {
		return nil
	}
	var errs []error
	// The main process last, so that it does not see its children suspended.
	for i := len(s.paused) - 1; i >= 0; i-- {
		errs = append(errs, resume(s.paused[i]))
	}
	s.paused = nil
	return errors.Join(append(errs, s.watchdog.resumed())...)
}

// Restart starts the server again, with the same address and the same data, and
// returns when it answers. If the server still runs, Restart first shuts it down
// without waiting for its clients, whose connections end.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchdog == nil {
		return errors.New("dbtest: restart server: it was stopped for good")
	}
	if err := s.end(s.recipe.shutdown); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.options.limit, startLimit))
	defer cancel()
	return s.launch(ctx, func() error { return nil })
}

// Stop ends the server for good and removes its data. It may be called more than
// once. A server of [StartServer] is stopped when its test ends.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.watchdog == nil {
		return nil
	}
	err := s.end(s.recipe.discard)
	// The watchdog removes the folder, unless its user can't reach it.
	err = errors.Join(err, s.watchdog.release(), os.RemoveAll(s.layout.folder))
	s.watchdog = nil
	return err
}
