package dburl

import (
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// defaultApplicationName is the application_name unless the URL sets another.
const defaultApplicationName = "openhands-server"

// unset is a connect timeout that a URL does not mention.
const unset time.Duration = -1

// The values of [PostgreSQLOptions.QueryMode]: the same words as in pgx's
// default_query_exec_mode, which says how statements are sent.
const (
	QueryModeExec           = "exec"
	QueryModeSimpleProtocol = "simple_protocol"
	QueryModeDescribeExec   = "describe_exec"
	QueryModeCacheDescribe  = "cache_describe"
	QueryModeCacheStatement = "cache_statement"
)

// PostgreSQLOptions has the options of a PostgreSQL URL.
type PostgreSQLOptions struct {
	// Settings holds libpq's keywords without secrets, such as sslmode. It does
	// not hold the keywords for hosts, user and database.
	Settings map[string]string
	// Runtime holds the parameters that the server sets for a session.
	Runtime map[string]string
	// SSLPassword decrypts the key of the client's certificate.
	SSLPassword Secret
	// CommandLine is the value of the startup parameter "options", a free text.
	CommandLine Secret
	// KeepAlive has the TCP keepalive settings of a connection.
	KeepAlive net.KeepAliveConfig
	// MinTLS is the lowest TLS version, as crypto/tls numbers them; 0 for any.
	MinTLS uint16
	// QueryMode is one of the QueryMode… constants.
	QueryMode string
	// HostAddrs has the address to connect to for each of the URL's hosts. The
	// hosts' names are then used only to verify certificates. Nil if the URL gives
	// no addresses.
	HostAddrs []string
	// LoadBalance is load_balance_hosts=random: each connection tries the hosts in
	// a random order.
	LoadBalance bool
	// TCPUserTimeout is how long sent data may stay unacknowledged before the
	// connection counts as lost; 0 uses the system's default.
	TCPUserTimeout time.Duration
	// CRL is the path of a PEM file of certificate revocation lists, or empty.
	CRL string
	// Service names a section of ServiceFile, or of ~/.pg_service.conf if
	// ServiceFile is empty: see [URL.WithService].
	Service, ServiceFile string
	// StatementsLimit is how many statements the driver caches, in the query modes
	// that cache statements.
	StatementsLimit int

	connectTimeout time.Duration // 0: no limit; unset: the configuration's
	// statementCache is the URL's own DATABASE_STATEMENT_CACHE_SIZE, or -1.
	statementCache int
}

// postgresReader reads the options of a PostgreSQL URL.
type postgresReader struct {
	*urlParts
	o PostgreSQLOptions
	// namedHosts and ports are those of the query.
	namedHosts []Host
	ports      []uint16
}

// readPostgresOptions translates the options of asyncpg, psycopg, pg8000, libpq and
// pgx. An option that names a part of the URL replaces that part.
func (p *urlParts) readPostgresOptions(query []urlOption) error {
	r := &postgresReader{urlParts: p, o: PostgreSQLOptions{
		Settings:        map[string]string{"sslmode": "prefer", "target_session_attrs": "any"},
		Runtime:         map[string]string{"application_name": defaultApplicationName},
		connectTimeout:  unset,
		KeepAlive:       net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 9},
		QueryMode:       QueryModeExec,
		StatementsLimit: 512,
		statementCache:  -1,
	}}
	known := optionTable{}
	for _, some := range []optionTable{r.server(), r.encryption(), r.network(), r.session(), r.statements()} {
		maps.Copy(known, some)
	}
	if err := known.read(PostgreSQL, query, "host"); err != nil {
		return err
	}
	if err := r.contradictions(); err != nil {
		return err
	}
	if err := r.placeHosts(); err != nil {
		return err
	}
	p.postgres = r.o
	return nil
}

// setting stores a value under libpq's name, if the value is one of accepted.
func (r *postgresReader) setting(name string, accepted ...string) func(string) error {
	return func(value string) error {
		if len(accepted) > 0 {
			if err := choice(&value, accepted...)(value); err != nil {
				return err
			}
		}
		r.o.Settings[name] = value
		return nil
	}
}

// runtime stores a parameter of the server's session.
func (r *postgresReader) runtime(name string) func(string) error {
	return func(value string) error {
		r.o.Runtime[name] = value
		return nil
	}
}

// server has the options that name the server and the user.
func (r *postgresReader) server() optionTable {
	o := &r.o
	return optionTable{
		"host": func(value string) error {
			more, err := parsePostgresHosts(value)
			r.namedHosts = append(r.namedHosts, more...)
			return err
		},
		"port":     r.readPorts,
		"user":     text(&r.user),
		"password": hidden(&r.password),
		"database": text(&r.database),
		"dbname":   text(&r.database),
		"passfile": r.setting("passfile"),
		"hostaddr": func(value string) error {
			o.HostAddrs = strings.Split(value, ",")
			for _, address := range o.HostAddrs {
				if _, err := netip.ParseAddr(address); err != nil {
					return errors.New("takes an IP address, or one for each host, separated by commas")
				}
			}
			return nil
		},
		"load_balance_hosts": func(value string) error {
			var word string
			err := choice(&word, "disable", "random")(value)
			o.LoadBalance = word == "random"
			return err
		},
		"target_session_attrs": r.setting("target_session_attrs", "any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
		"require_auth":         requireAuth(o.Settings),
		"service":              text(&o.Service),
		"servicefile": func(value string) error {
			if !strings.HasPrefix(value, "/") {
				return errors.New("takes the absolute path of a file")
			}
			o.ServiceFile = value
			return nil
		},
	}
}

// encryption has the options of TLS.
func (r *postgresReader) encryption() optionTable {
	o := &r.o
	mode := r.setting("sslmode", "disable", "allow", "prefer", "require", "verify-ca", "verify-full")
	return optionTable{
		"sslmode": mode,
		// asyncpg's word for sslmode. true is libpq's alias for require.
		"ssl": func(value string) error {
			if yes, err := parseBool(value); err == nil {
				value = "disable"
				if yes {
					value = "require"
				}
			}
			return mode(value)
		},
		"sslrootcert":    r.setting("sslrootcert"),
		"sslcert":        r.setting("sslcert"),
		"sslkey":         r.setting("sslkey"),
		"sslpassword":    hidden(&o.SSLPassword),
		"sslcertmode":    r.setting("sslcertmode", "disable", "allow", "require"),
		"sslcrl":         text(&o.CRL),
		"sslsni":         r.setting("sslsni", "0", "1"),
		"sslnegotiation": r.setting("sslnegotiation", "postgres", "direct"),
		"ssl_min_protocol_version": func(value string) error {
			var word string
			if err := choice(&word, "TLSv1.2", "TLSv1.3")(value); err != nil {
				return err
			}
			o.MinTLS = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}[word]
			return nil
		},
		"channel_binding": r.setting("channel_binding", "disable", "prefer", "require"),
		"gssencmode":      only("this driver does not encrypt by GSSAPI", "disable", "prefer"),
	}
}

// network has the options of the connection itself.
func (r *postgresReader) network() optionTable {
	o := &r.o
	return optionTable{
		"connect_timeout": seconds(&o.connectTimeout),
		"timeout":         seconds(&o.connectTimeout),
		"keepalives": func(value string) (err error) {
			o.KeepAlive.Enable, err = parseBool(value)
			return err
		},
		"keepalives_idle":     seconds(&o.KeepAlive.Idle),
		"keepalives_interval": seconds(&o.KeepAlive.Interval),
		"keepalives_count":    count(&o.KeepAlive.Count, 1000),
		"tcp_user_timeout": func(value string) error {
			var milliseconds int
			err := count(&milliseconds, 1<<31-1)(value)
			o.TCPUserTimeout = time.Duration(milliseconds) * time.Millisecond
			return err
		},
		"async_fallback": ignored,
	}
}

// session has the options that the server keeps for a session.
func (r *postgresReader) session() optionTable {
	o := &r.o
	limit := func(name string) func(string) error {
		return func(value string) error { return serverDuration(o.Runtime, name, value) }
	}
	return optionTable{
		"application_name": r.runtime("application_name"),
		"options":          hidden(&o.CommandLine),
		"search_path":      r.runtime("search_path"),
		"timezone":         r.runtime("timezone"),
		"client_encoding":  only("Go's strings are UTF-8", "utf8", "utf-8", "auto"),
		// How the server plans prepared statements. With auto, the default, it uses a
		// generic plan as soon as that costs no more than custom plans. Use
		// force_custom_plan for tables where the number of rows differs much between
		// values. SET LOCAL sets it for one unit of work.
		"plan_cache_mode": func(value string) error {
			var mode string
			if err := choice(&mode, "auto", "force_custom_plan", "force_generic_plan")(value); err != nil {
				return err
			}
			return r.runtime("plan_cache_mode")(mode)
		},
		"statement_timeout":                   limit("statement_timeout"),
		"lock_timeout":                        limit("lock_timeout"),
		"idle_in_transaction_session_timeout": limit("idle_in_transaction_session_timeout"),
		// asyncpg stops a command by itself; the server does it as well.
		"command_timeout": func(value string) error {
			var d time.Duration
			if err := seconds(&d)(value); err != nil {
				return err
			}
			o.Runtime["statement_timeout"] = strconv.FormatInt(max(d.Milliseconds(), min(1, int64(d))), 10)
			return nil
		},
	}
}

// statements has the options that say how statements are sent.
func (r *postgresReader) statements() optionTable {
	o := &r.o
	// How many statements are kept, by us or with default_query_exec_mode=cache_… by the
	// driver.
	kept := func(value string) error {
		err := count(&o.StatementsLimit, 1<<20)(value)
		if o.QueryMode == QueryModeExec {
			o.statementCache = o.StatementsLimit
		}
		return err
	}
	return optionTable{
		"default_query_exec_mode": func(value string) error {
			if err := choice(&o.QueryMode, QueryModeExec, QueryModeSimpleProtocol, QueryModeDescribeExec, QueryModeCacheDescribe, QueryModeCacheStatement)(value); err != nil {
				return err
			}
			o.statementCache = 0 // the mode decides for all statements
			return nil
		},
		"prepared_statement_cache_size": kept,
		"statement_cache_size":          kept,
		"statement_cache_capacity":      kept,
	}
}

// contradictions returns an error if options contradict each other.
func (r *postgresReader) contradictions() error {
	o := &r.o
	if o.StatementsLimit == 0 && (o.QueryMode == QueryModeCacheStatement || o.QueryMode == QueryModeCacheDescribe) {
		return errors.New("a statement cache of size 0 contradicts default_query_exec_mode: remove one of the two")
	}
	if (o.Settings["sslcert"] == "") != (o.Settings["sslkey"] == "") {
		return errors.New("options sslcert and sslkey need each other: give both or none")
	}
	if mode := o.Settings["sslmode"]; o.CRL != "" && mode != "verify-ca" && mode != "verify-full" && (mode != "require" || o.Settings["sslrootcert"] == "") {
		return errors.New("option \"sslcrl\" needs sslmode=verify-ca or sslmode=verify-full: no certificate is verified otherwise")
	}
	if o.ServiceFile != "" && o.Service == "" {
		return errors.New("option \"servicefile\" needs the option service, which names a section of the file")
	}
	return nil
}

// requireAuth parses libpq's list of the authentication methods that the client
// accepts, or with a ! before each of them, refuses.
func requireAuth(settings map[string]string) func(string) error {
	return func(value string) error {
		refuses := strings.HasPrefix(value, "!")
		for item := range strings.SplitSeq(value, ",") {
			method, negated := strings.CutPrefix(item, "!")
			if negated != refuses || !slices.Contains([]string{"password", "md5", "scram-sha-256", "none"}, method) {
				return errors.New("takes password, md5, scram-sha-256 and none, separated by commas, with ! before all of them or none")
			}
		}
		settings["require_auth"] = value
		return nil
	}
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
