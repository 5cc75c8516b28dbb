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
	// maxAddresses is the size of the table. The address that was used least recently is dropped.
	maxAddresses = 10_000
	// freeFailures is how many unknown keys an address may send at once, and
	// failuresPerSecond how many over time.
	freeFailures      = 100
	failuresPerSecond = 1
	// maxNames is how many names of keys are remembered for an address.
	maxNames = 16
)

// attempts is a table of addresses that have sent keys.
type attempts struct {
	now       func() time.Time
	addresses *lru.Cache[netip.Prefix, *address]
	mu        sync.Mutex
}

// address is the state of one address. Once it has used up its failures, even right keys are refused:
// otherwise an attacker could guess as fast as it likes, and would notice a right guess. Keys that were
// accepted from the address before are still accepted, so that an attacker does not lock out others
// behind the same proxy.
type address struct {
	table *attempts
	mu    sync.Mutex
	names map[string]bool // names of the keys that were accepted
	rate  *rate.Limiter
}

func newAttempts(now func() time.Time) (*attempts, error) {
	addresses, err := lru.New[netip.Prefix, *address](maxAddresses)
	if err != nil {
		return nil, fmt.Errorf("keys: make the table of addresses: %w", err)
	}
	return &attempts{now: now, addresses: addresses}, nil
}

// of returns the state of a client's address, a new one if the table has none.
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

// network returns the key of an address in the table: an IPv4 address, or a /64 network of IPv6, because
// one client usually has all addresses of such a network. All texts that are not addresses share one key.
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
	prefix, _ := ip.Prefix(bits) // bits is valid
	return prefix
}

// accepts reports whether a right key is accepted, and then remembers its name.
func (a *address) accepts(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.names[name] {
		return true
	}
	if a.rate.TokensAt(a.table.now()) < 1 {
		return false
	}
	if len(a.names) < maxNames {
		a.names[name] = true
	}
	return true
}

// countFailure counts an unknown key. If there were too many, it returns how long the client must wait.
func (a *address) countFailure() time.Duration {
	now := a.table.now()
	if a.rate.AllowN(now, 1) {
		return 0
	}
	missing := 1 - a.rate.TokensAt(now)
	return time.Duration(missing / failuresPerSecond * float64(time.Second))
}
