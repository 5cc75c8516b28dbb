// Package paging is the page_id of keyset pages: where a listing goes on.
package paging

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/openhands-go/server/app/wire"
)

// DefaultLimit and MaxLimit bound a page's items.
const (
	DefaultLimit = 100
	MaxLimit     = 100
	// MaxBatch is how many items a batch get may ask for.
	MaxBatch = 100
	// MaxBytes is how large the items of a page of more than one item can be, all
	// together. Clients go on by the page's next_page_id.
	MaxBytes = 8 << 20
)

const (
	version = 1
	// minMicros and maxMicros bound what a database can compare with a time: the
	// years 1 to 9999.
	minMicros = -62135596800000000
	maxMicros = 253402300799999999
	// maxToken is far above any token we make.
	maxToken = 4096
	// maxText is how long a text that is a sort key can be, in characters.
	maxText = 255
)

// Cursor names the last item of a page by its sort key and its tie-breaker.
type Cursor struct {
	// Micros is the sort key, a time in microseconds since 1970 in UTC.
	Micros int64 `json:"t"`
	// Seq breaks ties between events.
	Seq int64 `json:"n,omitempty"`
	// Text is the sort key where that is no time.
	Text string `json:"x,omitempty"`
	// ID breaks ties between conversations.
	ID string `json:"i,omitempty"`
}

type token struct {
	Version int    `json:"v"`
	Scope   string `json:"s"`
	Order   string `json:"o"`
	Cursor
}

// Encode makes the opaque page_id of the page after c. scope names the listing,
// order its sort order: a page_id is of no use in another.
func Encode(scope, order string, c Cursor) (string, error) {
	text, err := json.Marshal(token{Version: version, Scope: scope, Order: order, Cursor: c})
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

// Decode reads a page_id made by [Encode] for the same scope and order. Anything
// else is a [wire.Invalid], never a listing that starts over.
func Decode(pageID, scope, order string) (Cursor, error) {
	invalid := wire.NewInvalid("page_id", "page_id is not one that this server gave out", "query", "page_id")
	if len(pageID) > maxToken {
		return Cursor{}, invalid
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(pageID)
	if err != nil {
		return Cursor{}, invalid
	}
	var t token
	if err := json.Unmarshal(text, &t); err != nil || t.Version != version {
		return Cursor{}, invalid
	}
	if t.Scope != scope || t.Order != order {
		return Cursor{}, wire.NewInvalid(
			"page_id", "page_id belongs to another listing or sort order", "query", "page_id")
	}
	if t.ID != "" {
		if id, err := wire.ParseID(t.ID); err != nil || id != t.ID {
			return Cursor{}, invalid
		}
	}
	if !utf8.ValidString(t.Text) || utf8.RuneCountInString(t.Text) > maxText || strings.ContainsRune(t.Text, 0) {
		return Cursor{}, invalid
	}
	if t.Micros < minMicros || t.Micros > maxMicros || t.ID == "" && t.Seq < 1 {
		return Cursor{}, invalid
	}
	// What we gave out encodes to itself: nothing else is ours.
	if again, err := Encode(scope, order, t.Cursor); err != nil || again != pageID {
		return Cursor{}, invalid
	}
	return t.Cursor, nil
}
