// Package retry decides whether a unit of work may run again, and how long to
// wait before.
package retry
