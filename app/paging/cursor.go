// Package paging writes and reads page_id, the cursor at which the next page of a listing
// begins.
package paging

import (
	"strings"
	"unicode/utf8"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule/keyset"
)

// DefaultLimit and MaxLimit bound a page's items.
const (
	DefaultLimit = 100
	MaxLimit     = 100
	// MaxBatch is how many items a batch get may ask for.
	MaxBatch = 100
	// MaxBytes is how large all items of a page can be together, except that a page always has
	// at least one item. The next page begins after the last item that fits.
	MaxBytes = 8 << 20
)

const (
	// minMicros and maxMicros are the first and the last time that every database can store: the
	// years 1 to 9999.
	minMicros = -62135596800000000
	maxMicros = 253402300799999999
	// maxText is how many characters a sort key that is a text can have.
	maxText = 255
)

// Cursor names the last item of a page by its sort key and its tie-breaker.
type Cursor struct {
	// Micros is the sort key, a time in microseconds since 1970 in UTC.
	Micros int64 `json:"t"`
	// Seq breaks ties between events.
	Seq int64 `json:"n,omitempty"`
	// Text is the sort key if it is a text.
	Text string `json:"x,omitempty"`
	// ID breaks ties between conversations.
	ID string `json:"i,omitempty"`
}

// Encode returns the opaque page_id of the page after c. scope names the listing, order its sort order:
// other listings and orders refuse the page_id.
func Encode(scope, order string, c Cursor) (string, error) {
	return keyset.Encode(scope+" "+order, c)
}

// Decode reads a page_id that [Encode] has made for the same scope and order. For any other text it
// returns a [wire.Invalid]; the listing never starts from the beginning instead.
func Decode(pageID, scope, order string) (Cursor, error) {
	invalid := wire.NewInvalid(
		"page_id", "page_id is not one that this server gave out for this listing and sort order", "query", "page_id")
	c, err := keyset.Decode[Cursor](pageID, scope+" "+order)
	if err != nil {
		return Cursor{}, invalid
	}
	if c.ID != "" {
		if id, err := wire.ParseID(c.ID); err != nil || id != c.ID {
			return Cursor{}, invalid
		}
	}
	if !utf8.ValidString(c.Text) || utf8.RuneCountInString(c.Text) > maxText || strings.ContainsRune(c.Text, 0) {
		return Cursor{}, invalid
	}
	if c.Micros < minMicros || c.Micros > maxMicros || c.ID == "" && c.Seq < 1 {
		return Cursor{}, invalid
	}
	return c, nil
}
