package dbmodule

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlOptions is what a MySQL or MariaDB URL says beyond its parts.
type mysqlOptions struct {
	collation        string
	connectTimeout   time.Duration // 0: no limit; unset: the configuration's
	readTimeout      time.Duration // 0: no limit
	writeTimeout     time.Duration // 0: no limit
	maxAllowedPacket int           // 0: what the server says
	compress         bool
	programName      string
	tls              mysqlTLS
	variables        map[string]string // name → SQL expression
	// initCommand gives more of them, from free text; it may be nil.
	initCommand func() map[string]string
}

var errAlsoHosts = errors.New("can't be given beside several hosts: write host:port for each, before the database")

// The words of ssl_mode, the MySQL client's.
const (
	tlsDisabled       = "DISABLED"
	tlsPreferred      = "PREFERRED"
	tlsRequired       = "REQUIRED"
	tlsVerifyCA       = "VERIFY_CA"
	tlsVerifyIdentity = "VERIFY_IDENTITY"
)

type mysqlTLS struct {
	mode          string
	ca, cert, key string
	keyPassword   secret
}

// readMySQLOptions translates what aiomysql, asyncmy, PyMySQL, mysqlclient
// and go-sql-driver call their options, and lets those that name a part of
// the URL replace it.
func (p *urlParts) readMySQLOptions(query []urlOption) error {
	o := mysqlOptions{
		connectTimeout: unset,
		programName:    defaultApplicationName,
		variables: map[string]string{
			"time_zone": "'+00:00'",
			// The server's own mode and strictness, without the mode that
			// makes a backslash ordinary: Bun doubles backslashes in strings.
			"sql_mode": "REPLACE(CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'), 'NO_BACKSLASH_ESCAPES', '')",
		},
	}
	var socket, discard string
	var ssl, disabled, verifyCert, verifyIdentity, compress *bool
	strict := "writes that do not fit their column must fail"

	known := optionTable{
		"host": func(value string) error {
			h, err := parseHost(value, "host option", false)
			if err != nil {
				return errors.New("takes a host name or address, with or without :port")
			}
			if len(p.hosts) > 1 {
				return errAlsoHosts
			}
			if h.port == 0 {
				h.port = p.hosts[0].port
			}
			p.hosts = []hostPort{h}
			return nil
		},
		"port": func(value string) error {
			port, err := parsePort(value, "port option")
			if err != nil {
				return errors.New("takes a number from 1 to 65535")
			}
			if len(p.hosts) > 1 {
				return errAlsoHosts
			}
			p.hosts[0].port = port
			return nil
		},
		"unix_socket": func(value string) error {
			if !strings.HasPrefix(value, "/") {
				return errors.New("takes the absolute path of the server's socket, for example /run/mysqld/mysqld.sock")
			}
			if len(p.hosts) > 1 {
				return errAlsoHosts
			}
			socket = value
			return nil
		},
		"user":     text(&p.user),
		"password": hidden(&p.password),
		"passwd":   hidden(&p.password),
		"db":       text(&p.database),
		"database": text(&p.database),

		"charset": only("Go's strings are UTF-8", "utf8mb4", "utf8", "utf8mb3"),
		"collation": func(value string) error {
			if !strings.HasPrefix(value, "utf8mb4_") || !isWord(value) || strings.ContainsAny(value, "-.") {
				return errors.New("takes a collation of utf8mb4, for example utf8mb4_unicode_ci")
			}
			o.collation = value
			return nil
		},
		"use_unicode": only("text is always Unicode", "1", "true"),

		"connect_timeout":    seconds(&o.connectTimeout),
		"connection_timeout": seconds(&o.connectTimeout),
		"timeout":            duration(&o.connectTimeout),
		"read_timeout":       seconds(&o.readTimeout),
		"readTimeout":        duration(&o.readTimeout),
		"write_timeout":      seconds(&o.writeTimeout),
		"writeTimeout":       duration(&o.writeTimeout),
		"max_allowed_packet": count(&o.maxAllowedPacket, 1<<30),
		"compress":           flag(&compress),
		"program_name": func(value string) error {
			if strings.ContainsAny(value, ",:") {
				return errors.New("takes a name without commas and colons")
			}
			o.programName = value
			return nil
		},

		"ssl":                 flag(&ssl),
		"ssl_disabled":        flag(&disabled),
		"ssl_mode":            choice(&o.tls.mode, tlsDisabled, tlsPreferred, tlsRequired, tlsVerifyCA, tlsVerifyIdentity),
		"ssl_ca":              text(&o.tls.ca),
		"ssl_cert":            text(&o.tls.cert),
		"ssl_key":             text(&o.tls.key),
		"ssl_key_password":    hidden(&o.tls.keyPassword),
		"ssl_verify_cert":     flag(&verifyCert),
		"ssl_verify_identity": flag(&verifyIdentity),
		"ssl_check_hostname":  flag(&verifyIdentity),
		"tls": func(value string) error {
			var word string
			if err := choice(&word, "true", "false", "skip-verify", "preferred")(value); err != nil {
				return err
			}
			o.tls.mode = map[string]string{"true": tlsVerifyIdentity, "false": tlsDisabled, "skip-verify": tlsRequired, "preferred": tlsPreferred}[word]
			return nil
		},

		"sql_mode": func(value string) error {
			mode, err := strictMode(value)
			if err == nil {
				o.variables["sql_mode"] = mode
			}
			return err
		},
		"init_command": func(value string) error {
			variables, err := readInitCommand(value)
			if err == nil {
				o.initCommand = func() map[string]string { return variables }
			}
			return err
		},

		"autocommit":    choice(&discard, "true", "false", "1", "0"),
		"binary_prefix": choice(&discard, "true", "false", "1", "0"),
		"local_infile":  only("the server must not read this machine's files", "false", "0"),
		"parseTime":     only("times are always parsed", "true", "1"),
		"loc":           only("times are always UTC", "UTC"),
		"strict":        only(strict, "true", "1"),
	}
	if err := known.read(MySQL, query); err != nil {
		return err
	}
	if socket != "" {
		p.hosts[0] = hostPort{host: socket}
	}
	if (o.tls.cert == "") != (o.tls.key == "") {
		return errors.New("options ssl_cert and ssl_key need each other: give both or none")
	}
	o.compress = compress != nil && *compress
	o.tls.decide(ssl, disabled, verifyCert, verifyIdentity)
	p.mysql = o
	return nil
}

// decide finds the mode that PyMySQL's separate switches amount to, unless
// ssl_mode or tls said it: no TLS without any of them; with a CA, its
// certificate and the host's name are verified unless a switch says no;
// without one, the connection is encrypted and nothing is verified.
func (t *mysqlTLS) decide(ssl, disabled, verifyCert, verifyIdentity *bool) {
	is := func(b *bool, want bool) bool { return b != nil && *b == want }
	switch {
	case t.mode == tlsRequired && t.ca != "":
		t.mode = tlsVerifyCA // as the MySQL client does
	case t.mode != "":
	case is(ssl, false) || is(disabled, true):
		t.mode = tlsDisabled
	case t.ca == "" && t.cert == "" && ssl == nil && verifyCert == nil && verifyIdentity == nil:
		t.mode = tlsDisabled
	case is(verifyCert, false) && !is(verifyIdentity, true):
		t.mode = tlsRequired
	case is(verifyIdentity, true) || t.ca != "" && verifyIdentity == nil:
		t.mode = tlsVerifyIdentity
	case is(verifyCert, true) || t.ca != "":
		t.mode = tlsVerifyCA
	default:
		t.mode = tlsRequired
	}
}

// strictMode makes sql_mode's value a SQL literal that is strict for sure.
func strictMode(value string) (string, error) {
	words := strings.Split(strings.ToUpper(value), ",")
	strict := false
	for i, w := range words {
		words[i] = strings.TrimSpace(w)
		if !isWord(words[i]) || strings.ContainsAny(words[i], "-.") {
			return "", errors.New("takes the names of SQL modes, separated by commas, for example STRICT_ALL_TABLES,ANSI_QUOTES")
		}
		switch words[i] {
		case "NO_BACKSLASH_ESCAPES":
			return "", errors.New("cannot hold NO_BACKSLASH_ESCAPES: strings are sent with backslashes doubled")
		case "STRICT_TRANS_TABLES", "STRICT_ALL_TABLES", "TRADITIONAL":
			strict = true
		}
	}
	if !strict {
		words = append(words, "STRICT_TRANS_TABLES")
	}
	return "'" + strings.Join(words, ",") + "'", nil
}

// readInitCommand takes the one statement that the driver can send by itself:
// SET of session variables.
func readInitCommand(command string) (map[string]string, error) {
	wrong := errors.New("takes SET variable = value, …, for session variables; nothing else can be sent at connect")
	verb, list, _ := strings.Cut(strings.TrimRight(strings.TrimSpace(command), "; "), " ")
	if !strings.EqualFold(verb, "SET") {
		return nil, wrong
	}
	variables := map[string]string{}
	items, ok := splitTopLevel(list)
	if !ok {
		return nil, wrong
	}
	for _, item := range items {
		name, value, found := strings.Cut(item, "=")
		name = strings.ToLower(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), ":")))
		for _, prefix := range []string{"session ", "local ", "@@session.", "@@local.", "@@"} {
			name = strings.TrimSpace(strings.TrimPrefix(name, prefix))
		}
		value = strings.TrimSpace(value)
		if !found || value == "" || !isWord(name) || strings.ContainsAny(name, "-.") {
			return nil, wrong
		}
		switch name {
		case "time_zone":
			return nil, errors.New("cannot set time_zone: times are always UTC")
		case "sql_mode":
			mode, err := strictMode(strings.Trim(value, `'"`))
			if err != nil {
				return nil, errors.New("sets sql_mode to something else than a literal list of SQL modes: use the option sql_mode")
			}
			value = mode
		case "autocommit", "character_set_client", "character_set_connection", "character_set_results", "collation_connection":
			return nil, fmt.Errorf("cannot set %s: the driver relies on it", name)
		}
		variables[name] = value
	}
	return variables, nil
}

// splitTopLevel cuts at commas outside quotes and parentheses; not ok when
// either is left open, or when a second statement or a comment begins.
func splitTopLevel(list string) (items []string, ok bool) {
	var quote byte
	depth, start := 0, 0
	for i := 0; i < len(list); i++ {
		c := list[i]
		switch {
		case quote != 0:
			if c == '\\' {
				return nil, false
			}
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ';' || c == '#' || c == '`' || strings.HasPrefix(list[i:], "--") || strings.HasPrefix(list[i:], "/*") || depth < 0:
			return nil, false
		case c == ',' && depth == 0:
			items, start = append(items, list[start:i]), i+1
		}
	}
	return append(items, list[start:]), quote == 0 && depth == 0
}

// mysqlConfig returns the settings for go-sql-driver, from the URL and, when it
// has none, a connect timeout: utf8mb4 with the server's own collation of it, times in UTC on both sides,
// strict mode added to the server's, matching (not changed) rows counted,
// values put into the text here, so that no prepared statement stays on the
// server, and one statement a call. Packets are as large as the server takes.
// It reads the files that the ssl options name. The caller owns the result,
// which holds the password: it must not be printed.
//
// Of several hosts it is for the one of that index.
func (u URL) mysqlConfig(connectTimeout time.Duration, index int) (*mysql.Config, error) {
	if u.Engine() != MySQL {
		return nil, errors.New("dbmodule: configure MySQL driver: the URL is not MySQL's")
	}
	p, o := u.parts, u.parts.mysql

	name, err := p.account()
	if err != nil {
		return nil, fmt.Errorf("dbmodule: configure MySQL driver: %w", err)
	}
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = name, p.password.reveal(), p.database
	host := p.hosts[index]
	if host.host == "" {
		host.host = "localhost"
	}
	if strings.HasPrefix(host.host, "/") {
		c.Net, c.Addr = "unix", host.host
	} else {
		if host.port == 0 {
			host.port = 3306
		}
		c.Net, c.Addr = "tcp", net.JoinHostPort(host.host, strconv.Itoa(int(host.port)))
	}
	c.Loc, c.ParseTime = time.UTC, true
	c.Timeout, c.ReadTimeout, c.WriteTimeout = u.connectTimeout(connectTimeout), o.readTimeout, o.writeTimeout
	c.MaxAllowedPacket = o.maxAllowedPacket
	c.ClientFoundRows = true
	c.InterpolateParams = true
	c.MultiStatements = false
	c.ConnectionAttributes = "program_name:" + o.programName
	c.Params = maps.Clone(o.variables)
	if o.initCommand != nil {
		maps.Copy(c.Params, o.initCommand())
	}
	// Every error is returned too; the default logger writes to stderr.
	c.Logger = &mysql.NopLogger{}
	if err := c.Apply(mysql.Charset("utf8mb4", o.collation), mysql.EnableCompression(o.compress)); err != nil {
		return nil, errors.New("dbmodule: configure MySQL driver: the driver refused the settings")
	}
	if o.tls.mode != tlsDisabled {
		serverName := host.host
		if c.Net == "unix" {
			serverName = "localhost"
		}
		config, err := o.tls.config(serverName)
		if err != nil {
			return nil, fmt.Errorf("dbmodule: configure MySQL driver: %w", err)
		}
		c.TLS = config
		c.AllowFallbackToPlaintext = o.tls.mode == tlsPreferred
	}
	return c, nil
}

func (t mysqlTLS) config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if t.ca != "" {
		text, err := os.ReadFile(t.ca)
		if err != nil {
			return nil, fmt.Errorf("read ssl_ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("read ssl_ca: the file holds no PEM certificate")
		}
	}
	if t.cert != "" {
		certificate, err := t.clientCertificate()
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{certificate}
	}
	switch t.mode {
	case tlsPreferred, tlsRequired:
		c.InsecureSkipVerify = true
	case tlsVerifyCA:
		// The chain without the host's name: what Go verifies by itself is
		// both or nothing.
		c.InsecureSkipVerify = true
		roots := c.RootCAs
		c.VerifyConnection = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("the server sent no certificate")
			}
			options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
			for _, certificate := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(certificate)
			}
			_, err := state.PeerCertificates[0].Verify(options)
			return err
		}
	}
	return c, nil
}

func (t mysqlTLS) clientCertificate() (tls.Certificate, error) {
	var none tls.Certificate
	certificate, err := os.ReadFile(t.cert)
	if err != nil {
		return none, fmt.Errorf("read ssl_cert: %w", err)
	}
	key, err := os.ReadFile(t.key)
	if err != nil {
		return none, fmt.Errorf("read ssl_key: %w", err)
	}
	if block, _ := pem.Decode(key); block != nil && x509.IsEncryptedPEMBlock(block) { //nolint:staticcheck // the format that ssl_key_password is for
		plain, err := x509.DecryptPEMBlock(block, []byte(t.keyPassword.reveal())) //nolint:staticcheck // as above
		if err != nil {
			return none, errors.New("read ssl_key: ssl_key_password does not decrypt it")
		}
		key = pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: plain})
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return none, fmt.Errorf("read ssl_cert and ssl_key: %w", err)
	}
	return pair, nil
}
