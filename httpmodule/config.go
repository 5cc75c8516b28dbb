package httpmodule

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config has all settings of the server. The tags name environment variables for a package
// such as envconfig; this package does not read the environment. The zero value is not usable:
// start from [DefaultConfig].
type Config struct {
	// Host is the address to listen on; empty means every address.
	Host string `envconfig:"HOST" default:"127.0.0.1" desc:"address to listen on"`
	// Port is the TCP port; 0 picks a free one, which [Server.Addr] returns.
	Port int `envconfig:"PORT" default:"3000" desc:"port to listen on (0 = any free port)"`

	// SessionAPIKey is the key that clients must send; empty means that they need none.
	SessionAPIKey Secret `envconfig:"SESSION_API_KEY" desc:"key that clients send as X-Session-API-Key or bearer token (empty = none needed)"`
	// Gate accepts several keys, instead of SessionAPIKey: both at once are an error.
	Gate Gate `ignored:"true" json:"-"`
	// AllowInsecure allows a Host that other machines can reach, without a key.
	AllowInsecure bool `envconfig:"ALLOW_INSECURE" default:"false" desc:"allow to listen beyond this machine without SESSION_API_KEY"`
	// AllowedHosts are host names by which clients may call a server that has no key. Host,
	// localhost and IP addresses are always allowed. A request for another host is answered
	// with 421.
	AllowedHosts []string `envconfig:"ALLOWED_HOSTS" desc:"names besides HOST and localhost by which a server without SESSION_API_KEY may be called, separated by commas (* = any)"`
	// CORSOrigins are the web origins that browsers may call from: exact ones,
	// such as https://app.example.com, or * for all. Empty turns CORS off.
	CORSOrigins []string `envconfig:"CORS_ORIGINS" desc:"web origins that may call the API, separated by commas (* = all, empty = none)"`

	// TrustedProxies are the addresses and networks of proxies in front of the server.
	// Only their X-Forwarded-For is trusted for the client's address.
	TrustedProxies []string `envconfig:"TRUSTED_PROXIES" desc:"addresses or networks of proxies whose X-Forwarded-For is trusted, such as 10.0.0.0/8, separated by commas (empty = none)"`
	// Compress sends an answer with gzip if the client accepts it, the answer is text of
	// at least 1 KiB and the request has no cookies.
	Compress bool `envconfig:"GZIP" default:"true" desc:"send text of 1 KiB and more with gzip to clients that accept it"`

	// BodyLimit is the largest request body in bytes; a larger one is answered with 413.
	BodyLimit int64 `envconfig:"BODY_LIMIT" default:"16777216" desc:"largest request body in bytes"`
	// MemoryBudget limits how many bytes of bodies and answers are in progress at once, for
	// all requests together: see [ReserveMemory]. A body counts with its length if that
	// is above 64 KiB. A request without room waits up to 10 seconds, and is then answered
	// with 503. 0 means a sixteenth of the process's memory limit (GOMEMLIMIT), because a
	// body needs up to sixteen times its size while it is parsed and stored; without a
	// memory limit, 0 means 64 MiB.
	MemoryBudget int64 `envconfig:"MEMORY_BUDGET" default:"0" desc:"bytes of request bodies and answers in progress at once; beyond that, requests wait (0 = a sixteenth of the memory limit, 64 MiB without one)"`
	// HeaderLimit is the largest request header in bytes; a larger one is answered with 431.
	HeaderLimit int `envconfig:"HEADER_LIMIT" default:"65536" desc:"largest request header in bytes"`

	// RequestTimeout ends the context of a request, which is then answered with 504. It
	// does not interrupt a handler that ignores its context. RequestTimeout, BodyLimit,
	// ReadTimeout and WriteTimeout are for routes without [Limits] of their own.
	RequestTimeout time.Duration `envconfig:"REQUEST_TIMEOUT" default:"30s" desc:"how long a request may take (0 = no limit)"`
	// ReadHeaderTimeout, ReadTimeout, WriteTimeout and IdleTimeout are those
	// of http.Server. For a route that needs others, or none, use [Limits].
	ReadHeaderTimeout time.Duration `envconfig:"READ_HEADER_TIMEOUT" default:"10s" desc:"how long a client may take to send a header (0 = no limit)"`
	ReadTimeout       time.Duration `envconfig:"READ_TIMEOUT" default:"60s" desc:"how long a client may take to send a request (0 = no limit)"`
	WriteTimeout      time.Duration `envconfig:"WRITE_TIMEOUT" default:"90s" desc:"how long a response may take, from the end of the request's header (0 = no limit)"`
	IdleTimeout       time.Duration `envconfig:"IDLE_TIMEOUT" default:"120s" desc:"how long an unused connection is kept (0 = READ_TIMEOUT)"`

	// ShutdownDelay is how long /ready answers 503 at a stop while the server
	// still accepts connections, so that load balancers can notice.
	ShutdownDelay time.Duration `envconfig:"SHUTDOWN_DELAY" default:"0s" desc:"at a stop: how long to keep accepting requests while /ready answers 503"`
	// ShutdownTimeout is how long requests in progress may take to end at a
	// stop before their connections are closed.
	ShutdownTimeout time.Duration `envconfig:"SHUTDOWN_TIMEOUT" default:"20s" desc:"at a stop: how long requests in progress may take to end"`
}

// DefaultConfig returns the defaults that the tags of [Config] name.
func DefaultConfig() Config {
	return Config{
		Host:              "127.0.0.1",
		Port:              3000,
		Compress:          true,
		BodyLimit:         16 << 20,
		HeaderLimit:       64 << 10,
		RequestTimeout:    30 * time.Second,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      90 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ShutdownTimeout:   20 * time.Second,
	}
}

// Validate returns one error that joins all invalid settings, each with its
// variable's name and the values that it accepts.
func (c Config) Validate() error {
	var errs []error
	bad := func(name string, value any, takes string) {
		errs = append(errs, fmt.Errorf("httpmodule: %s=%v: %s", name, value, takes))
	}
	if strings.ContainsAny(c.Host, "/@ ?#") {
		errs = append(errs, errors.New("httpmodule: HOST: takes a host name or an IP address"))
	}
	if c.Port < 0 || c.Port > 65535 {
		bad("PORT", c.Port, "takes 0 (any free port) to 65535")
	}
	if c.BodyLimit <= 0 {
		bad("BODY_LIMIT", c.BodyLimit, "takes a number of bytes above 0")
	}
	if c.MemoryBudget < 0 {
		bad("MEMORY_BUDGET", c.MemoryBudget, "takes a number of bytes, or 0 to derive it from the memory limit")
	}
	if c.HeaderLimit <= 0 {
		bad("HEADER_LIMIT", c.HeaderLimit, "takes a number of bytes above 0")
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"REQUEST_TIMEOUT", c.RequestTimeout},
		{"READ_HEADER_TIMEOUT", c.ReadHeaderTimeout},
		{"READ_TIMEOUT", c.ReadTimeout},
		{"WRITE_TIMEOUT", c.WriteTimeout},
		{"IDLE_TIMEOUT", c.IdleTimeout},
		{"SHUTDOWN_DELAY", c.ShutdownDelay},
	} {
		if d.value < 0 {
			bad(d.name, d.value, "takes a duration of 0 or more, for example 30s")
		}
	}
	if c.ShutdownTimeout <= 0 {
		bad("SHUTDOWN_TIMEOUT", c.ShutdownTimeout, "takes a duration above 0, for example 20s")
	}
	errs = append(errs, c.validateNames(), c.validateKey())
	return errors.Join(errs...)
}

// validateNames checks the lists of addresses, hosts and origins.
func (c Config) validateNames() error {
	var errs []error
	bad := func(name, value, takes string) {
		errs = append(errs, fmt.Errorf("httpmodule: %s=%s: %s", name, value, takes))
	}
	for _, proxy := range c.TrustedProxies {
		if _, err := parseNetwork(proxy); err != nil {
			bad("TRUSTED_PROXIES", proxy, "takes addresses and networks, for example 10.0.0.7 or 10.0.0.0/8")
		}
	}
	for _, host := range c.AllowedHosts {
		if !validHost(host) {
			bad("ALLOWED_HOSTS", host, "takes * or names of hosts without a port, in their ASCII form as browsers send them")
		}
	}
	for _, origin := range c.CORSOrigins {
		switch {
		case origin == "*":
		case !validOrigin(origin):
			bad("CORS_ORIGINS", origin, "takes * or scheme://host[:port] without a path")
		case strings.Contains(origin, "*"):
			bad("CORS_ORIGINS", origin, "matches nothing: * can't be a part of an origin; * alone allows all origins")
		case origin != strings.ToLower(origin):
			bad("CORS_ORIGINS", origin, "matches nothing: browsers write origins in lower case")
		case strings.HasPrefix(origin, "https://") && strings.HasSuffix(origin, ":443"), strings.HasPrefix(origin, "http://") && strings.HasSuffix(origin, ":80"):
			bad("CORS_ORIGINS", origin, "matches nothing: browsers leave out the scheme's default port")
		case strings.ContainsFunc(origin, func(c rune) bool { return c > '~' }):
			bad("CORS_ORIGINS", origin, "matches nothing: browsers write host names in their ASCII form, xn--…")
		}
	}
	return errors.Join(errs...)
}

// validateKey checks the key, and that a server without one listens on the loopback interface.
func (c Config) validateKey() error {
	var errs []error
	if !Sendable(string(c.SessionAPIKey)) {
		errs = append(errs, errors.New("httpmodule: SESSION_API_KEY: an HTTP header can't carry it: takes ASCII characters without control characters, and no space at its ends"))
	}
	if c.SessionAPIKey != "" && c.Gate != nil {
		errs = append(errs, errors.New("httpmodule: SESSION_API_KEY: Config.Gate is set too, and decides about keys: set only one of the two"))
	}
	if c.SessionAPIKey == "" && c.Gate == nil && !c.AllowInsecure && !loopback(c.Host) {
		errs = append(errs, fmt.Errorf(
			"httpmodule: HOST=%s: others could reach the server without a key: set SESSION_API_KEY, or ALLOW_INSECURE=true to allow that",
			c.Host))
	}
	return errors.Join(errs...)
}

// StopTimeout is how long [Server.Stop] may take: give its context at least this time. An fx
// application needs more, for its other stop hooks, and fx's default of 15s is too short: set
// fx.StopTimeout.
func (c Config) StopTimeout() time.Duration {
	return c.ShutdownDelay + c.ShutdownTimeout + cutOffTimeout
}

// address is the host:port to listen on.
func (c Config) address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// loopback reports whether only this machine can reach a server that listens on host. A name
// other than localhost is not loopback, because what it resolves to may change.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Sendable reports whether a header can carry the key: ASCII characters without control
// characters, and no space at the ends.
func Sendable(key string) bool {
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return strings.TrimSpace(key) == key
}

func validOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Scheme != "" && u.Host != "" && u.Scheme+"://"+u.Host == origin
}
