package wire

import (
	"strings"
	"time"
)

// layouts are the formats of Python's isoformat and JavaScript's toISOString. time.Parse accepts a fraction
// of a second in each of them.
var layouts = [...]string{
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04:05",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02",
}

// ParseTime parses an ISO 8601 date and time of the years 1 to 9999. It returns the time in UTC, cut to
// microseconds. A time without an offset is taken as UTC: its zone is unknown, and this keeps the order of
// one writer's times.
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

// Now returns the current time in UTC, cut to the microseconds that databases store.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
