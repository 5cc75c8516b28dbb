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

// Scope is what the holder of a key may ask.
type Scope string

const (
	// Read is for GET and HEAD, of everything.
	Read Scope = "read"
	// Webhooks is for what agent servers push, and nothing else.
	Webhooks Scope = "webhooks"
	// All is for every route.
	All Scope = "all"
)

// DefaultName is what the key of SESSION_API_KEY is called.
const DefaultName = "default"

// mostKeys bounds how many keys there may be: each is compared with each that is sent.
const mostKeys = 1000

const takes = "takes name:scope:key, for example reader:read:…"

// entry is a key without the key itself: its digest is enough to know it again.
type entry struct {
	name   string
	scope  Scope
	digest [sha256.Size]byte
}

// ring is a set of keys that does not change.
type ring []entry

// find returns the entry of a key. How long it takes says nothing of the keys: all are
// compared, in constant time.
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

// join makes one ring of several. No name and no key may be there twice.
func join(rings ...ring) (ring, error) {
	var all ring
	names, digests := map[string]bool{}, map[[sha256.Size]byte]string{}
	for _, one := range rings {
		for _, e := range one {
			if names[e.name] {
				return nil, fmt.Errorf("two keys are called %s: give each a name of its own", e.name)
			}
			if other, there := digests[e.digest]; there {
				return nil, fmt.Errorf("%s and %s are the same key: give each its own", other, e.name)
			}
			names[e.name], digests[e.digest] = true, e.name
			all = append(all, e)
		}
	}
	if len(all) > mostKeys {
		return nil, fmt.Errorf("there are %d keys, more than %d", len(all), mostKeys)
	}
	return all, nil
}

// parse reads one key a line, as name:scope:key. Empty lines and those that begin with #
// are left out. An error names the line, and shows nothing of it.
func parse(text string) (ring, error) {
	var all ring
	number := 0
	for line := range strings.Lines(text) {
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
		return nil, errors.New("there is no key in it")
	}
	return join(all)
}

// parseList reads what stands in a variable: as parse, with commas as ends of lines too.
func parseList(text string) (ring, error) {
	if text == "" {
		return nil, nil
	}
	r, err := parse(strings.ReplaceAll(text, ",", "\n"))
	if err != nil {
		return nil, fmt.Errorf("%w (commas end lines)", err)
	}
	return r, nil
}

var validName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func parseEntry(line string) (entry, error) {
	name, rest, _ := strings.Cut(line, ":")
	scope, key, complete := strings.Cut(rest, ":")
	// Nothing of the line is shown: the key may stand in the wrong place.
	switch {
	case !complete:
		return entry{}, errors.New(takes)
	case !validName.MatchString(name):
		return entry{}, errors.New("the name, before the first colon, takes up to 64 letters, digits, dots, - and _")
	case Scope(scope) != Read && Scope(scope) != Webhooks && Scope(scope) != All:
		return entry{}, errors.New("the scope, between the colons, takes read, webhooks or all")
	case key == "":
		return entry{}, errors.New("the key, after the second colon, is empty")
	case !httpmodule.Sendable(key):
		return entry{}, errors.New("no header can carry the key: it takes ASCII characters without control characters, and no space at its ends")
	}
	return entry{name: name, scope: Scope(scope), digest: sha256.Sum256([]byte(key))}, nil
}
