package dburl

import (
	"errors"
	"regexp"
	"strings"
)

// URLs is a list of database URLs, as in DATABASE_REPLICA_URLS. It prints its
// URLs without their secrets.
type URLs []URL

// urlStart finds where the next URL of a list begins: a URL may hold commas
// itself.
var urlStart = regexp.MustCompile(`(?:^|[\s,]+)[A-Za-z][A-Za-z0-9+]*://`)

// ParseURLs parses URLs that are separated by commas or white space. Each must
// have the form that [ParseURL] accepts. An empty text gives an empty list. The
// errors hold no value of the input.
func ParseURLs(raw string) (URLs, error) {
	var urls URLs
	for _, text := range splitURLs(raw) {
		u, err := ParseURL(text)
		if err != nil {
			return nil, err
		}
		urls = append(urls, u)
	}
	return urls, nil
}

// splitURLs splits raw before each dialect. Text without a dialect is one item,
// which is not a valid URL.
func splitURLs(raw string) []string {
	const separators = ", \t\r\n"
	if raw = strings.Trim(raw, separators); raw == "" {
		return nil
	}
	starts := urlStart.FindAllStringIndex(raw, -1)
	if len(starts) == 0 || starts[0][0] != 0 {
		return []string{raw}
	}
	items := make([]string, len(starts))
	for i, start := range starts {
		end := len(raw)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		items[i] = strings.Trim(raw[start[0]:end], separators)
	}
	return items
}

// UnmarshalText parses text with [ParseURLs] and sets u to the result. If
// ParseURLs fails, u stays unchanged and UnmarshalText returns its error, which
// does not quote text.
func (u *URLs) UnmarshalText(text []byte) error {
	parsed, err := ParseURLs(string(text))
	if err != nil {
		return err
	}
	*u = parsed
	return nil
}

// Decode is [URLs.UnmarshalText] for envconfig, whose errors quote the value. Like
// [URL.Decode] it returns no error for an invalid URL: that URL keeps the reason,
// and [URL.Invalid] returns it.
func (u *URLs) Decode(text string) error {
	var urls URLs
	for _, item := range splitURLs(text) {
		var one URL
		if err := one.Decode(item); err != nil {
			return errors.New("dbmodule: decode database URLs: one of them can't be read")
		}
		urls = append(urls, one)
	}
	*u = urls
	return nil
}

// String returns the URLs separated by commas, with *** in place of secrets.
func (u URLs) String() string {
	items := make([]string, len(u))
	for i, one := range u {
		items[i] = one.String()
	}
	return strings.Join(items, ",")
}
