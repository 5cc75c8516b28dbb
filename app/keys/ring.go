package keys

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/openhands-go/server/httpmodule"
)

// Scope is the set of requests that a key allows.
type Scope string

const (
	// Read allows GET and HEAD on every route.
	Read Scope = "read"
	// Webhooks allows only the routes to which agent servers push.
	Webhooks Scope = "webhooks"
	// All allows every request.
	All Scope = "all"
)

// DefaultName is the name of the key in SESSION_API_KEY.
const DefaultName = "default"

// maxKeys is how many keys a server may have: each request's key is compared with all of them.
const maxKeys = 1000

// entry is a key. It has only the key's digest, and not the key itself.
type entry struct {
	name   string
	scope  Scope
	digest [sha256.Size]byte
}

// ring is a set of keys that does not change.
type ring []entry

// find returns the entry of a key. It compares all keys in constant time, so that the time tells nothing
// about them.
func (r ring) find(key string) (found entry, ok bool) {
	digest := sha256.Sum256([]byte(key))
	at := -1
	for i := range r {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(digest[:], r[i].digest[:]), i, at)
	}
	if at < 0 {
		return entry{}, false
	}
	return r[at], true
}

// join joins rings. It returns an error if two keys have the same name, or are the same.
func join(rings ...ring) (ring, error) {
	var all ring
	names, digests := map[string]bool{}, map[[sha256.Size]byte]string{}
	for _, one := range rings {
		for _, e := range one {
			if names[e.name] {
				return nil, fmt.Errorf("two keys have the name %s: give each its own name", e.name)
			}
			if other, there := digests[e.digest]; there {
				return nil, fmt.Errorf("%s and %s are the same key: give each name its own key", other, e.name)
			}
			names[e.name], digests[e.digest] = true, e.name
			all = append(all, e)
		}
	}
	if len(all) > maxKeys {
		return nil, fmt.Errorf("there are %d keys: at most %d are allowed", len(all), maxKeys)
	}
	return all, nil
}

// parse reads lines of the form name:scope:key. It skips empty lines, comments, which begin with #, and the byte
// order mark with which editors on Windows begin files. An error has the line's number, but no text of the line.
func parse(text string) (ring, error) {
	var all ring
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		e, err := parseEntry(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil, errors.New("it contains no key")
	}
	return join(all)
}

// parseList reads the keys of a variable: as parse, but commas separate keys too.
func parseList(text string) (ring, error) {
	if text == "" {
		return nil, nil
	}
	r, err := parse(strings.ReplaceAll(text, ",", "\n"))
	if err != nil {
		return nil, fmt.Errorf("%w (a comma begins a new line)", err)
	}
	return r, nil
}

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func parseEntry(line string) (entry, error) {
	name, rest, _ := strings.Cut(line, ":")
	scope, key, complete := strings.Cut(rest, ":")
	// The errors contain no text of the line: the key may be in the wrong place.
	switch {
	case !complete:
		return entry{}, errors.New("takes name:scope:key, for example reader:read:…")
	case !validName.MatchString(name):
		return entry{}, errors.New("the name, before the first colon, takes up to 64 letters, digits, dots, - and _")
	case Scope(scope) != Read && Scope(scope) != Webhooks && Scope(scope) != All:
		return entry{}, errors.New("the scope, between the colons, takes read, webhooks or all")
	case key == "":
		return entry{}, errors.New("the key, after the second colon, is empty")
	case !httpmodule.Sendable(key):
		return entry{}, errors.New("an HTTP header can't carry the key: takes ASCII characters without control characters, and no space at its ends")
	}
	return entry{name: name, scope: Scope(scope), digest: sha256.Sum256([]byte(key))}, nil
}
