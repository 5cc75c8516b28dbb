// Package wire reads and writes the formats of OpenHands' agent servers and clients: unchanged raw JSON,
// identifiers with and without dashes, Python's timestamps, and errors that name the wrong field.
package wire
