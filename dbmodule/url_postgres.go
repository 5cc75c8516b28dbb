package dbmodule

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// defaultApplicationName is what servers are told unless the URL says else.
const defaultApplicationName = "openhands-server"

const (
	defaultConnectTimeout = 10 * time.Second
	// unset is a connect timeout that a URL does not mention.
	unset time.Duration = -1
)

// postgresOptions is what a PostgreSQL URL says beyond its parts.
type postgresOptions struct {
	settings    map[string]string // libpq keywords without secrets
	runtime     map[string]string // parameters the server sets for a session
	sslPassword secret
	commandLine secret // the server's options parameter, which is free text

	connectTimeout  time.Duration // 0: no limit; unset: the configuration's
	keepAlive       net.KeepAliveConfig
	minTLS          uint16
	queryMode       pgx.QueryExecMode
	statementsLimit int
	// statementCache is DATABASE_STATEMENT_CACHE_SIZE by the URL, -1 without.
	statementCache int
}

// readPostgresOptions translates what asyncpg, psycopg, pg8000, libpq and pgx
// call their options, and lets those that name a part of the URL replace it.
func (p *urlParts) readPostgresOptions(query []urlOption) error {
	o := postgresOptions{
		settings:        map[string]string{"sslmode": "prefer", "target_session_attrs": "any"},
		runtime:         map[string]string{"application_name": defaultApplicationName},
		connectTimeout:  unset,
		keepAlive:       net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 9},
		queryMode:       pgx.QueryExecModeExec,
		statementsLimit: 512,
		statementCache:  -1,
	}
	var hosts []hostPort
	var ports []uint16

	statements := func(value string) error {
		err := count(&o.statementsLimit, 1<<20)(value)
		if o.queryMode == pgx.QueryExecModeExec {
			o.statementCache = o.statementsLimit
		}
		return err
	}
	setting := func(name string, accepted ...string) func(string) error {
		return func(value string) error {
			if len(accepted) > 0 {
				if err := choice(&value, accepted...)(value); err != nil {
					return err
				}
			}
			o.settings[name] = value
			return nil
		}
	}
	runtime := func(name string) func(string) error {
		return func(value string) error {
			o.runtime[name] = value
			return nil
		}
	}
	modes := []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}

	known := optionTable{
		"host": func(value string) error {
			more, err := parsePostgresHosts(value)
			hosts = append(hosts, more...)
			return err
		},
		"port": func(value string) error {
			for item := range strings.SplitSeq(value, ",") {
				port, err := parsePort(item, "port option")
				if err != nil {
					return errors.New("takes a number from 1 to 65535, or one for each host, separated by commas")
				}
				ports = append(ports, port)
			}
			return nil
		},
		"user":     text(&p.user),
		"password": hidden(&p.password),
		"database": text(&p.database),
		"dbname":   text(&p.database),
		"passfile": setting("passfile"),

		"sslmode": setting("sslmode", modes...),
		// asyncpg's word for sslmode. true is libpq's alias for require.
		"ssl": func(value string) error {
			if yes, err := parseBool(value); err == nil {
				value = "disable"
				if yes {
					value = "require"
				}
			}
			return setting("sslmode", modes...)(value)
		},
		"sslrootcert":    setting("sslrootcert"),
		"sslcert":        setting("sslcert"),
		"sslkey":         setting("sslkey"),
		"sslpassword":    hidden(&o.sslPassword),
		"sslcertmode":    setting("sslcertmode", "disable", "allow", "require"),
		"sslsni":         setting("sslsni", "0", "1"),
		"sslnegotiation": setting("sslnegotiation", "postgres", "direct"),
		"ssl_min_protocol_version": func(value string) error {
			var word string
			if err := choice(&word, "TLSv1.2", "TLSv1.3")(value); err != nil {
				return err
			}
			o.minTLS = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}[word]
			return nil
		},
		"channel_binding": setting("channel_binding", "disable", "prefer", "require"),
		"gssencmode":      only("this driver does not encrypt by GSSAPI", "disable", "prefer"),

		"target_session_attrs": setting("target_session_attrs", "any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
		"connect_timeout":      seconds(&o.connectTimeout),
		"timeout":              seconds(&o.connectTimeout),
		"keepalives": func(value string) (err error) {
			o.keepAlive.Enable, err = parseBool(value)
			return err
		},
		"keepalives_idle":     seconds(&o.keepAlive.Idle),
		"keepalives_interval": seconds(&o.keepAlive.Interval),
		"keepalives_count":    count(&o.keepAlive.Count, 1000),

		"application_name": runtime("application_name"),
		"options":          hidden(&o.commandLine),
		"search_path":      runtime("search_path"),
		"timezone":         runtime("timezone"),
		"client_encoding":  only("Go's strings are UTF-8", "utf8", "utf-8", "auto"),
		"statement_timeout": func(value string) error {
			return serverDuration(o.runtime, "statement_timeout", value)
		},
		"lock_timeout": func(value string) error {
			return serverDuration(o.runtime, "lock_timeout", value)
		},
		"idle_in_transaction_session_timeout": func(value string) error {
			return serverDuration(o.runtime, "idle_in_transaction_session_timeout", value)
		},
		// asyncpg stops a command by itself; the server does it as well.
		"command_timeout": func(value string) error {
			var d time.Duration
			if err := seconds(&d)(value); err != nil {
				return err
			}
			o.runtime["statement_timeout"] = strconv.FormatInt(max(d.Milliseconds(), min(1, int64(d))), 10)
			return nil
		},

		"default_query_exec_mode": func(value string) error {
			var word string
			if err := choice(&word, "exec", "simple_protocol", "describe_exec", "cache_describe", "cache_statement")(value); err != nil {
				return err
			}
			o.queryMode = map[string]pgx.QueryExecMode{
				"exec":            pgx.QueryExecModeExec,
				"simple_protocol": pgx.QueryExecModeSimpleProtocol,
				"describe_exec":   pgx.QueryExecModeDescribeExec,
				"cache_describe":  pgx.QueryExecModeCacheDescribe,
				"cache_statement": pgx.QueryExecModeCacheStatement,
			}[word]
			o.statementCache = 0 // the mode decides for all statements
			return nil
		},
		// How many statements are kept, by us or with
		// default_query_exec_mode=cache_… by the driver.
		"prepared_statement_cache_size": statements,
		"statement_cache_size":          statements,
		"statement_cache_capacity":      statements,
		"async_fallback":                ignored,
	}
	if err := known.read(PostgreSQL, query, "host"); err != nil {
		return err
	}
	if o.statementsLimit == 0 && (o.queryMode == pgx.QueryExecModeCacheStatement || o.queryMode == pgx.QueryExecModeCacheDescribe) {
		return errors.New("a statement cache of size 0 contradicts default_query_exec_mode: remove one of the two")
	}
	if (o.settings["sslcert"] == "") != (o.settings["sslkey"] == "") {
		return errors.New("options sslcert and sslkey need each other: give both or none")
	}
	if hosts != nil {
		// The authority's port serves a host that the query names alone.
		if len(hosts) == 1 && hosts[0].port == 0 && len(p.hosts) == 1 && ports == nil {
			hosts[0].port = p.hosts[0].port
		}
		p.hosts = hosts
	}
	if ports != nil {
		if slices.ContainsFunc(hosts, func(h hostPort) bool { return h.port != 0 }) {
			return errors.New("option \"port\" and a port in option \"host\" contradict each other: keep one")
		}
		if len(ports) > 1 && len(ports) != len(p.hosts) {
			return fmt.Errorf("option \"port\" has %d ports for %d hosts: give one, or one for each host", len(ports), len(p.hosts))
		}
		for i := range p.hosts {
			p.hosts[i].port = ports[min(i, len(ports)-1)]
		}
	}
	p.postgres = o
	return nil
}

// parsePostgresHosts reads the host option: names, name:port items, or unix
// socket directories, separated by commas. asyncpg also takes the path of the
// socket itself.
func parsePostgresHosts(value string) ([]hostPort, error) {
	var hosts []hostPort
	for item := range strings.SplitSeq(value, ",") {
		if !strings.HasPrefix(item, "/") {
			h, err := parseHost(item, "host option", false)
			if err != nil {
				return nil, errors.New("takes a host, host:port, [IPv6]:port or the directory of a unix socket; several are separated by commas")
			}
			hosts = append(hosts, h)
			continue
		}
		h := hostPort{host: item}
		if dir, port, found := strings.Cut(item, "/.s.PGSQL."); found {
			n, err := parsePort(port, "socket")
			if err != nil {
				return nil, errors.New("takes a socket's directory, or a path that ends in /.s.PGSQL.<port>")
			}
			h = hostPort{host: dir, port: n}
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

// serverDuration stores a duration as PostgreSQL writes one: milliseconds, or
// a number with a unit.
func serverDuration(runtime map[string]string, name, value string) error {
	unit := strings.TrimLeft(value, "0123456789")
	if len(unit) == len(value) || !slices.Contains([]string{"", "us", "ms", "s", "min", "h", "d"}, unit) {
		return errors.New("takes a number of milliseconds, or a number with one of the units us, ms, s, min, h, d")
	}
	runtime[name] = value
	return nil
}

// pgxConfig returns the settings for pgx, from the URL and, when it has none,
// a connect timeout for each host. PG* variables, service files, ~/.pgpass and ~/.postgresql do not take part, though pgx
// reads them. Without a user it is the operating system's account; without a
// host, the local socket if there is one, otherwise localhost.
//
// Statements run in the exec mode: one round trip, nothing left on the
// server, and so safe behind a pooler that changes servers between
// transactions. The caller owns the result, which holds the password: it must
// not be printed.
func (u URL) pgxConfig(connectTimeout time.Duration) (*pgx.ConnConfig, error) {
	if u.Engine() != PostgreSQL {
		return nil, errors.New("dbmodule: configure pgx: the URL is not PostgreSQL's")
	}
	p, o := u.parts, u.parts.postgres

	name, err := p.account()
	if err != nil {
		return nil, fmt.Errorf("dbmodule: configure pgx: %w", err)
	}
	hosts, ports := make([]string, len(p.hosts)), make([]string, len(p.hosts))
	for i, h := range p.hosts {
		port := strconv.Itoa(int(h.port))
		if h.port == 0 {
			port = "5432"
		}
		if h.host == "" {
			h.host = localPostgres(port)
		}
		hosts[i], ports[i] = h.host, port
	}

	// Every keyword that a PG* variable can set is set here, so that none of
	// them takes effect. The secrets are added afterwards: pgx keeps this
	// text and puts it in its errors.
	settings := map[string]string{
		"passfile": "", "password": "", "sslpassword": "",
		"sslcert": "", "sslkey": "", "sslrootcert": "", "sslcertmode": "allow", "sslsni": "1", "sslnegotiation": "postgres",
		"connect_timeout": "0", "channel_binding": "prefer", "require_auth": "",
		"min_protocol_version": "", "max_protocol_version": "",
	}
	maps.Copy(settings, o.settings)
	maps.Copy(settings, map[string]string{
		"host": strings.Join(hosts, ","), "port": strings.Join(ports, ","), "user": name, "dbname": p.database,
	})
	config, err := parsePgxSettings(settings, o.sslPassword)
	if err != nil {
		return nil, fmt.Errorf("dbmodule: configure pgx: %w", err)
	}

	// Replaced, since pgx also fills it from PGOPTIONS, PGTZ and PGAPPNAME.
	config.RuntimeParams = maps.Clone(o.runtime)
	if o.commandLine != nil {
		config.RuntimeParams["options"] = o.commandLine.reveal()
	}
	if p.password != nil {
		config.Password = p.password.reveal()
	}
	config.ConnectTimeout = u.connectTimeout(connectTimeout)
	dialer := &net.Dialer{Timeout: config.ConnectTimeout, KeepAliveConfig: o.keepAlive}
	if !o.keepAlive.Enable {
		dialer.KeepAlive = -1
	}
	config.DialFunc = dialer.DialContext
	if o.minTLS != 0 {
		for _, c := range append([]*pgconn.FallbackConfig{{TLSConfig: config.TLSConfig}}, config.Fallbacks...) {
			if c.TLSConfig != nil {
				c.TLSConfig.MinVersion = o.minTLS
			}
		}
	}
	config.DefaultQueryExecMode = o.queryMode
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	switch o.queryMode {
	case pgx.QueryExecModeCacheStatement:
		config.StatementCacheCapacity = o.statementsLimit
	case pgx.QueryExecModeCacheDescribe:
		config.DescriptionCacheCapacity = o.statementsLimit
	}
	return config, nil
}

// parsePgxSettings lets pgx make its configuration of libpq keywords.
func parsePgxSettings(settings map[string]string, sslPassword secret) (*pgx.ConnConfig, error) {
	options := pgx.ParseConfigOptions{ParseConfigOptions: pgconn.ParseConfigOptions{
		GetSSLPassword: func(context.Context) string { return sslPassword.reveal() },
	}}
	config, err := pgx.ParseConfigWithOptions(keywordValues(settings), options)
	if err == nil {
		return config, nil
	}
	// PGSERVICE is the one variable that no keyword switches off: pgx then
	// wants a service file, and stops without one. Give it an empty service
	// of ours, beneath the settings, and see whether that was the reason.
	if file, fileErr := emptyServiceFile(); fileErr == nil {
		defer func() { _ = os.Remove(file) }() // left behind, it is an empty service
		settings = maps.Clone(settings)
		settings["service"], settings["servicefile"] = emptyService, file
		if config, err = pgx.ParseConfigWithOptions(keywordValues(settings), options); err == nil {
			return config, nil
		}
	}
	// Only the cause: the error itself repeats the settings.
	if cause := errors.Unwrap(err); cause != nil {
		return nil, cause
	}
	return nil, errors.New("the driver refused the settings")
}

const emptyService = "none"

func emptyServiceFile() (string, error) {
	f, err := os.CreateTemp("", "pg_service-*.conf")
	if err != nil {
		return "", err
	}
	_, err = f.WriteString("[" + emptyService + "]\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// keywordValues writes libpq's keyword = 'value' form.
func keywordValues(settings map[string]string) string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	items := make([]string, 0, len(settings))
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		items = append(items, name+"='"+quote.Replace(settings[name])+"'")
	}
	return strings.Join(items, " ")
}

// localPostgres returns the directory of the local server's socket, looked
// for where asyncpg and libpq look, or localhost.
func localPostgres(port string) string {
	for _, dir := range []string{"/run/postgresql", "/var/run/postgresql", "/var/pgsql_socket", "/private/tmp", "/tmp"} {
		if info, err := os.Stat(filepath.Join(dir, ".s.PGSQL."+port)); err == nil && info.Mode()&os.ModeSocket != 0 {
			return dir
		}
	}
	return "localhost"
}
