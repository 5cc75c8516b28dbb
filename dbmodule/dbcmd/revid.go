package dbcmd

import (
	"crypto/rand"
	"encoding/hex"
)

// newRevisionID returns 12 hexadecimal digits, as Alembic's ids are.
func newRevisionID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
