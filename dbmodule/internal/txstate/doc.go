// Package txstate follows the transaction of one connection: whether there is one,
// which savepoints are open, and whether it may still be used and committed. It sends
// nothing.
package txstate
