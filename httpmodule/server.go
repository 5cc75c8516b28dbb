package httpmodule

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/openhands-go/server/dbmodule"
)

// Info names the server in its documentation and in /server_info.
type Info struct {
	// Title is "Server" when empty.
	Title string
	// Version is "0.0.0-dev" when empty: OpenHands' clients need the form x.y.z.
	Version string
	// Description is the first text of the documentation, in Markdown.
	Description string
	// Members are added to /server_info, and replace members of the same name.
	Members map[string]any
}

// Server is an HTTP server with its routes. It is made by [New], started
// once and stopped once.
type Server struct {
	config   Config
	info     Info
	log      *zap.Logger
	database *dbmodule.Database

	echo     *echo.Echo
	api      huma.API
	docs     *docs
	document func() ([]byte, error)
	mappings []mapping
	// instruments watch requests.
	instruments []Instrument

	// gate decides about keys; nil admits every request.
	gate Gate
	// open are the routes that need no key, by "METHOD /route". probes are the routes of
	// [Server.Probe], by "/route".
	open   map[string]bool
	probes map[string]bool

	// budget is the memory for bodies and answers.
	budget *budget
	// limits are the limits of routes that have their own.
	limits map[routeKey]Limits
	// crossOrigin checks the headers Origin and Sec-Fetch-Site.
	crossOrigin http.CrossOriginProtection
	// streams is the context that ends when requests with EndAtStop must end.
	streams    context.Context
	endStreams context.CancelFunc

	created       time.Time
	lastRequest   atomic.Int64
	draining      atomic.Bool
	inFlight      atomic.Int64
	databaseCheck databaseCheck
	// checks and databases are what /ready checks besides the server's own database.
	checks    []*cachedCheck
	databases []*namedDatabaseCheck
	writes    writeFailures

	// finished runs finishRoutes once, when all routes are registered.
	finished sync.Once

	mu      sync.Mutex
	running *running
	stopped bool
	failed  chan error
}

// running is the state of a started server.
type running struct {
	listener net.Listener
	server   *http.Server
	newConns *newConnections
	// cancel ends the contexts of all requests.
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// New makes a server with its own routes (/alive, /health, /ready, /server_info, /openapi.json,
// /docs) and the given ones. It returns an error for a wrong setting or route. It does no I/O: a
// port that is in use is an error of [Server.Start]. /ready checks the database. The caller closes
// the database, after Stop. log may be nil.
func New(cfg Config, info Info, log *zap.Logger, database *dbmodule.Database, routes ...Routes) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if database == nil {
		return nil, errors.New("httpmodule: make server: the database is nil")
	}
	if log == nil {
		log = zap.NewNop()
	}
	if info.Title == "" {
		info.Title = "Server"
	}
	if info.Version == "" {
		info.Version = "0.0.0-dev"
	}
	page, err := newDocs(info.Title)
	if err != nil {
		return nil, err
	}
	s := &Server{
		config:   cfg,
		info:     info,
		log:      log,
		database: database,
		budget:   newBudget(cfg.MemoryBudget),
		docs:     page,

		mappings: defaultMappings(),
		open:     make(map[string]bool),
		limits:   make(map[routeKey]Limits),
		probes:   map[string]bool{pathAlive: true, pathHealth: true, pathReady: true, pathServerInfo: true},
		created:  time.Now(),
		failed:   make(chan error, 1),
	}
	s.streams, s.endStreams = context.WithCancel(context.Background()) //nolint:forbidigo // the server ends it
	s.lastRequest.Store(s.created.UnixNano())
	s.document = sync.OnceValues(s.encodeDocument)
	switch {
	case cfg.Gate != nil:
		s.gate = cfg.Gate
	case cfg.SessionAPIKey != "":
		s.gate = newOneKey(cfg.SessionAPIKey)
		s.config.SessionAPIKey = "" // so that nothing can print it
	}

	e := echo.New()
	e.IPExtractor = clientAddress(cfg.TrustedProxies)
	e.Logger = newEchoLogger(log)
	e.HTTPErrorHandler = s.handleError
	e.JSONSerializer = echoJSON{}
	e.Pre(s.enter)
	e.Use(s.instrument, s.pipeline)
	s.echo = e
	s.api = s.newAPI(e)
	if err := s.register(routes); err != nil {
		return nil, err
	}
	return s, nil
}

// MapErrors adds rows to the table from errors to answers, before the existing
// rows. It must not be called after Start.
func (s *Server) MapErrors(mappings ...ErrorMapping) {
	rows := make([]mapping, len(mappings), len(mappings)+len(s.mappings))
	for i, m := range mappings {
		rows[i] = mapping{ErrorMapping: m}
	}
	s.mappings = append(rows, s.mappings...)
}

// finishRoutes adds the HEAD routes, the innermost middleware and the error handler, when all
// routes are registered.
func (s *Server) finishRoutes() {
	s.answerHead()
	s.echo.Use(s.lastCheck)
	handle := s.echo.HTTPErrorHandler
	s.echo.HTTPErrorHandler = func(err error, c echo.Context) {
		// An error rolls the unit of work back, whatever the program's own error handler
		// answers. An error after the answer has no effect.
		if !c.Response().Committed {
			SetRollbackOnly(c.Request().Context())
		}
		handle(err, c)
	}
}

// Echo returns the router. Until Start you may add routes and middleware, and replace Echo's
// HTTPErrorHandler.
func (s *Server) Echo() *echo.Echo { return s.echo }

// API returns the typed API on the same router. Operations may be added until
// Start.
func (s *Server) API() huma.API { return s.api }

// ServeHTTP answers one request: for tests, and for mounting the server in
// another one.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.serveRequest(w, r, false) }

// serveRequest answers one request. listened says that it came over the server's own listener:
// only then the Host is checked. The caller of ServeHTTP has chosen this server itself.
func (s *Server) serveRequest(w http.ResponseWriter, r *http.Request, listened bool) {
	s.finished.Do(s.finishRoutes)
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	begun := s.newRequest(w, r)
	begun.listened = listened
	s.echo.ServeHTTP(&begun.response, begun.http)
}

// Addr returns the host:port on which the server listens. Before Start it returns the configured
// one.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return s.config.address()
	}
	return s.running.listener.Addr().String()
}

// Start listens, and returns when connections are accepted. If it can't listen on
// the address, the error says what to do. ctx limits only this call.
// The server serves in the background until Stop; see [Server.Failed].
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil || s.stopped {
		return errors.New("httpmodule: start server: it was started or stopped before")
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.config.address())
	if err != nil {
		return listenError(s.config.address(), err)
	}
	if _, err := s.document(); err != nil {
		return errors.Join(err, listener.Close())
	}
	errorLog, err := zap.NewStdLogAt(s.log, zapcore.WarnLevel)
	if err != nil {
		return errors.Join(fmt.Errorf("httpmodule: start server: %w", err), listener.Close())
	}

	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	newConns := &newConnections{conns: make(map[net.Conn]struct{})}
	r := &running{
		listener: listener,
		newConns: newConns,
		server: &http.Server{
			Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serveRequest(w, r, true) }),
			ReadHeaderTimeout: s.config.ReadHeaderTimeout,
			ReadTimeout:       s.config.ReadTimeout,
			WriteTimeout:      s.config.WriteTimeout,
			IdleTimeout:       s.config.IdleTimeout,
			MaxHeaderBytes:    s.config.HeaderLimit,
			ErrorLog:          errorLog,
			ConnState:         newConns.track,
			BaseContext:       func(net.Listener) context.Context { return base },
		},
		cancel: cancel,
		done:   make(chan struct{}),
	}
	s.finished.Do(s.finishRoutes)
	s.running = r
	go s.serve(r)
	s.log.Info("listening", zap.String("url", "http://"+listener.Addr().String()), zap.String("docs", "http://"+listener.Addr().String()+pathDocs))
	return nil
}

func (s *Server) serve(r *running) {
	defer close(r.done)
	err := r.server.Serve(r.listener)
	if errors.Is(err, http.ErrServerClosed) {
		return
	}
	r.err = fmt.Errorf("httpmodule: serve on %s: %w", r.listener.Addr(), err)
	s.failed <- r.err
}

// Failed returns a channel that receives one error if the server stops serving although nobody
// called Stop. Call Stop then, too.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop stops the server. First, /ready answers 503. After SHUTDOWN_DELAY the server accepts no more
// connections. Requests in progress get SHUTDOWN_TIMEOUT to end; then the server ends their
// contexts and closes their connections. Stop returns when no handler uses the database any more,
// or when ctx ends. The error is a *[CutOffError] if requests were cut off and nothing else went
// wrong. Stop does nothing if the server does not run.
func (s *Server) Stop(ctx context.Context) error {
	s.draining.Store(true)
	s.mu.Lock()
	r, again := s.running, s.stopped
	s.stopped = true
	s.mu.Unlock()
	if r == nil || again {
		s.endStreams()
		return nil
	}
	defer r.cancel()

	pause(ctx, s.config.ShutdownDelay)
	s.endStreams()
	drainCtx, cancel := context.WithTimeout(ctx, s.config.ShutdownTimeout)
	defer cancel()
	err := s.drain(drainCtx, r)
	if err == nil && s.inFlight.Load() > 0 {
		err = s.await(drainCtx) // handlers of hijacked connections, and detached work
	}
	if err != nil {
		err = s.cutOff(ctx, r, err)
	}
	<-r.done
	if r.err != nil {
		return errors.Join(err, r.err)
	}
	return err
}

// CutOffError is the error of [Server.Stop] if the only problem was that some requests had not
// ended after SHUTDOWN_TIMEOUT, for example because a client hung.
type CutOffError struct {
	// Requests is how many requests were cut off. Their handlers have returned by now.
	Requests int64
	cause    error
}

// Error says how many requests were cut off.
func (e *CutOffError) Error() string {
	return fmt.Sprintf("httpmodule: stop server: %d requests cut off after SHUTDOWN_TIMEOUT: %v", e.Requests, e.cause)
}

// Unwrap returns the error that ended the wait, for example context.DeadlineExceeded.
func (e *CutOffError) Unwrap() error { return e.cause }

// cutOff ends the remaining requests. cause is the error that ended the wait for them.
func (s *Server) cutOff(ctx context.Context, r *running, cause error) error {
	cut := &CutOffError{Requests: s.inFlight.Load(), cause: cause}
	r.cancel()
	closeErr := r.server.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutOffTimeout)
	defer cancel()
	if s.await(ctx) != nil {
		return errors.Join(cut, closeErr, fmt.Errorf("httpmodule: stop server: %d handlers still run although their requests' contexts have ended", s.inFlight.Load()))
	}
	if closeErr != nil {
		return errors.Join(cut, closeErr)
	}
	return cut
}

// cutOffTimeout is how long handlers may take to return after their requests were cut off. After
// that the caller closes the database.
const cutOffTimeout = 2 * time.Second

// await waits until no handler and no detached work runs.
func (s *Server) await(ctx context.Context) error {
	const tick = 5 * time.Millisecond
	for s.inFlight.Load() > 0 {
		if !pause(ctx, tick) {
			return ctx.Err()
		}
	}
	return nil
}

// pause waits for d, and reports false if ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// listenError says what to do about an address that the server can't listen on.
func listenError(address string, err error) error {
	var inner *net.OpError
	cause := err
	if errors.As(err, &inner) {
		cause = inner.Err // without the address, which the error names already
	}
	advice := "check HOST and PORT"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "another process uses it: stop that process, or set PORT to another port (0 picks a free one)"
	case errors.Is(err, syscall.EACCES):
		advice = "not permitted: set PORT to a port above 1023"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "not an address of this machine: set HOST, for example to 127.0.0.1"
	}
	return fmt.Errorf("httpmodule: listen on %s: %s: %w", address, advice, cause)
}
