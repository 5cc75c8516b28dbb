// Package dburl parses DATABASE_URL in the forms that SQLAlchemy accepts. A
// parsed URL says which engine and server it names and which options it sets,
// and prints itself without its secrets. The package opens no connection and
// imports no driver.
//
// Programs use it by the names that package dbmodule gives it, for example
// dbmodule.URL and dbmodule.ParseURL.
package dburl
