package httpstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"github.com/openhands-go/server/httpmodule"
)

// Config limits streams. The zero value is not usable: start from [DefaultConfig].
type Config struct {
	// Most is how many streams may be open at once, and PerAddress how many from one client
	// address; 0 is no limit.
	Most       int `envconfig:"STREAMS_MAX" default:"10000" desc:"live streams (websockets and server-sent events) open at once (0 = no limit)"`
	PerAddress int `envconfig:"STREAMS_PER_ADDRESS" default:"2500" desc:"live streams open at once from one address (0 = no limit)"`
	// Heartbeat is the interval of heartbeats: pings on websockets, comments on event streams. A
	// client that does not answer two pings is disconnected.
	Heartbeat time.Duration `envconfig:"STREAM_HEARTBEAT" default:"15s" desc:"how often live streams get a heartbeat"`
	// WriteTimeout is how long a client may take to read a message.
	WriteTimeout time.Duration `envconfig:"STREAM_WRITE_TIMEOUT" default:"8s" desc:"how long a live stream's client may take to read what is sent before the stream is closed"`
}

// DefaultConfig returns the defaults that the tags of [Config] name.
func DefaultConfig() Config {
	return Config{Most: 10_000, PerAddress: 2_500, Heartbeat: 15 * time.Second, WriteTimeout: 8 * time.Second}
}

// Validate returns one error that joins all invalid settings.
func (c Config) Validate() error {
	var errs []error
	for name, value := range map[string]int{"STREAMS_MAX": c.Most, "STREAMS_PER_ADDRESS": c.PerAddress} {
		if value < 0 {
			errs = append(errs, fmt.Errorf("httpstream: %s=%d: takes a number, or 0 for no limit", name, value))
		}
	}
	for name, value := range map[string]time.Duration{"STREAM_HEARTBEAT": c.Heartbeat, "STREAM_WRITE_TIMEOUT": c.WriteTimeout} {
		if value <= 0 {
			errs = append(errs, fmt.Errorf("httpstream: %s=%s: takes a duration above 0, for example 10s", name, value))
		}
	}
	return errors.Join(errs...)
}

// Streams makes and counts the streams of a server. It is safe for concurrent use, and needs no Close:
// the server ends all streams when it stops.
type Streams struct {
	config Config
	log    *zap.Logger
	// readTime is the constant, except in tests.
	readTime time.Duration

	mu        sync.Mutex
	open      int
	addresses map[string]int

	sockets, events, opened, refused, sent atomic.Int64
	closed                                 [ends]atomic.Int64
}

// end is how a stream has ended: see [Stats].
type end int

const (
	left end = iota
	gone
	slow
	tooLarge
	stopped
	finished
	failed
	ends
)

// New makes the streams of a server. log may be nil.
func New(cfg Config, log *zap.Logger) (*Streams, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if log == nil {
		log = zap.NewNop()
	}
	return &Streams{config: cfg, log: log, readTime: readTime, addresses: make(map[string]int)}, nil
}

// Route gives a plain route the limits of [httpmodule.StreamLimits], and returns the route. For a typed
// operation use httpmodule.StreamLimits().Operation.
func (*Streams) Route(api huma.API, route *echo.Route) *echo.Route {
	return httpmodule.StreamLimits().Route(api, route)
}

// Stats are counts of streams.
type Stats struct {
	// Sockets and Events are the websockets and the event streams that are open now.
	Sockets, Events int64
	// Opened is how many streams were opened since the start, and Refused how many were refused
	// because too many were open.
	Opened, Refused int64
	// Each stream that has ended is counted in one of these. Left: the client has closed the
	// stream or its connection. Gone: the client has not answered two pings. Slow: the client has
	// not read a message, or not sent a large one, in time. TooLarge: the client has sent a
	// message above the limit. Stopped: the server has stopped. Finished: the handler has ended
	// the stream. Failed: the handler has returned an error.
	Left, Gone, Slow, TooLarge, Stopped, Finished, Failed int64
	// Sent is how many messages were sent.
	Sent int64
}

// Stats returns the current counts.
func (s *Streams) Stats() Stats {
	return Stats{
		Sockets: s.sockets.Load(), Events: s.events.Load(), Opened: s.opened.Load(),
		Refused: s.refused.Load(), Sent: s.sent.Load(),
		Left: s.closed[left].Load(), Gone: s.closed[gone].Load(), Slow: s.closed[slow].Load(), TooLarge: s.closed[tooLarge].Load(),
		Stopped: s.closed[stopped].Load(), Finished: s.closed[finished].Load(), Failed: s.closed[failed].Load(),
	}
}

// admit counts a new stream from an address. leave counts its end. ok is false if too many streams are
// open.
func (s *Streams) admit(address string) (leave func(end), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.config.Most > 0 && s.open >= s.config.Most || s.config.PerAddress > 0 && s.addresses[address] >= s.config.PerAddress {
		s.refused.Add(1)
		return nil, false
	}
	s.open++
	s.addresses[address]++
	s.opened.Add(1)
	return func(how end) {
		s.closed[how].Add(1)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
		if s.addresses[address]--; s.addresses[address] == 0 {
			delete(s.addresses, address)
		}
	}, true
}

// errFull is the answer if too many streams are open.
func errFull() error {
	return &httpmodule.HTTPError{
		Status: http.StatusServiceUnavailable, Detail: "Service Unavailable: too many live streams are open",
		Header: http.Header{"Retry-After": {"10"}},
	}
}

// stopping reports whether ctx has ended because the server stops.
func stopping(ctx context.Context) bool { return errors.Is(context.Cause(ctx), httpmodule.ErrStopping) }
