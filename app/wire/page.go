package wire

import "encoding/json"

// AppendPage appends the JSON of a page: its items, unchanged byte for byte, and the id of the next page,
// null if nextPageID is "". encoding/json would compact the items.
func AppendPage(b []byte, items []string, nextPageID string) []byte {
	b = append(b, `{"items":`...)
	b = AppendList(b, items)
	b = append(b, `,"next_page_id":`...)
	if nextPageID == "" {
		b = append(b, "null"...)
	} else {
		// Page ids are base64url: JSON needs no escapes for it.
		b = append(b, '"')
		b = append(b, nextPageID...)
		b = append(b, '"')
	}
	return append(b, '}')
}

// AppendList appends a JSON array of items, unchanged byte for byte. An item "" becomes null.
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

// Raw returns s as a JSON value, or fallback if s is "".
func Raw(s, fallback string) json.RawMessage {
	if s == "" {
		s = fallback
	}
	return json.RawMessage(s)
}
