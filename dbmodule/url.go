package dbmodule

import "github.com/openhands-go/server/dbmodule/dburl"

// URL says which database to use and how to reach it: see [dburl.URL].
type URL = dburl.URL

// URLs is a list of databases, in the form of DATABASE_REPLICA_URLS.
type URLs = dburl.URLs

// ParseURL reads a database URL in SQLAlchemy's form: see [dburl.ParseURL].
func ParseURL(raw string) (URL, error) { return dburl.ParseURL(raw) }

// ParseURLs reads URLs that are separated by commas or white space: see
// [dburl.ParseURLs].
func ParseURLs(raw string) (URLs, error) { return dburl.ParseURLs(raw) }

// SQLiteURL returns the URL of the database in a file, whatever characters its
// path has; readOnly adds mode=ro. The path must not be empty.
func SQLiteURL(path string, readOnly bool) (URL, error) { return dburl.SQLiteURL(path, readOnly) }
