// Package httpstatus serves the page /status. It shows the state of a server and its database:
// problems, connection pools over time, the slowest statements and routes, the schema and its
// history, the sizes of tables, and recent errors. It shows no values of rows.
//
// The page itself needs no key and contains no data. It loads its data from /status.json, which
// needs the server's key if there is one. The page asks for the key, and keeps it as long as the
// browser's tab is open.
package httpstatus
