package dbmodule

import (
	"errors"
	"strings"
	"time"
)

// sqliteOptions is what a SQLite URL says.
type sqliteOptions struct {
	path        string        // "" for an in-memory database
	memory      bool          // an in-memory database of this Database alone
	synchronous string        // FULL (default), NORMAL, EXTRA or OFF
	busyTimeout time.Duration // default 5s, as Python's sqlite3
	readOnly    bool          // mode=ro
	// statementCache is DATABASE_STATEMENT_CACHE_SIZE by the URL, -1 without.
	statementCache int
}

const memoryName = ":memory:"

// syncsEachCommit reports whether a COMMIT waits for the disk.
func (o sqliteOptions) syncsEachCommit() bool {
	return !o.memory && !o.readOnly && (o.synchronous == "FULL" || o.synchronous == "EXTRA")
}

func (u URL) sqliteOptions() sqliteOptions {
	if u.parts == nil {
		return sqliteOptions{}
	}
	return u.parts.sqlite
}

// parseSQLite reads what follows :// in a SQLite URL.
func parseSQLite(scheme, rest string) (*urlParts, error) {
	rest, rawQuery, _ := strings.Cut(rest, "?")
	authority, rawPath, hasPath := strings.Cut(rest, "/")
	if authority != "" {
		return nil, errors.New("a SQLite URL has no host, user or password: write sqlite:///relative/path.db (three slashes) or sqlite:////absolute/path.db (four)")
	}
	path, err := unescape("path", rawPath)
	if err != nil {
		return nil, err
	}
	if strings.ContainsFunc(path, isControl) {
		return nil, errors.New("its path has a control character in it: remove it")
	}
	query, err := parseQuery(rawQuery)
	if err != nil {
		return nil, err
	}
	masked := maskedURL(scheme, "", false, "", path, hasPath, query)

	o := sqliteOptions{synchronous: "FULL", busyTimeout: 5 * time.Second, statementCache: -1}
	var mode, discard string
	var uri, ignoredFlag *bool
	known := optionTable{
		"timeout":     seconds(&o.busyTimeout),
		"synchronous": choice(&o.synchronous, "FULL", "NORMAL", "EXTRA", "OFF"),
		"mode":        choice(&mode, "ro", "rwc", "memory"),
		"uri":         flag(&uri),
		// Connections are shared as the engine needs, whatever these say.
		"cache":             choice(&discard, "shared", "private"),
		"check_same_thread": flag(&ignoredFlag),
		"cached_statements": count(&o.statementCache, 1<<30),
		"detect_types":      count(new(int), 1<<30),
		// Writers always begin IMMEDIATE, which is stronger than DEFERRED.
		"isolation_level": choice(&discard, "DEFERRED", "IMMEDIATE"),
	}
	if err := known.read(SQLite, query); err != nil {
		return nil, err
	}
	if strings.HasPrefix(path, "file:") {
		if uri == nil || !*uri {
			return nil, errors.New("its path begins with file: but the option uri=true is missing: add it, or write sqlite:///path.db")
		}
		if path, err = fileURIPath(path); err != nil {
			return nil, err
		}
	}
	o.path, o.memory = path, path == "" || path == memoryName || mode == "memory"
	o.readOnly = mode == "ro"
	database := path
	if o.memory {
		if o.readOnly {
			return nil, errors.New("mode=ro makes no sense for an in-memory database: remove it, or name a file")
		}
		o.path, database = "", memoryName
	}
	return &urlParts{engine: SQLite, masked: masked, database: database, sqlite: o}, nil
}

// fileURIPath returns the path in SQLite's own file: form, which Python's
// sqlite3 reads when uri=true: file:name, file:/abs or file://[localhost]/abs.
// The percent-encoding was undone by SQLAlchemy's rule already; a # ends it.
func fileURIPath(uri string) (string, error) {
	path := strings.TrimPrefix(uri, "file:")
	if after, ok := strings.CutPrefix(path, "//"); ok {
		host, rest, found := strings.Cut(after, "/")
		if !found || host != "" && host != "localhost" {
			return "", errors.New("its file: path names a host: write file:/absolute/path.db or file:relative.db")
		}
		path = "/" + rest
	}
	path, _, _ = strings.Cut(path, "#")
	return path, nil
}
