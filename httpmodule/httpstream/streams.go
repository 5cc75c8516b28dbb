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
	// Most is how many streams are open at once in all, and PerAddress how many from one
	// address of a client's; 0 sets no limit.
	Most       int `envconfig:"STREAMS_MAX" default:"10000" desc:"live streams (websockets and server-sent events) open at once (0 = no limit)"`
	PerAddress int `envconfig:"STREAMS_PER_ADDRESS" default:"2500" desc:"live streams open at once from one address (0 = no limit)"`
	// Heartbeat is how long a stream is silent at most: websockets are pinged, event streams
	// get a comment. A client that does not answer two pings is gone.
	Heartbeat time.Duration `envconfig:"STREAM_HEARTBEAT" default:"15s" desc:"how often live streams get a heartbeat"`
	// WriteTimeout is how long a client may take to read what is sent.
	WriteTimeout time.Duration `envconfig:"STREAM_WRITE_TIMEOUT" default:"8s" desc:"how long a live stream's client may take to read what is sent before the stream is closed"`
}

// DefaultConfig returns the defaults that the tags of [Config] name.
func DefaultConfig() Config {
	return Config{Most: 10_000, PerAddress: 2_500, Heartbeat: 15 * time.Second, WriteTimeout: 8 * time.Second}
}

// Validate reports every setting that can't be used, joined.
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

// Streams are the open streams of a server. It is safe for concurrent use, and needs no closing:
// each stream ends with its request.
type Streams struct {
	config Config
	log    *zap.Logger
	// readTime is how long a client may take to send a message that counts.
	readTime time.Duration

	mu        sync.Mutex
	open      int
	addresses map[string]int

	sockets, events, opened, refused, sent atomic.Int64
	closed                                 [ends]atomic.Int64
}

// end is how a stream ended.
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

// Route removes the time limits of a plain route of streams, and returns the route: see
// [httpmodule.StreamLimits]. A typed operation takes httpmodule.StreamLimits().Operation.
func (*Streams) Route(api huma.API, route *echo.Route) *echo.Route {
	return httpmodule.StreamLimits().Route(api, route)
}

// Stats are counts of streams.
type Stats struct {
	// Sockets and Events are the websockets and the event streams that are open now.
	Sockets, Events int64
	// Opened is how many there were since the start, and Refused how many found no room.
	Opened, Refused int64
	// Each of those that were opened and are no longer open is in one of these. The client has
	// closed the stream or its connection (Left), has not answered two pings (Gone), has not read
	// what was sent or has not sent a large message in time (Slow), or has sent a message that is too large (TooLarge). Or the server has
	// stopped (Stopped), or the handler has ended the stream as it wanted to (Finished), or by an
	// error (Failed).
	Left, Gone, Slow, TooLarge, Stopped, Finished, Failed int64
	// Sent is how many messages were sent.
	Sent int64
}

// Stats counts.
func (s *Streams) Stats() Stats {
	return Stats{
		Sockets: s.sockets.Load(), Events: s.events.Load(), Opened: s.opened.Load(),
		Refused: s.refused.Load(), Sent: s.sent.Load(),
		Left: s.closed[left].Load(), Gone: s.closed[gone].Load(), Slow: s.closed[slow].Load(), TooLarge: s.closed[tooLarge].Load(),
		Stopped: s.closed[stopped].Load(), Finished: s.closed[finished].Load(), Failed: s.closed[failed].Load(),
	}
}

// admit counts a stream from an address in, and returns what counts it out again, by how it ended.
// It reports false where there is no room.
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

// errFull answers who finds no room.
func errFull() error {
	return &httpmodule.HTTPError{
		Status: http.StatusServiceUnavailable, Detail: "Service Unavailable: too many live streams are open",
		Header: http.Header{"Retry-After": {"10"}},
	}
}

// stopping reports whether a stream ends because its server does.
func stopping(ctx context.Context) bool { return errors.Is(context.Cause(ctx), httpmodule.ErrStopping) }
