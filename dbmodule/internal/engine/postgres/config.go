package postgres

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/credentials"
)

// Config returns the settings for pgx. The connect timeout is for each host
// and counts if the URL gives none. PG* variables, service files, ~/.pgpass and
// ~/.postgresql do not take part, though pgx reads them. Without a user it is
// the operating system's account; without a host, the local socket if there is
// one, otherwise localhost.
//
// Statements run in the exec mode: one round trip, nothing left on the
// server, and so safe behind a pooler that changes servers between
// transactions. The caller owns the result, which holds the password: it must
// not be printed.
func Config(u dburl.URL, connectTimeout time.Duration) (*pgx.ConnConfig, error) {
	if u.Engine() != dburl.PostgreSQL {
		return nil, errors.New("dbmodule: configure pgx: the URL is not PostgreSQL's")
	}
	o := u.PostgreSQL()

	name, err := credentials.Account(u)
	if err != nil {
		return nil, fmt.Errorf("dbmodule: configure pgx: %w", err)
	}
	config, err := parseSettings(keywords(u, name), o.SSLPassword)
	if err != nil {
		return nil, fmt.Errorf("dbmodule: configure pgx: %w", err)
	}

	// Replaced, since pgx also fills it from PGOPTIONS, PGTZ and PGAPPNAME.
	config.RuntimeParams = o.Runtime
	if !o.CommandLine.IsZero() {
		config.RuntimeParams["options"] = o.CommandLine.Reveal()
	}
	if !u.Password().IsZero() {
		config.Password = u.Password().Reveal()
	}
	config.ConnectTimeout = u.ConnectTimeout(connectTimeout)
	setDialer(config, u)
	if err := setTLS(config, o); err != nil {
		return nil, fmt.Errorf("dbmodule: configure pgx: %w", err)
	}
	config.DefaultQueryExecMode = queryMode(o.QueryMode)
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	switch config.DefaultQueryExecMode {
	case pgx.QueryExecModeCacheStatement:
		config.StatementCacheCapacity = o.StatementsLimit
	case pgx.QueryExecModeCacheDescribe:
		config.DescriptionCacheCapacity = o.StatementsLimit
	}
	return config, nil
}

// keywords returns libpq's keywords and their values for the URL.
func keywords(u dburl.URL, user string) map[string]string {
	servers := u.Hosts()
	hosts, ports := make([]string, len(servers)), make([]string, len(servers))
	for i, h := range servers {
		port := strconv.Itoa(int(h.Port))
		if h.Port == 0 {
			port = "5432"
		}
		if h.Name == "" {
			h.Name = localPostgres(port)
		}
		hosts[i], ports[i] = h.Name, port
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
	maps.Copy(settings, u.PostgreSQL().Settings)
	maps.Copy(settings, map[string]string{
		"host": strings.Join(hosts, ","), "port": strings.Join(ports, ","), "user": user, "dbname": u.Database(),
	})
	return settings
}

// setDialer has pgx connect as the URL says, within the connect timeout of config.
func setDialer(config *pgx.ConnConfig, u dburl.URL) {
	o, servers := u.PostgreSQL(), u.Hosts()
	dialer := &net.Dialer{Timeout: config.ConnectTimeout, KeepAliveConfig: o.KeepAlive}
	if !o.KeepAlive.Enable {
		dialer.KeepAlive = -1
	}
	if o.TCPUserTimeout > 0 {
		dialer.Control = userTimeout(o.TCPUserTimeout)
	}
	config.DialFunc = dialer.DialContext
	if o.HostAddrs != nil {
		config.LookupFunc = func(_ context.Context, host string) (addresses []string, err error) {
			for i, h := range servers {
				if h.Name == host {
					addresses = append(addresses, o.HostAddrs[i])
				}
			}
			return addresses, nil
		}
	}
}

// setTLS sets what pgx has no keyword for.
func setTLS(config *pgx.ConnConfig, o dburl.PostgreSQLOptions) error {
	var lists []*x509.RevocationList
	if o.CRL != "" {
		var err error
		if lists, err = readCRLs(o.CRL); err != nil {
			return err
		}
	}
	for _, c := range append([]*pgconn.FallbackConfig{{TLSConfig: config.TLSConfig}}, config.Fallbacks...) {
		if c.TLSConfig == nil {
			continue
		}
		if o.MinTLS != 0 {
			c.TLSConfig.MinVersion = o.MinTLS
		}
		if lists != nil {
			refuseRevoked(c.TLSConfig, lists)
		}
	}
	return nil
}

// shuffleHosts changes the order in which the hosts of a connection are tried.
// The attempts at one host, with TLS and without, stay together.
func shuffleHosts(config *pgx.ConnConfig) {
	attempts := []*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}
	var hosts [][]*pgconn.FallbackConfig
	for _, attempt := range append(attempts, config.Fallbacks...) {
		last := len(hosts) - 1
		if last >= 0 && hosts[last][0].Host == attempt.Host && hosts[last][0].Port == attempt.Port {
			hosts[last] = append(hosts[last], attempt)
		} else {
			hosts = append(hosts, []*pgconn.FallbackConfig{attempt})
		}
	}
	rand.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	attempts = slices.Concat(hosts...)
	config.Host, config.Port, config.TLSConfig = attempts[0].Host, attempts[0].Port, attempts[0].TLSConfig
	config.Fallbacks = attempts[1:]
}

// queryMode returns pgx's own value of a word of the URL.
func queryMode(word string) pgx.QueryExecMode {
	switch word {
	case dburl.QueryModeSimpleProtocol:
		return pgx.QueryExecModeSimpleProtocol
	case dburl.QueryModeDescribeExec:
		return pgx.QueryExecModeDescribeExec
	case dburl.QueryModeCacheDescribe:
		return pgx.QueryExecModeCacheDescribe
	case dburl.QueryModeCacheStatement:
		return pgx.QueryExecModeCacheStatement
	}
	return pgx.QueryExecModeExec
}

// parseSettings lets pgx make its configuration of libpq keywords.
func parseSettings(settings map[string]string, sslPassword dburl.Secret) (*pgx.ConnConfig, error) {
	options := pgx.ParseConfigOptions{ParseConfigOptions: pgconn.ParseConfigOptions{
		GetSSLPassword: func(context.Context) string { return sslPassword.Reveal() },
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
