package dburl

// Engine names a family of databases that share a dialect and a driver.
type Engine string

// The engines that a URL can name. MariaDB counts as MySQL.
const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgresql"
	MySQL      Engine = "mysql"
)
