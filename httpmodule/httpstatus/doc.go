// Package httpstatus has the page /status, on which a person sees how a server
// and its database are: whether all is well and if not why, the pools over
// time, the slowest statements, the schema with its history, the sizes of tables,
// and recent errors. It shows no values of rows.
//
// The page itself needs no key and holds nothing; what it shows comes from
// /status.json, which needs the server's key if there is one. The page asks for
// it, and keeps it as long as the browser's tab is open.
package httpstatus
