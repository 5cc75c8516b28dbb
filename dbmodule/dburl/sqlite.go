package dburl

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// SQLiteOptions has the path and the options of a SQLite URL.
type SQLiteOptions struct {
	// Path is the file's path; empty for an in-memory database.
	Path string
	// Memory says that the database is in memory.
	Memory bool
	// Synchronous is FULL, which is the default, NORMAL, EXTRA or OFF.
	Synchronous string
	// BusyTimeout is how long a statement waits for a lock; by default 5s, as
	// in Python.
	BusyTimeout time.Duration
	// ReadOnly is mode=ro: the file is opened for reading only.
	ReadOnly bool
	// MustExist is mode=rw: a missing file is not created.
	MustExist bool

	// statementCache is the URL's own DATABASE_STATEMENT_CACHE_SIZE, or -1.
	statementCache int
}

const memoryName = ":memory:"

// SyncsEachCommit reports whether a COMMIT waits for the disk.
func (o SQLiteOptions) SyncsEachCommit() bool {
	return !o.Memory && !o.ReadOnly && (o.Synchronous == "FULL" || o.Synchronous == "EXTRA")
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

	o := SQLiteOptions{Synchronous: "FULL", BusyTimeout: 5 * time.Second, statementCache: -1}
	var mode, discard string
	var uri, ignoredFlag *bool
	known := optionTable{
		"timeout":     seconds(&o.BusyTimeout),
		"synchronous": choice(&o.Synchronous, "FULL", "NORMAL", "EXTRA", "OFF"),
		"mode":        choice(&mode, "ro", "rw", "rwc", "memory"),
		"uri":         flag(&uri),
		// The engine decides how connections are shared, whatever these options say.
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
	if mode == "memory" && path != "" && path != memoryName && !strings.HasPrefix(path, "file:") {
		return nil, errors.New("mode=memory would keep nothing in the file that it names: remove the option, or write sqlite:///:memory: for a database that ends with the program")
	}
	if strings.HasPrefix(path, "file:") {
		if uri == nil || !*uri {
			return nil, errors.New("its path begins with file: but the option uri=true is missing: add it, or write sqlite:///path.db")
		}
		if path, err = fileURIPath(path); err != nil {
			return nil, err
		}
	}
	o.Path, o.Memory = path, path == "" || path == memoryName || mode == "memory"
	o.ReadOnly, o.MustExist = mode == "ro", mode == "rw"
	database := path
	if o.Memory {
		if o.ReadOnly || o.MustExist {
			return nil, fmt.Errorf("mode=%s makes no sense for an in-memory database: remove it, or name a file", mode)
		}
		o.Path, database = "", memoryName
	}
	return &urlParts{engine: SQLite, masked: masked, database: database, sqlite: o}, nil
}

// fileURIPath returns the path of a SQLite file: URI, which Python's sqlite3 reads
// if uri=true: file:name, file:/abs or file://[localhost]/abs. Its percent-encoding
// is already decoded by SQLAlchemy's rule; a # ends the path.
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
