// Package querylog writes the statement log: every statement where DATABASE_ECHO
// asks for that, slow ones always, and the rows of results for
// DATABASE_ECHO=debug.
//
// The log is an observer: the connection tells it of each statement that was
// answered. It knows neither connections nor sessions, and it shows no more of a
// statement than the connection lets it see.
package querylog
