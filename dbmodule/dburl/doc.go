// Package dburl parses DATABASE_URL in the forms that SQLAlchemy accepts. A
// parsed URL has the engine, the servers and the options, and prints itself
// without its secrets. The package opens no connection and imports no driver.
//
// Programs use the aliases in package dbmodule, for example dbmodule.URL and
// dbmodule.ParseURL.
package dburl
