package wire

import (
	"encoding/json"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

// AppendPage appends a page of items, each byte for byte as given, and the id of
// the next page, "" for none. encoding/json would compact the items.
func AppendPage(b []byte, items []string, nextPageID string) []byte {
	b = append(b, `{"items":`...)
	b = AppendList(b, items)
	b = append(b, `,"next_page_id":`...)
	if nextPageID == "" {
		b = append(b, "null"...)
	} else {
		// Page ids are base64url, which JSON needs no escapes for.
		b = append(b, '"')
		b = append(b, nextPageID...)
		b = append(b, '"')
	}
	return append(b, '}')
}

// AppendList appends a JSON array of items, each byte for byte as given; "" is null.
func AppendList(b []byte, items []string) []byte {
	size := 2
	for _, item := range items {
		size += len(item) + len("null,")
	}
	if cap(b)-len(b) < size {
		b = append(make([]byte, 0, len(b)+size+64), b...)
	}
	b = append(b, '[')
	for i, item := range items {
		if i > 0 {
			b = append(b, ',')
		}
		if item == "" {
			item = "null"
		}
		b = append(b, item...)
	}
	return append(b, ']')
}

// Raw is s as a JSON value, fallback for "".
func Raw(s, fallback string) json.RawMessage {
	if s == "" {
		s = fallback
	}
	return json.RawMessage(s)
}
