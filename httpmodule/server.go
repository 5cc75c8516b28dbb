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
	// Version is "0.0.0-dev" when empty: OpenHands' clients want x.y.z.
	Version string
	// Description is what the documentation begins with, in Markdown.
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

	// gate decides who is let in; nil lets everybody in.
	gate Gate
	// open routes need no key, probes are quiet in the log and don't count as
	// use; both by method and route, or route.
	open   map[string]bool
	probes map[string]bool

	// budget is the memory for bodies and answers.
	budget *budget
	// limits are those of routes that have their own.
	limits map[routeKey]Limits
	// crossOrigin looks at what browsers say of a request's page.
	crossOrigin http.CrossOriginProtection
	// streams ends when requests that would not end by themselves have to.
	streams    context.Context
	endStreams context.CancelFunc

	created     time.Time
	lastRequest atomic.Int64
	draining    atomic.Bool
	inFlight    atomic.Int64
	probe       probe
	// checks and databases are what /ready asks besides.
	checks    []*checkedState
	databases []*namedProbe
	writes    writeFailures

	// complete runs once, when all routes and handlers are there.
	complete sync.Once

	mu      sync.Mutex
	running *running
	stopped bool
	failed  chan error
}

// running is what a started server holds.
type running struct {
	listener net.Listener
	server   *http.Server
	fresh    *fresh
	// cancel ends the contexts of all requests.
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// New makes a server with its own routes (/alive, /health, /ready,
// /server_info, /openapi.json, /docs) and the given ones. It does no I/O: a
// wrong setting or route is an error here, a taken port one of
// [Server.Start]. /ready checks the database. The database belongs to the caller,
// who closes it after Stop. log may be nil.
func New(cfg Config, info Info, log *zap.Logger, database *dbmodule.Database, routes ...Routes) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if database == nil {
		return nil, errors.New("httpmodule: make server: there is no database")
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
	s.streams, s.endStreams = context.WithCancel(context.Background()) //nolint:forbidigo // it lives as long as the server
	s.lastRequest.Store(s.created.UnixNano())
	s.document = sync.OnceValues(s.encodeDocument)
	switch {
	case cfg.Gate != nil:
		s.gate = cfg.Gate
	case cfg.SessionAPIKey != "":
		s.gate = newOneKey(cfg.SessionAPIKey)
		s.config.SessionAPIKey = "" // whatever prints this server can't show it
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

// finishRoutes prepares for the first request.
func (s *Server) finishRoutes() {
	s.answerHead()
	s.echo.Use(s.lastCheck)
	answer := s.echo.HTTPErrorHandler
	s.echo.HTTPErrorHandler = func(err error, c echo.Context) {
		// An error that reaches a handler of the program's own has failed the unit of
		// work, whatever that answers. Middleware may call it, too. It comes too late once
		// there is an answer, which middleware may still hold back.
		if !c.Response().Committed {
			SetRollbackOnly(c.Request().Context())
		}
		answer(err, c)
	}
}

// Echo returns the router. Routes and middleware may be added until Start; so may
// Echo's HTTPErrorHandler be replaced.
func (s *Server) Echo() *echo.Echo { return s.echo }

// API returns the typed API on the same router. Operations may be added until
// Start.
func (s *Server) API() huma.API { return s.api }

// ServeHTTP answers one request: for tests, and for mounting the server in
// another one.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.answer(w, r, false) }

// answer answers one request, which came over the server's own socket or was given to
// it by somebody who knows for whom it is.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, listened bool) {
	s.complete.Do(s.finishRoutes)
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	begun := s.begin(w, r)
	begun.listened = listened
	s.echo.ServeHTTP(&begun.response, begun.http)
}

// Addr returns where the server listens, as host:port: after Start with the
// real port, before it as configured.
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
	fresh := newFresh()
	r := &running{
		listener: listener,
		fresh:    fresh,
		server: &http.Server{
			Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, true) }),
			ReadHeaderTimeout: s.config.ReadHeaderTimeout,
			ReadTimeout:       s.config.ReadTimeout,
			WriteTimeout:      s.config.WriteTimeout,
			IdleTimeout:       s.config.IdleTimeout,
			MaxHeaderBytes:    s.config.HeaderLimit,
			ErrorLog:          errorLog,
			ConnState:         fresh.follow,
			BaseContext:       func(net.Listener) context.Context { return base },
		},
		cancel: cancel,
		done:   make(chan struct{}),
	}
	s.complete.Do(s.finishRoutes)
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

// Failed delivers the error if serving ends by itself, at most once. Call Stop
// after that, too.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop ends the server. /ready answers 503. After SHUTDOWN_DELAY the server accepts no
// more connections. Requests in progress get SHUTDOWN_TIMEOUT to end; then
// their contexts end and their connections are closed. Stop returns when no
// handler uses the database any more, or when ctx ends. The error is a *[CutOffError]
// if requests were cut off and nothing else went wrong. Stopping a server that does not
// run does nothing.
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
		err = s.await(drainCtx) // connections that handlers took over
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

// CutOffError is the error of [Server.Stop] if the stop itself went well, but some requests
// had not ended after SHUTDOWN_TIMEOUT, for example because a client hung.
type CutOffError struct {
	// Requests is how many requests were cut off. Their handlers have returned since.
	Requests int64
	cause    error
}

// Error tells how many.
func (e *CutOffError) Error() string {
	return fmt.Sprintf("httpmodule: stop server: %d requests cut off after SHUTDOWN_TIMEOUT: %v", e.Requests, e.cause)
}

// Unwrap returns what ended the wait.
func (e *CutOffError) Unwrap() error { return e.cause }

// cutOff ends the requests that are left, whose wait ended with cause.
func (s *Server) cutOff(ctx context.Context, r *running, cause error) error {
	cut := &CutOffError{Requests: s.inFlight.Load(), cause: cause}
	r.cancel()
	closeErr := r.server.Close()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutOffTimeout)
	defer cancel()
	if s.await(ctx) != nil {
		return errors.Join(cut, closeErr, fmt.Errorf("httpmodule: stop server: %d handlers ignore that their requests have ended", s.inFlight.Load()))
	}
	if closeErr != nil {
		return errors.Join(cut, closeErr)
	}
	return cut
}

// cutOffTimeout is what handlers get to notice that their requests were cut
// off, before the database is closed under them.
const cutOffTimeout = 2 * time.Second

// await waits until no handler runs.
func (s *Server) await(ctx context.Context) error {
	const tick = 5 * time.Millisecond
	for s.inFlight.Load() > 0 {
		if !pause(ctx, tick) {
			return ctx.Err()
		}
	}
	return nil
}

// pause waits and reports whether ctx lasted.
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

// listenError says what to do about an address that can't be had.
func listenError(address string, err error) error {
	var inner *net.OpError
	cause := err
	if errors.As(err, &inner) {
		cause = inner.Err // the address stands there already
	}
	advice := "check HOST and PORT"
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "another process uses it: stop that, or set PORT to another one (0 picks a free one)"
	case errors.Is(err, syscall.EACCES):
		advice = "not permitted: set PORT to one above 1023"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "not an address of this machine: set HOST, for example to 127.0.0.1"
	}
	return fmt.Errorf("httpmodule: listen on %s: %s: %w", address, advice, cause)
}
