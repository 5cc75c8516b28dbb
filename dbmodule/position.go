package dbmodule

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// position is how far a server has come, as numbers that only grow:
// PostgreSQL's one is a byte of its WAL, MariaDB has the number of the last
// transaction for each replication domain.
type position map[uint32]uint64

// covers reports whether whoever has come to p has everything of other.
func (p position) covers(other position) bool {
	for domain, number := range other {
		if p[domain] < number {
			return false
		}
	}
	return true
}

// merged is the least that covers both.
func (p position) merged(other position) position {
	if len(p) == 0 {
		return other
	}
	all := maps.Clone(p)
	for domain, number := range other {
		all[domain] = max(all[domain], number)
	}
	return all
}

var errNoPosition = errors.New("dbmodule: read replication position: the server tells none")

// parseLSN reads PostgreSQL's 16/B374D848.
func parseLSN(text string) (position, error) {
	high, low, found := strings.Cut(text, "/")
	h, highErr := strconv.ParseUint(high, 16, 32)
	l, lowErr := strconv.ParseUint(low, 16, 32)
	if !found || highErr != nil || lowErr != nil {
		return nil, fmt.Errorf("dbmodule: read WAL position: %w", errors.Join(highErr, lowErr))
	}
	return position{0: h<<32 | l}, nil
}

// parseGTIDs reads MariaDB's 0-1-100,7-2-5: domain, server and number.
func parseGTIDs(text string) (position, error) {
	if text == "" {
		return nil, errNoPosition
	}
	p := position{}
	for item := range strings.SplitSeq(text, ",") {
		parts := strings.Split(strings.TrimSpace(item), "-")
		if len(parts) != 3 {
			return nil, errors.New("dbmodule: read GTID position: want domain-server-number")
		}
		domain, domainErr := strconv.ParseUint(parts[0], 10, 32)
		number, numberErr := strconv.ParseUint(parts[2], 10, 64)
		if err := errors.Join(domainErr, numberErr); err != nil {
			return nil, fmt.Errorf("dbmodule: read GTID position: %w", err)
		}
		p[uint32(domain)] = max(p[uint32(domain)], number)
	}
	return p, nil
}

// maxDomains bounds what a token may hold.
const maxDomains = 8

// text writes a position for a token: domain and number, all separated by
// dots.
func (p position) text() string {
	items := make([]string, 0, 2*len(p))
	for _, domain := range slices.Sorted(maps.Keys(p)) {
		items = append(items, strconv.FormatUint(uint64(domain), 36), strconv.FormatUint(p[domain], 36))
	}
	return strings.Join(items, ".")
}

// parsePosition reads what text wrote.
func parsePosition(text string) (position, bool) {
	if text == "" {
		return nil, true
	}
	items := strings.Split(text, ".")
	if len(items)%2 != 0 || len(items) > 2*maxDomains {
		return nil, false
	}
	p := position{}
	for i := 0; i < len(items); i += 2 {
		domain, domainErr := strconv.ParseUint(items[i], 36, 32)
		number, numberErr := strconv.ParseUint(items[i+1], 36, 64)
		if domainErr != nil || numberErr != nil {
			return nil, false
		}
		p[uint32(domain)] = number
	}
	return p, true
}
