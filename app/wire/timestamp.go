package wire

import (
	"strings"
	"time"
)

// layouts are what Python's isoformat and JavaScript's toISOString write. Go
// reads a fraction of a second after the seconds of any of them.
var layouts = [...]string{
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02",
}

// ParseTime reads an ISO 8601 date and time of the years 1 to 9999 and returns it
// in UTC, cut to microseconds. A time without an offset is taken as UTC: where
// its writer's clock stood is not in it, and all naive times of one writer keep
// their order that way.
func ParseTime(s string) (time.Time, error) {
	text := s
	if len(text) > len("2006-01-02") && text[10] == ' ' {
		text = text[:10] + "T" + text[11:]
	}
	text = strings.Replace(text, "z", "Z", 1)
	for _, layout := range layouts {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		t = t.UTC().Truncate(time.Microsecond)
		if year := t.Year(); year < 1 || year > 9999 {
			break
		}
		return t, nil
	}
	return time.Time{}, NewInvalid("datetime_parsing", "Input should be a valid ISO 8601 datetime")
}

// Now is the present in UTC, cut to the microseconds that databases keep.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
