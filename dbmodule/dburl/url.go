package dburl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

// URL says which database to use and how to connect to it. [ParseURL] makes one
// from SQLAlchemy's form; the zero value means "not set".
//
// A URL is immutable and may be used from several goroutines. Printed, encoded or
// logged it shows *** in place of its password, of every option that is a secret,
// and of every free text that could hold a secret. Only [Secret.Reveal] returns
// such a text.
type URL struct {
	// A pointer, so that printing a struct that holds a URL in an unexported
	// field, where fmt can call no method, shows an address.
	parts *urlParts
}

type urlParts struct {
	// invalid is why the text is no URL; the other fields are then empty. See Decode.
	invalid error
	// raw is the text that was read, and options are the names of its options,
	// where WithService needs them.
	raw     Secret
	options []string

	engine   Engine
	masked   string
	user     string
	password Secret
	hosts    []Host
	database string

	sqlite   SQLiteOptions
	postgres PostgreSQLOptions
	mysql    MySQLOptions
}

// Host is one server of a URL.
type Host struct {
	// Name is a host's name, an IP address without brackets, or the absolute
	// path of a unix socket (for PostgreSQL: of its directory). It is empty if
	// the URL names no host.
	Name string
	// Port is 0 for the engine's default port.
	Port uint16
}

const mask = "***"

// IsZero reports whether u is the zero URL, which names no database.
func (u URL) IsZero() bool { return u.parts == nil }

// Engine returns the engine that u names, "" for the zero URL.
func (u URL) Engine() Engine {
	if u.parts == nil {
		return ""
	}
	return u.parts.engine
}

// Database returns the decoded name of the database, or "" if the URL gives none
// (PostgreSQL then uses the database that has the user's name). For SQLite it
// returns the file's path, or ":memory:".
func (u URL) Database() string {
	if u.parts == nil {
		return ""
	}
	return u.parts.database
}

// Memory reports whether u names an in-memory SQLite database.
func (u URL) Memory() bool { return u.parts != nil && u.parts.sqlite.Memory }

// Path returns the SQLite file's path as the URL gives it, relative or
// absolute; "" for an in-memory database and for the other engines.
func (u URL) Path() string {
	if u.parts == nil {
		return ""
	}
	return u.parts.sqlite.Path
}

// String returns the URL's text with *** in place of the password and of other
// secrets.
func (u URL) String() string {
	if u.parts == nil {
		return ""
	}
	return u.parts.masked
}

// GoString returns what %#v prints. It masks secrets as [URL.String] does.
func (u URL) GoString() string { return fmt.Sprintf("dbmodule.URL(%q)", u.String()) }

// Format prints u for every verb, with its secrets masked.
func (u URL) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		_, _ = io.WriteString(f, u.GoString()) // a fmt.State keeps no error
		return
	}
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), u.String())
}

// MarshalText returns what [URL.String] returns. If u has a password, the text
// has lost it, so [URL.UnmarshalText] does not give u back.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// MarshalJSON returns what [URL.String] returns, as a JSON string.
func (u URL) MarshalJSON() ([]byte, error) { return json.Marshal(u.String()) }

// MarshalLogObject adds the engine and the masked URL to a zap log entry.
func (u URL) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddString("engine", string(u.Engine()))
	enc.AddString("url", u.String())
	return nil
}

// UnmarshalText parses text with [ParseURL] and sets u to the result. If ParseURL
// fails, u stays unchanged and UnmarshalText returns its error, which does not
// quote text.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := ParseURL(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}

// Decode is [URL.UnmarshalText] for envconfig. An error of envconfig quotes the
// value, password included. So Decode returns no error if the text is not a valid
// URL: u keeps the reason, and [URL.Invalid] returns it without the text. Decode
// returns an error only for an empty text.
func (u *URL) Decode(text string) error {
	err := u.UnmarshalText([]byte(text))
	if err == nil || text == "" {
		return err
	}
	*u = URL{parts: &urlParts{invalid: errors.Unwrap(err), masked: "(invalid)"}}
	return nil
}

// User returns the user name to log in with, or "" if the URL gives none.
func (u URL) User() string {
	if u.parts == nil {
		return ""
	}
	return u.parts.user
}

// Password returns the password to log in with.
func (u URL) Password() Secret {
	if u.parts == nil {
		return Secret{}
	}
	return u.parts.password
}

// Hosts returns the servers of a PostgreSQL or MySQL URL, in the order of the
// URL. There is at least one. Hosts returns nil for SQLite.
func (u URL) Hosts() []Host {
	if u.parts == nil {
		return nil
	}
	return slices.Clone(u.parts.hosts)
}

// SQLite returns the options of a SQLite URL; the zero value for others.
func (u URL) SQLite() SQLiteOptions {
	if u.parts == nil {
		return SQLiteOptions{}
	}
	return u.parts.sqlite
}

// PostgreSQL returns the options of a PostgreSQL URL; the zero value for
// others. Its maps and its slice are copies, which the caller may change.
func (u URL) PostgreSQL() PostgreSQLOptions {
	if u.parts == nil {
		return PostgreSQLOptions{}
	}
	o := u.parts.postgres
	o.Settings, o.Runtime, o.HostAddrs = maps.Clone(o.Settings), maps.Clone(o.Runtime), slices.Clone(o.HostAddrs)
	return o
}

// MySQL returns the options of a MySQL or MariaDB URL; the zero value for
// others. Variables is a copy, which the caller may change.
func (u URL) MySQL() MySQLOptions {
	if u.parts == nil {
		return MySQLOptions{}
	}
	o := u.parts.mysql
	o.Variables = maps.Clone(o.Variables)
	return o
}

// StatementCache returns how many prepared statements a connection keeps. It is
// the URL's option, or otherwise if the URL has no such option.
func (u URL) StatementCache(otherwise int) int {
	own := -1
	switch u.Engine() {
	case SQLite:
		own = u.parts.sqlite.statementCache
	case PostgreSQL:
		own = u.parts.postgres.statementCache
	}
	if own < 0 {
		return otherwise
	}
	return own
}

// ConnectTimeout returns how long an attempt to connect may take; 0 is no limit.
// It is the URL's option, or otherwise if the URL has no such option.
func (u URL) ConnectTimeout(otherwise time.Duration) time.Duration {
	own := unset
	switch u.Engine() {
	case PostgreSQL:
		own = u.parts.postgres.connectTimeout
	case MySQL:
		own = u.parts.mysql.connectTimeout
	}
	if own == unset {
		return otherwise
	}
	return own
}

// SeeksPrimary reports whether u names several hosts and connects only to the
// one that accepts writes. On MySQL several hosts always mean that. On PostgreSQL
// the option target_session_attrs has to be read-write or primary.
func (u URL) SeeksPrimary() bool {
	if u.parts == nil || len(u.parts.hosts) < 2 {
		return false
	}
	switch u.parts.postgres.Settings["target_session_attrs"] {
	case "read-write", "primary":
		return true
	}
	return u.Engine() == MySQL
}

// Invalid returns why the text that was passed to [URL.Decode] is not a valid
// URL. It returns nil if u is valid or not set.
func (u URL) Invalid() error {
	if u.parts == nil {
		return nil
	}
	return u.parts.invalid
}

// maskedURL renders the URL again from its parts, so that the output has no
// ambiguous spelling of the input.
func maskedURL(scheme, user string, hasPassword bool, authority, database string, hasPath bool, query []urlOption) string {
	var b strings.Builder
	b.WriteString(scheme + "://")
	if user != "" || hasPassword {
		b.WriteString(escape(user, ""))
		if hasPassword {
			b.WriteString(":" + mask)
		}
		b.WriteByte('@')
	}
	b.WriteString(authority)
	if hasPath {
		b.WriteString("/" + escape(database, "/:"))
	}
	for i, o := range query {
		b.WriteByte("?&"[min(i, 1)])
		value := escape(o.value, "/:,[]")
		if o.value != "" && mayHoldSecret(o.name) {
			value = mask
		}
		b.WriteString(escape(o.name, "") + "=" + value)
	}
	return b.String()
}

// mayHoldSecret reports whether the option's value is a secret, or a free text that
// may contain one.
func mayHoldSecret(name string) bool {
	switch name {
	case "password", "passwd", "sslpassword", "ssl_key_password", "options", "init_command":
		return true
	}
	return false
}

// escape percent-encodes all characters except RFC 3986's unreserved characters,
// the characters in keep, and letters beyond ASCII.
func escape(text, keep string) string {
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c >= 0x80,
			strings.IndexByte("-._~", c) >= 0, strings.IndexByte(keep, c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
