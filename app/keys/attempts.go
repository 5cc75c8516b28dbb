package keys

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

const (
	// mostAddresses bounds the table. The address that has not asked for longest goes first.
	mostAddresses = 10_000
	// freeFailures is how many unknown keys an address may send at once, and
	// failuresPerSecond how many over time.
	freeFailures      = 100
	failuresPerSecond = 1
	// mostNames bounds what is remembered of an address.
	mostNames = 16
)

// attempts is a table of addresses that have sent keys.
type attempts struct {
	now       func() time.Time
	addresses *lru.Cache[netip.Prefix, *address]
	mu        sync.Mutex
}

// address is what is known of one. While it has used up its failures no key is believed that
// comes from it: else who guesses would be told at once when a guess is right, and could guess
// as fast as it likes. Keys that came from it before are believed all the same: whoever shares
// an address with somebody who guesses, behind a proxy for example, is not shut out.
type address struct {
	table *attempts
	mu    sync.Mutex
	names map[string]bool // of the keys that were right
	rate  *rate.Limiter
}

func newAttempts(now func() time.Time) (*attempts, error) {
	addresses, err := lru.New[netip.Prefix, *address](mostAddresses)
	if err != nil {
		return nil, fmt.Errorf("keys: make the table of addresses: %w", err)
	}
	return &attempts{now: now, addresses: addresses}, nil
}

// of returns what is known of a client's address.
func (a *attempts) of(client string) *address {
	key := network(client)
	a.mu.Lock()
	defer a.mu.Unlock()
	if known, ok := a.addresses.Get(key); ok {
		return known
	}
	fresh := &address{table: a, names: map[string]bool{}, rate: rate.NewLimiter(failuresPerSecond, freeFailures)}
	a.addresses.Add(key, fresh)
	return fresh
}

// network is an address, or the network that one holder of IPv6 addresses usually has. All
// that is no address is one and the same.
func network(client string) netip.Prefix {
	ip, err := netip.ParseAddr(client)
	if err != nil {
		return netip.Prefix{}
	}
	ip = ip.Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, _ := ip.Prefix(bits) // the number fits
	return prefix
}

// passes reports whether a right key is believed, and remembers it then.
func (a *address) passes(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.names[name] {
		return true
	}
	if a.rate.TokensAt(a.table.now()) < 1 {
		return false
	}
	if len(a.names) < mostNames {
		a.names[name] = true
	}
	return true
}

// failed counts an unknown key. It returns how long to wait before the next one, 0 for not at all.
func (a *address) failed() time.Duration {
	now := a.table.now()
	if a.rate.AllowN(now, 1) {
		return 0
	}
	missing := 1 - a.rate.TokensAt(now)
	return time.Duration(missing / failuresPerSecond * float64(time.Second))
}
