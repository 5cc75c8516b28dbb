package dburl

import (
	"fmt"
	"strings"
)

// WithDatabase returns u with the name of another database on the same server.
// Account and options stay the same; "" is a URL without a database's name. A
// SQLite URL names a file, so there WithDatabase returns an error. It also
// returns an error for the zero URL.
func (u URL) WithDatabase(name string) (URL, error) {
	if err := u.Invalid(); err != nil {
		return URL{}, fmt.Errorf("dbmodule: name another database: %w", err)
	}
	if u.IsZero() || u.Engine() == SQLite {
		return URL{}, fmt.Errorf("dbmodule: name another database: %q names no server", u)
	}
	if strings.ContainsFunc(name, isControl) {
		return URL{}, fmt.Errorf("dbmodule: name another database: %q has a control character in it", name)
	}
	parts := *u.parts
	parts.database = name
	head, query, hasQuery := strings.Cut(parts.masked, "?")
	authority := strings.Index(head, "://") + len("://")
	if slash := strings.IndexByte(head[authority:], '/'); slash >= 0 {
		head = head[:authority+slash]
	}
	parts.masked = head + "/" + escape(name, "/:")
	if hasQuery {
		parts.masked += "?" + query
	}
	return URL{parts: &parts}, nil
}

// SQLiteURL returns the URL of a SQLite database file. The path may have any
// characters, but must not be empty; readOnly adds mode=ro.
func SQLiteURL(path string, readOnly bool) (URL, error) {
	raw := "sqlite:///" + escape(path, "/:")
	if readOnly {
		raw += "?mode=ro"
	}
	u, err := ParseURL(raw)
	if err == nil && u.Memory() {
		return URL{}, fmt.Errorf("dbmodule: name a file: %q is none", path)
	}
	return u, err
}
