// Package txstate follows the transaction of one connection: whether there is one, which
// savepoints are open, and whether more statements and COMMIT may be sent. It sends nothing.
package txstate
