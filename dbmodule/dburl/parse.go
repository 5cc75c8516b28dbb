package dburl

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ParseURL parses a database URL in SQLAlchemy's form,
//
//	dialect[+driver]://user:password@host:port/database?option=value
//
// where dialect is sqlite, postgresql (or postgres, or cockroachdb), mysql or
// mariadb. The driver may be any driver that Python programs name there. For
// SQLite the file's path begins after the third slash. It is relative unless
// there is a fourth slash; sqlite:// and :memory: are an in-memory database.
//
// ParseURL splits the text where SQLAlchemy's parser splits it. User, password
// and database may be percent-encoded, and a + in them is a +. The password ends
// at the first @ and may hold any other character but a bare %. The database's
// name and options may hold an @. If such an @ looks like a part of a password
// that is not encoded, ParseURL refuses the URL. SQLAlchemy before 2.1 does not
// decode the database's name.
//
// Beyond SQLAlchemy, a URL may have several hosts, separated by commas. A host
// of PostgreSQL may be the percent-encoded path of a unix socket, as in libpq.
//
// ParseURL translates the Python drivers' options where an equivalent exists. It
// returns an error for any other option; the error lists the known ones.
//
// ParseURL does no I/O and reads no environment. Its errors say what is
// wrong, where, and what to write instead; they hold no value of the input.
func ParseURL(raw string) (URL, error) {
	parts, err := parseURL(raw)
	if err != nil {
		return URL{}, fmt.Errorf("dbmodule: parse database URL: %w", err)
	}
	return URL{parts: parts}, nil
}

const escapeHint = "in a user or password write @ as %40, : as %3A, / as %2F, ? as %3F and % as %25"

func parseURL(raw string) (*urlParts, error) {
	if raw == "" {
		return nil, errors.New("it is empty: name a database, for example sqlite:///./openhands.db")
	}
	if !utf8.ValidString(raw) {
		return nil, errors.New("it is not valid UTF-8: percent-encode the bytes that are meant")
	}
	if i := strings.IndexFunc(raw, isControl); i >= 0 {
		return nil, fmt.Errorf("byte %d is a control character, perhaps a line end: remove it, or percent-encode it", i+1)
	}
	if strings.TrimSpace(raw) != raw {
		return nil, errors.New("it begins or ends with a space: remove it")
	}
	if raw == memoryName {
		raw = "sqlite:///" + memoryName
	}
	scheme, rest, found := strings.Cut(raw, "://")
	if !found {
		return nil, fmt.Errorf("it has no dialect: begin it with one of %s followed by ://, for example sqlite:///./openhands.db", knownDialects())
	}
	scheme = strings.ToLower(scheme)
	engine, err := engineOf(scheme)
	if err != nil {
		return nil, err
	}
	if engine == SQLite {
		return parseSQLite(scheme, rest)
	}
	return parseNetwork(engine, scheme, rest)
}

// parseNetwork reads what follows :// in a PostgreSQL or MySQL URL.
func parseNetwork(engine Engine, scheme, rest string) (*urlParts, error) {
	whole := rest
	rawUser, rawPassword, hasPassword, rest := cutUserinfo(rest)
	if strayAt(rest) {
		return nil, errors.New("it has an @ that does not end the password: write it as %40")
	}
	if hasPassword && rawPassword == mask {
		return nil, errors.New("its password is ***, so it was copied from a place that masks passwords: put the real one in")
	}
	p := &urlParts{engine: engine}
	var err error
	if p.user, err = unescape("user", rawUser); err != nil {
		return nil, err
	}
	password, err := unescape("password", rawPassword)
	if err != nil {
		return nil, err
	}
	p.password = NewSecret(password)

	rest, rawQuery, _ := strings.Cut(rest, "?")
	authority, rawDatabase, hasPath := strings.Cut(rest, "/")
	if p.database, err = unescape("database", rawDatabase); err != nil {
		return nil, err
	}
	if strings.ContainsFunc(p.database, isControl) {
		return nil, errors.New("the database's name has a control character in it: remove it")
	}
	if p.hosts, err = parseHosts(authority, "host", true); err != nil {
		return nil, err
	}
	query, err := parseQuery(rawQuery)
	if err != nil {
		return nil, err
	}
	// Rendered before the options change the parts, so that it shows what the user
	// wrote.
	p.masked = maskedURL(scheme, p.user, hasPassword, formatHosts(p.hosts), p.database, hasPath, query)
	if engine == PostgreSQL {
		err = p.readPostgresOptions(query)
	} else {
		err = p.readMySQLOptions(query)
	}
	if err != nil {
		return nil, err
	}
	if p.postgres.Service != "" {
		p.raw = NewSecret(scheme + "://" + whole)
		for _, option := range query {
			p.options = append(p.options, option.name)
		}
	}
	if len(p.hosts) > 1 && slices.ContainsFunc(p.hosts, func(h Host) bool { return h.Name == "" }) {
		return nil, errors.New("one of its hosts is empty: remove the extra comma, or name the host")
	}
	return p, nil
}

// cutUserinfo splits s where SQLAlchemy's regular expression does. The user ends at
// the first colon and contains no slash. The password follows and ends at the first
// @; it may contain any character. Without a password, the user ends at the last @
// before the first slash.
func cutUserinfo(s string) (user, password string, hasPassword bool, rest string) {
	end := strings.IndexAny(s, ":/")
	if end < 0 {
		end = len(s)
	}
	if end < len(s) && s[end] == ':' {
		if at := strings.IndexByte(s[end:], '@'); at >= 0 {
			return s[:end], s[end+1 : end+at], true, s[end+at+1:]
		}
	}
	if at := strings.LastIndexByte(s[:end], '@'); at >= 0 {
		return s[:at], "", false, s[at+1:]
	}
	return "", "", false, s
}

// strayAt reports whether the text after user and password has an @ that is
// probably a part of the password or its end. SQLAlchemy would read such a text as
// a host, a database or an option, and we would print it. An @ in the database's
// name or in an option is accepted, unless the text there looks like
// user:password@host or @host/database.
func strayAt(rest string) bool {
	head, query, _ := strings.Cut(rest, "?")
	authority, database, _ := strings.Cut(head, "/")
	if strings.Contains(authority, "@") || strings.Contains(database, "@") && strings.ContainsAny(database, ":/") {
		return true
	}
	at := strings.LastIndexByte(query, '@')
	return at >= 0 && strings.ContainsAny(query[at:], ":/")
}

// parseHosts parses host[:port] items separated by commas. decode says whether to
// decode percent-encoding; the values of a query are decoded already.
func parseHosts(list, where string, decode bool) ([]Host, error) {
	var hosts []Host
	for item := range strings.SplitSeq(list, ",") {
		h, err := parseHost(item, where, decode)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

func parseHost(item, where string, decode bool) (Host, error) {
	var h Host
	var port string
	if _, err := netip.ParseAddr(item); err == nil && !decode {
		return Host{Name: item}, nil // a bare IPv6 address, as drivers take it by itself
	}
	if address, ok := strings.CutPrefix(item, "["); ok {
		address, after, closed := strings.Cut(address, "]")
		if !closed || (after != "" && after[0] != ':') {
			return h, fmt.Errorf("its %s begins with [ but is not an IPv6 address in brackets: write it like [::1]:5432", where)
		}
		if decode {
			var err error
			if address, err = unescape(where, address); err != nil {
				return h, err
			}
		}
		if ip, err := netip.ParseAddr(address); err != nil || !ip.Is6() {
			return h, fmt.Errorf("its %s has no valid IPv6 address between the brackets: write it like [::1]:5432", where)
		}
		h.Name, port = address, strings.TrimPrefix(after, ":")
	} else {
		h.Name, port, _ = strings.Cut(item, ":")
		if strings.Contains(port, ":") {
			return h, fmt.Errorf("its %s has more than one colon: put an IPv6 address in brackets, like [::1]:5432; %s", where, escapeHint)
		}
		if decode {
			var err error
			if h.Name, err = unescape(where, h.Name); err != nil {
				return h, err
			}
		}
		if !strings.HasPrefix(h.Name, "/") && strings.ContainsFunc(h.Name, notInHostName) || strings.ContainsFunc(h.Name, isControl) {
			return h, fmt.Errorf("its %s has a character that host names do not have; %s", where, escapeHint)
		}
	}
	var err error
	h.Port, err = parsePort(port, where)
	return h, err
}

func parsePort(text, where string) (uint16, error) {
	if text == "" {
		return 0, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("its port (after the colon of the %s) is not a number from 1 to 65535; if it is part of a password, the @ that ends the password is missing: %s", where, escapeHint)
	}
	return uint16(port), nil
}

func formatHosts(hosts []Host) string {
	items := make([]string, len(hosts))
	for i, h := range hosts {
		switch {
		case strings.Contains(h.Name, ":") && h.Name[0] != '/':
			items[i] = "[" + escape(h.Name, ":") + "]"
		default:
			items[i] = escape(h.Name, "")
		}
		if h.Port != 0 {
			items[i] += ":" + strconv.Itoa(int(h.Port))
		}
	}
	return strings.Join(items, ",")
}

func notInHostName(r rune) bool {
	return r < 0x80 && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._", r))
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// unescape decodes one part as Python's urllib.parse.unquote does, so a + stays a
// +. It returns an error for text that unquote would silently keep or replace.
func unescape(part, text string) (string, error) {
	if !strings.Contains(text, "%") {
		return text, nil
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b = append(b, text[i])
			continue
		}
		if i+2 >= len(text) {
			return "", badEscape(part)
		}
		c, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", badEscape(part)
		}
		if c == 0 {
			return "", fmt.Errorf("its %s has %%00 in it, which no database accepts: remove it", part)
		}
		b = append(b, byte(c))
		i += 2
	}
	if !utf8.Valid(b) {
		return "", fmt.Errorf("its %s is not UTF-8 once its percent signs are decoded: encode the UTF-8 bytes", part)
	}
	return string(b), nil
}

func badEscape(part string) error {
	return fmt.Errorf("its %s has a %% that two hexadecimal digits do not follow: write a literal %% as %%25", part)
}

// urlOption is one option of the query, decoded.
type urlOption struct{ name, value string }

func parseQuery(raw string) ([]urlOption, error) {
	var query []urlOption
	for item := range strings.SplitSeq(raw, "&") {
		if item == "" {
			continue
		}
		name, value, found := strings.Cut(item, "=")
		name, err := unescape("option name", strings.ReplaceAll(name, "+", " "))
		if err != nil {
			return nil, err
		}
		if !isWord(name) {
			return nil, errors.New("an option after the ? has a name that is not a word: write options as name=value, joined by &; " + escapeHint)
		}
		if !found {
			return nil, fmt.Errorf("option %q has no value: write %s=value", name, name)
		}
		value, err = unescape(fmt.Sprintf("option %q", name), strings.ReplaceAll(value, "+", " "))
		if err != nil {
			return nil, err
		}
		query = append(query, urlOption{name: name, value: value})
	}
	return query, nil
}

func isWord(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for _, r := range s {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_-.", r)) {
			return false
		}
	}
	return true
}

// dialects are the names before the +, and the drivers that may follow it.
func dialects() []struct {
	name    string
	engine  Engine
	drivers []string
} {
	postgres := []string{"asyncpg", "psycopg", "psycopg_async", "psycopg2", "psycopg2cffi", "pg8000"}
	mysql := []string{"aiomysql", "asyncmy", "pymysql", "mysqldb", "mysqlconnector", "mariadbconnector"}
	return []struct {
		name    string
		engine  Engine
		drivers []string
	}{
		{"sqlite", SQLite, []string{"aiosqlite", "pysqlite"}},
		{"postgresql", PostgreSQL, postgres},
		{"postgres", PostgreSQL, postgres},
		{"cockroachdb", PostgreSQL, []string{"asyncpg", "psycopg", "psycopg2"}},
		{"mysql", MySQL, mysql},
		{"mariadb", MySQL, mysql},
	}
}

func knownDialects() string {
	var names []string
	for _, d := range dialects() {
		names = append(names, d.name)
	}
	return strings.Join(names, ", ")
}

func engineOf(scheme string) (Engine, error) {
	dialect, driver, hasDriver := strings.Cut(scheme, "+")
	for _, d := range dialects() {
		if d.name != dialect {
			continue
		}
		if hasDriver && !slices.Contains(d.drivers, driver) {
			return "", fmt.Errorf("the driver after %s+ is not known: leave it out, or use one of %s", d.name, strings.Join(d.drivers, ", "))
		}
		return d.engine, nil
	}
	name := "its dialect"
	if isWord(dialect) {
		name = fmt.Sprintf("dialect %q", dialect)
	}
	return "", fmt.Errorf("%s is not known: use one of %s", name, knownDialects())
}
