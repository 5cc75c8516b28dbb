// Package wire reads and writes what the routes exchange with agent servers and
// clients: raw JSON kept as it came, identifiers in both of their spellings,
// Python's timestamps, and complaints about input that name the offending place.
package wire
