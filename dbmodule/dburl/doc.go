// Package dburl reads DATABASE_URL in the forms that SQLAlchemy takes. It
// tells which engine and server a URL names, which options it sets, and prints
// it without its secrets. It opens no connection and knows no driver.
//
// Programs use it by the names that package dbmodule gives it, for example
// dbmodule.URL and dbmodule.ParseURL.
package dburl
