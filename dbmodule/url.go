package dbmodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

// URL says which database to use and how to reach it. [ParseURL] makes one
// from SQLAlchemy's form; the zero value means "not set".
//
// A URL is immutable and may be used from several goroutines. It prints,
// encodes and logs with *** in the password's place, and with *** for every
// option that is a secret or free text that could hold one. The engines of
// this package are the only ones that see the password.
type URL struct {
	// A pointer, so that printing a struct that holds a URL in an unexported
	// field, where fmt can call no method, shows an address.
	parts *urlParts
}

type urlParts struct {
	// invalid is why there is nothing else here; see Decode.
	invalid error

	engine   Engine
	masked   string
	user     string
	password secret
	hosts    []hostPort // network engines: never empty; a host may be ""
	database string

	sqlite   sqliteOptions
	postgres postgresOptions
	mysql    mysqlOptions
}

// hostPort is one server: a host name, an address without brackets, or the
// absolute path of a unix socket (PostgreSQL: of its directory). Port 0 means
// the engine's own.
type hostPort struct {
	host string
	port uint16
}

// secret keeps a text where reflection finds only a function. Nil is "".
type secret func() string

func hide(text string) secret {
	if text == "" {
		return nil
	}
	return func() string { return text }
}

func (s secret) reveal() string {
	if s == nil {
		return ""
	}
	return s()
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

// Database returns the database's name as the URL gives it, decoded: "" if it
// gives none (PostgreSQL then uses the one named like the user). For SQLite
// it is the file's path, or ":memory:".
func (u URL) Database() string {
	if u.parts == nil {
		return ""
	}
	return u.parts.database
}

// Memory reports whether u names an in-memory SQLite database.
func (u URL) Memory() bool { return u.parts != nil && u.parts.sqlite.memory }

// Path returns the SQLite file's path as the URL gives it, relative or
// absolute; "" for an in-memory database and for the other engines.
func (u URL) Path() string {
	if u.parts == nil {
		return ""
	}
	return u.parts.sqlite.path
}

// String returns u with *** in place of the password and of other secrets.
func (u URL) String() string {
	if u.parts == nil {
		return ""
	}
	return u.parts.masked
}

// GoString returns what %#v prints: masked as [URL.String] is.
func (u URL) GoString() string { return fmt.Sprintf("dbmodule.URL(%q)", u.String()) }

// Format prints u masked, whatever the verb.
func (u URL) Format(f fmt.State, verb rune) {
	if verb == 'v' && f.Flag('#') {
		_, _ = io.WriteString(f, u.GoString()) // a fmt.State keeps no error
		return
	}
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), u.String())
}

// MarshalText returns [URL.String]: what it writes can be read by a person,
// but not back by [URL.UnmarshalText] if it had a password.
func (u URL) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

// MarshalJSON returns [URL.String] as a JSON string.
func (u URL) MarshalJSON() ([]byte, error) { return json.Marshal(u.String()) }

// MarshalLogObject adds the engine and the masked URL to a zap log entry.
func (u URL) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	enc.AddString("engine", string(u.Engine()))
	enc.AddString("url", u.String())
	return nil
}

// UnmarshalText sets u to what [ParseURL] makes of text, or leaves u alone
// and returns ParseURL's error, which does not repeat text.
func (u *URL) UnmarshalText(text []byte) error {
	parsed, err := ParseURL(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}

// Decode is UnmarshalText for envconfig, whose errors repeat the value, and
// with it the password: of a text that is no URL, u keeps the reason, which
// [Config.Validate] and [Open] report without the text. Only an empty text is
// an error here.
func (u *URL) Decode(text string) error {
	err := u.UnmarshalText([]byte(text))
	if err == nil || text == "" {
		return err
	}
	*u = URL{parts: &urlParts{invalid: errors.Unwrap(err), masked: "(invalid)"}}
	return nil
}

// statementCache is the URL's own, or else the given one.
func (u URL) statementCache(otherwise int) int {
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

// connectTimeout is the URL's own, or else the given one; 0 is no limit.
func (u URL) connectTimeout(otherwise time.Duration) time.Duration {
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

// several reports whether u names more than one host.
func (u URL) several() bool { return u.parts != nil && len(u.parts.hosts) > 1 }

// seeksPrimary reports whether u names several hosts and wants the one that
// takes writes.
func (u URL) seeksPrimary() bool {
	if !u.several() {
		return false
	}
	switch u.parts.postgres.settings["target_session_attrs"] {
	case "read-write", "primary":
		return true
	}
	return u.Engine() == MySQL
}

// invalid returns why u can't be used, nil if it can or is not set.
func (u URL) invalid() error {
	if u.parts == nil {
		return nil
	}
	return u.parts.invalid
}

// account returns the user to log in as: the URL's, or the one that this
// process runs as, which is what the Python drivers fall back to. They look at
// $USER first; this does not look at the environment.
func (p *urlParts) account() (string, error) {
	if p.user != "" {
		return p.user, nil
	}
	account, err := user.LookupId(strconv.Itoa(os.Getuid()))
	if err != nil {
		return "", errors.New("the URL names no user and this process's account has no name: write user@ before the host")
	}
	return account.Username, nil
}

// maskedURL renders the parts again, so that spelling which was ambiguous in
// the input is not in the output.
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

// mayHoldSecret names the options whose value is a secret, or a text in which
// a person may have written one.
func mayHoldSecret(name string) bool {
	switch name {
	case "password", "passwd", "sslpassword", "ssl_key_password", "options", "init_command":
		return true
	}
	return false
}

// escape percent-encodes all but RFC 3986's unreserved characters, those in
// keep, and letters beyond ASCII.
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
