package dbmodule

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ParseURL reads a database URL in SQLAlchemy's form,
//
//	dialect[+driver]://user:password@host:port/database?option=value
//
// where dialect is sqlite, postgresql (or postgres), mysql or mariadb and the
// driver may be any of those that Python programs name there. For SQLite what
// follows the third slash is the file's path, relative unless there is a
// fourth slash; sqlite:// and :memory: are an in-memory database.
//
// The text is cut where SQLAlchemy's parser cuts it: user, password and
// database may be percent-encoded and a + in them is a +; the password ends
// at the first @ and may hold any other character but a bare %. Beyond
// SQLAlchemy, several hosts may be given, separated by commas, and PostgreSQL's
// may be percent-encoded paths of unix sockets, as libpq's may.
//
// The Python drivers' options are translated where this package has an equal;
// any other option is an error that lists the known ones.
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
	rawUser, rawPassword, hasPassword, rest := cutUserinfo(rest)
	if strings.Contains(rest, "@") {
		// SQLAlchemy would take part of the password for a host here, and
		// we would print it.
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
	p.password = hide(password)

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
	// Rendered before the options change the parts: what a person wrote.
	p.masked = maskedURL(scheme, p.user, hasPassword, formatHosts(p.hosts), p.database, hasPath, query)
	if engine == PostgreSQL {
		err = p.readPostgresOptions(query)
	} else {
		err = p.readMySQLOptions(query)
	}
	if err != nil {
		return nil, err
	}
	if len(p.hosts) > 1 && slices.ContainsFunc(p.hosts, func(h hostPort) bool { return h.host == "" }) {
		return nil, errors.New("one of its hosts is empty: remove the extra comma, or name the host")
	}
	return p, nil
}

// cutUserinfo cuts where SQLAlchemy's regular expression does: the user runs
// to the first colon, and holds no slash; the password from there to the
// first @, whatever lies between; without a password the user runs to the
// last @ before the first slash.
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

// parseHosts reads host[:port] items separated by commas; decode undoes
// percent-encoding, which a query has had undone already.
func parseHosts(list, where string, decode bool) ([]hostPort, error) {
	var hosts []hostPort
	for item := range strings.SplitSeq(list, ",") {
		h, err := parseHost(item, where, decode)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	return hosts, nil
}

func parseHost(item, where string, decode bool) (hostPort, error) {
	var h hostPort
	var port string
	if _, err := netip.ParseAddr(item); err == nil && !decode {
		return hostPort{host: item}, nil // a bare IPv6 address, as drivers take it by itself
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
		h.host, port = address, strings.TrimPrefix(after, ":")
	} else {
		h.host, port, _ = strings.Cut(item, ":")
		if strings.Contains(port, ":") {
			return h, fmt.Errorf("its %s has more than one colon: put an IPv6 address in brackets, like [::1]:5432; %s", where, escapeHint)
		}
		if decode {
			var err error
			if h.host, err = unescape(where, h.host); err != nil {
				return h, err
			}
		}
		if !strings.HasPrefix(h.host, "/") && strings.ContainsFunc(h.host, notInHostName) || strings.ContainsFunc(h.host, isControl) {
			return h, fmt.Errorf("its %s has a character that host names do not have; %s", where, escapeHint)
		}
	}
	var err error
	h.port, err = parsePort(port, where)
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

func formatHosts(hosts []hostPort) string {
	items := make([]string, len(hosts))
	for i, h := range hosts {
		switch {
		case strings.Contains(h.host, ":") && h.host[0] != '/':
			items[i] = "[" + escape(h.host, ":") + "]"
		default:
			items[i] = escape(h.host, "")
		}
		if h.port != 0 {
			items[i] += ":" + strconv.Itoa(int(h.port))
		}
	}
	return strings.Join(items, ",")
}

func notInHostName(r rune) bool {
	return r < 0x80 && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._", r))
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// unescape decodes one part as Python's urllib.parse.unquote does, so that a
// + stays one, but refuses what unquote would quietly leave or replace.
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

// optionTable maps an option's name to what reads its value. An error from
// there says what the option takes and does not repeat the value.
type optionTable map[string]func(value string) error

// read hands each option to its entry. An empty value counts as not given, as
// in SQLAlchemy. Only the options in repeatable may come twice.
func (known optionTable) read(engine Engine, query []urlOption, repeatable ...string) error {
	seen := map[string]bool{}
	for _, o := range query {
		set, ok := known[o.name]
		if !ok {
			names := make([]string, 0, len(known))
			for name := range known {
				names = append(names, name)
			}
			slices.Sort(names)
			return fmt.Errorf("option %q is not known for %s: remove it, or use one of %s", o.name, engine, strings.Join(names, ", "))
		}
		if seen[o.name] && !slices.Contains(repeatable, o.name) {
			return fmt.Errorf("option %q is given more than once: keep one", o.name)
		}
		seen[o.name] = true
		if o.value == "" {
			continue
		}
		if strings.ContainsFunc(o.value, isControl) && !mayHoldSecret(o.name) {
			return fmt.Errorf("option %q has a control character in its value: remove it", o.name)
		}
		if err := set(o.value); err != nil {
			return fmt.Errorf("option %q %w", o.name, err)
		}
	}
	return nil
}

// ignored accepts an option that has no meaning here and does no harm.
func ignored(string) error { return nil }

// text stores any value.
func text(target *string) func(string) error {
	return func(value string) error {
		*target = value
		return nil
	}
}

// hidden stores a value that must not be printed.
func hidden(target *secret) func(string) error {
	return func(value string) error {
		*target = hide(value)
		return nil
	}
}

// choice stores one of the accepted words, read without regard to case.
func choice(target *string, accepted ...string) func(string) error {
	return func(value string) error {
		for _, a := range accepted {
			if strings.EqualFold(a, value) {
				*target = a
				return nil
			}
		}
		return fmt.Errorf("takes one of %s", strings.Join(accepted, ", "))
	}
}

// only accepts an option whose one value is what this package does anyway.
func only(why string, accepted ...string) func(string) error {
	return func(value string) error {
		for _, a := range accepted {
			if strings.EqualFold(a, value) {
				return nil
			}
		}
		return fmt.Errorf("takes only %s: %s", strings.Join(accepted, " or "), why)
	}
}

// flag stores a boolean.
func flag(target **bool) func(string) error {
	return func(value string) error {
		b, err := parseBool(value)
		*target = &b
		return err
	}
}

func parseBool(value string) (bool, error) {
	switch strings.ToLower(value) {
	case "true", "1", "yes", "on", "t", "y":
		return true, nil
	case "false", "0", "no", "off", "f", "n":
		return false, nil
	}
	return false, errors.New("takes true or false")
}

const maxSeconds = 365 * 24 * 60 * 60

// seconds stores a duration given as a number of seconds, fractions allowed.
func seconds(target *time.Duration) func(string) error {
	return func(value string) error {
		f, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(f) || f < 0 || f > maxSeconds {
			return errors.New("takes a number of seconds from 0 to 31536000, for example 10")
		}
		*target = time.Duration(math.Round(f * float64(time.Second)))
		return nil
	}
}

// duration stores a Go duration, or a number of seconds.
func duration(target *time.Duration) func(string) error {
	return func(value string) error {
		if d, err := time.ParseDuration(value); err == nil && d >= 0 && d <= maxSeconds*time.Second {
			*target = d
			return nil
		}
		if seconds(target)(value) != nil {
			return errors.New("takes a duration such as 10s, or a number of seconds")
		}
		return nil
	}
}

// count stores a whole number from 0 to limit.
func count(target *int, limit int) func(string) error {
	return func(value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > limit {
			return fmt.Errorf("takes a whole number from 0 to %d", limit)
		}
		*target = n
		return nil
	}
}

// dialects are the names before + and what may follow it.
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
