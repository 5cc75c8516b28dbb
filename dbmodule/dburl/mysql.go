package dburl

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// MySQLOptions has the options of a MySQL or MariaDB URL.
type MySQLOptions struct {
	// Collation is the connection's collation; empty for the server's default.
	Collation string
	// ReadTimeout and WriteTimeout limit each read and write of the
	// connection; 0 is no limit.
	ReadTimeout, WriteTimeout time.Duration
	// MaxAllowedPacket is in bytes; 0 uses the server's value.
	MaxAllowedPacket int
	// Compress turns compression of the connection on.
	Compress bool
	// ProgramName is the program's name that the client sends to the server.
	ProgramName string
	// TLS says how the connection is encrypted.
	TLS MySQLTLS
	// ClearPassword allows the client to send the password as clear text. Servers
	// that pass it to PAM or LDAP ask for that.
	ClearPassword bool
	// Variables are the session variables to set at connect: names and SQL
	// expressions.
	Variables map[string]string
	// InitCommand returns more session variables, from the option init_command.
	// Their values may hold secrets. InitCommand is nil if there are none.
	InitCommand func() map[string]string

	connectTimeout time.Duration // 0: no limit; unset: the configuration's
}

var errAlsoHosts = errors.New("can't be given beside several hosts: write host:port for each, before the database")

// clearPassword is the plugin that sends the password as it is.
const clearPassword = "mysql_clear_password"

// The values of [MySQLTLS.Mode]: the same words as in the MySQL client's
// ssl-mode.
const (
	TLSDisabled       = "DISABLED"
	TLSPreferred      = "PREFERRED"
	TLSRequired       = "REQUIRED"
	TLSVerifyCA       = "VERIFY_CA"
	TLSVerifyIdentity = "VERIFY_IDENTITY"
)

// MySQLTLS says how a connection is encrypted and what is verified.
type MySQLTLS struct {
	// Mode is one of the TLS… constants.
	Mode string
	// CA, Cert and Key are paths of PEM files, or empty.
	CA, Cert, Key string
	// KeyPassword decrypts the file Key.
	KeyPassword Secret
}

// mysqlReader reads the options of a MySQL URL.
type mysqlReader struct {
	*urlParts
	o                                                MySQLOptions
	socket, authPlugin                               string
	ssl, disabled, verifyCert, verifyIdent, compress *bool
}

// readMySQLOptions translates the options of aiomysql, asyncmy, PyMySQL,
// mysqlclient and go-sql-driver. An option that names a part of the URL replaces
// that part.
func (p *urlParts) readMySQLOptions(query []urlOption) error {
	r := &mysqlReader{urlParts: p, o: MySQLOptions{
		connectTimeout: unset,
		ProgramName:    defaultApplicationName,
		Variables: map[string]string{
			"time_zone": "'+00:00'",
			// The server's own mode with strict mode, but without the mode in which
			// a backslash is an ordinary character: Bun doubles backslashes in strings.
			"sql_mode": "REPLACE(CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'), 'NO_BACKSLASH_ESCAPES', '')",
		},
	}}
	known := optionTable{}
	for _, some := range []optionTable{r.server(), r.network(), r.encryption(), r.session()} {
		maps.Copy(known, some)
	}
	if err := known.read(MySQL, query); err != nil {
		return err
	}
	if r.socket != "" {
		p.hosts[0] = Host{Name: r.socket}
	}
	o := &r.o
	if (o.TLS.Cert == "") != (o.TLS.Key == "") {
		return errors.New("options ssl_cert and ssl_key need each other: give both or none")
	}
	o.Compress = r.compress != nil && *r.compress
	o.TLS.decide(r.ssl, r.disabled, r.verifyCert, r.verifyIdent)
	if o.ClearPassword = r.authPlugin == clearPassword; o.ClearPassword && r.socket == "" && (o.TLS.Mode == TLSDisabled || o.TLS.Mode == TLSPreferred) {
		return errors.New("option \"auth_plugin\" sends the password as it is, and the connection may not be encrypted: add ssl_mode=VERIFY_IDENTITY, or another mode that encrypts")
	}
	p.mysql = r.o
	return nil
}

// ofOneHost calls set to replace a part of the URL's only host.
func (r *mysqlReader) ofOneHost(set func(h *Host, value string) error) func(string) error {
	return func(value string) error {
		h := r.hosts[0]
		if err := set(&h, value); err != nil {
			return err
		}
		if len(r.hosts) > 1 {
			return errAlsoHosts
		}
		r.hosts = []Host{h}
		return nil
	}
}

// server has the options that name the server and the user.
func (r *mysqlReader) server() optionTable {
	return optionTable{
		"host": r.ofOneHost(func(h *Host, value string) error {
			given, err := parseHost(value, "host option", false)
			if err != nil {
				return errors.New("takes a host name or address, with or without :port")
			}
			h.Name, h.Port = given.Name, cmp.Or(given.Port, h.Port)
			return nil
		}),
		"port": r.ofOneHost(func(h *Host, value string) (err error) {
			if h.Port, err = parsePort(value, "port option"); err != nil {
				return errors.New("takes a number from 1 to 65535")
			}
			return nil
		}),
		"unix_socket": r.ofOneHost(func(_ *Host, value string) error {
			if !strings.HasPrefix(value, "/") {
				return errors.New("takes the absolute path of the server's socket, for example /run/mysqld/mysqld.sock")
			}
			r.socket = value
			return nil
		}),
		"user":     text(&r.user),
		"password": hidden(&r.password),
		"passwd":   hidden(&r.password),
		"db":       text(&r.database),
		"database": text(&r.database),
		// The server says how it wants the password, and the driver follows. Only
		// the plugin that sends the password itself has to be allowed.
		"auth_plugin": choice(&r.authPlugin, "mysql_native_password", "caching_sha2_password", "sha256_password", "client_ed25519", clearPassword),
	}
}

// network has the options of the connection itself.
func (r *mysqlReader) network() optionTable {
	o := &r.o
	return optionTable{
		"connect_timeout":    seconds(&o.connectTimeout),
		"connection_timeout": seconds(&o.connectTimeout),
		"timeout":            duration(&o.connectTimeout),
		"read_timeout":       seconds(&o.ReadTimeout),
		"readTimeout":        duration(&o.ReadTimeout),
		"write_timeout":      seconds(&o.WriteTimeout),
		"writeTimeout":       duration(&o.WriteTimeout),
		"max_allowed_packet": count(&o.MaxAllowedPacket, 1<<30),
		"compress":           flag(&r.compress),
		"no_delay":           only("TCP's delay is always off", "true", "1"),
	}
}

// encryption has the options of TLS.
func (r *mysqlReader) encryption() optionTable {
	o := &r.o
	return optionTable{
		"ssl":                 flag(&r.ssl),
		"ssl_disabled":        flag(&r.disabled),
		"ssl_mode":            choice(&o.TLS.Mode, TLSDisabled, TLSPreferred, TLSRequired, TLSVerifyCA, TLSVerifyIdentity),
		"ssl_ca":              text(&o.TLS.CA),
		"ssl_cert":            text(&o.TLS.Cert),
		"ssl_key":             text(&o.TLS.Key),
		"ssl_key_password":    hidden(&o.TLS.KeyPassword),
		"ssl_verify_cert":     flag(&r.verifyCert),
		"ssl_verify_identity": flag(&r.verifyIdent),
		"ssl_check_hostname":  flag(&r.verifyIdent),
		"tls": func(value string) error {
			var word string
			if err := choice(&word, "true", "false", "skip-verify", "preferred")(value); err != nil {
				return err
			}
			o.TLS.Mode = map[string]string{"true": TLSVerifyIdentity, "false": TLSDisabled, "skip-verify": TLSRequired, "preferred": TLSPreferred}[word]
			return nil
		},
	}
}

// session has the options of how server and driver read and write values.
func (r *mysqlReader) session() optionTable {
	o := &r.o
	var discard string
	return optionTable{
		"charset": only("Go's strings are UTF-8", "utf8mb4", "utf8", "utf8mb3"),
		"collation": func(value string) error {
			if !strings.HasPrefix(value, "utf8mb4_") || !isWord(value) || strings.ContainsAny(value, "-.") {
				return errors.New("takes a collation of utf8mb4, for example utf8mb4_unicode_ci")
			}
			o.Collation = value
			return nil
		},
		"use_unicode": only("text is always Unicode", "1", "true"),
		"program_name": func(value string) error {
			if strings.ContainsAny(value, ",:") {
				return errors.New("takes a name without commas and colons")
			}
			o.ProgramName = value
			return nil
		},
		"sql_mode": func(value string) error {
			mode, err := strictMode(value)
			if err == nil {
				o.Variables["sql_mode"] = mode
			}
			return err
		},
		"init_command": func(value string) error {
			variables, err := readInitCommand(value)
			if err == nil {
				o.InitCommand = func() map[string]string { return variables }
			}
			return err
		},
		"autocommit":    choice(&discard, "true", "false", "1", "0"),
		"binary_prefix": choice(&discard, "true", "false", "1", "0"),
		"local_infile":  only("the server must not read this machine's files", "false", "0"),
		"parseTime":     only("times are always parsed", "true", "1"),
		"loc":           only("times are always UTC", "UTC"),
		"strict":        only("writes that do not fit their column must fail", "true", "1"),
	}
}

// decide derives the mode from PyMySQL's separate switches, unless ssl_mode or tls
// sets it. Without any switch there is no TLS. With a CA, certificate and host name
// are verified unless a switch turns that off. Without a CA the connection is
// encrypted, but nothing is verified.
func (t *MySQLTLS) decide(ssl, disabled, verifyCert, verifyIdentity *bool) {
	is := func(b *bool, want bool) bool { return b != nil && *b == want }
	switch {
	case t.Mode == TLSRequired && t.CA != "":
		t.Mode = TLSVerifyCA // as the MySQL client does
	case t.Mode != "":
	case is(ssl, false) || is(disabled, true):
		t.Mode = TLSDisabled
	case t.CA == "" && t.Cert == "" && ssl == nil && verifyCert == nil && verifyIdentity == nil:
		t.Mode = TLSDisabled
	case is(verifyCert, false) && !is(verifyIdentity, true):
		t.Mode = TLSRequired
	case is(verifyIdentity, true) || t.CA != "" && verifyIdentity == nil:
		t.Mode = TLSVerifyIdentity
	case is(verifyCert, true) || t.CA != "":
		t.Mode = TLSVerifyCA
	default:
		t.Mode = TLSRequired
	}
}

// strictMode returns the value of sql_mode as a SQL literal that includes a strict
// mode.
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

// readInitCommand parses the only statement that the driver can send at connect:
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

// splitTopLevel splits list at commas outside quotes and parentheses. ok is false
// if a quote or parenthesis is not closed, or if a second statement or a comment
// begins.
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
