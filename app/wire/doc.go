// Package wire reads and writes what the routes exchange with agent servers and
// clients: unchanged raw JSON, identifiers in both of their spellings, Python's timestamps,
// and errors about input that name the wrong field.
package wire
