package keys

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/openhands-go/server/httpmodule"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func testGate(t *testing.T, cfg Config) (*Gate, *clock, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	c := &clock{now: time.Now()}
	gate, err := newGate(cfg, zap.New(core), c.read, []string{"/push"})
	require.NoError(t, err)
	return gate, c, logs
}

// status is what a GET from an address with a key is answered with.
func status(gate *Gate, client, key string) int {
	_, err := gate.Admit(httpmodule.Attempt{Keys: []string{key}, Method: http.MethodGet, Route: "/x", Client: client})
	var refused *httpmodule.HTTPError
	if errors.As(err, &refused) {
		return refused.Status
	}
	return http.StatusOK
}

// Keys of the file come and go without a restart, however the file is replaced; what can't
// be used changes nothing, is told once, and never shown.
func TestKeysOfAFileRotate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	write := func(text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
	}
	write("a:read:old\n")
	gate, clock, logs := testGate(t, Config{File: path, Keys: "fixed:read:fixed"})
	is := func(old, fresh int) {
		t.Helper()
		clock.pass(20 * time.Second)
		status(gate, "10.0.0.9", "fixed")
		assert.Equal(t, old, status(gate, "10.0.0.1", "old"))
		assert.Equal(t, fresh, status(gate, "10.0.0.1", "new"))
		assert.Equal(t, 200, status(gate, "10.0.0.1", "fixed"))
	}
	is(200, 401)
	write("a:read:old\nb:all:new\n")
	is(200, 200)
	write("b:all:new\n")
	is(401, 200)
	assert.Equal(t, 2, logs.FilterMessage("keys read again").Len())

	for _, bad := range []string{"b:all:new\nc:old\n", "", "fixed:all:new", "b:all:fixed\n"} {
		write(bad)
		is(401, 200)
		is(401, 200)
	}
	require.NoError(t, os.Remove(path))
	is(401, 200)
	is(401, 200)
	told := logs.FilterMessage("the file of keys can't be used: the previous keys stay valid").All()
	assert.Len(t, told, 5, "each mistake once")
	for _, entry := range logs.All() {
		line := fmt.Sprint(entry.Message, entry.ContextMap())
		for _, key := range []string{"new", "old"} {
			assert.NotContains(t, line, ":"+key)
		}
	}
	write("a:read:old\n")
	is(200, 401)
}

func TestAFileIsBelievedForASecond(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(path, []byte("a:read:1"), 0o600))
	gate, clock, _ := testGate(t, Config{File: path})
	require.NoError(t, os.WriteFile(path, []byte("a:read:2"), 0o600)) // of the same size
	assert.Equal(t, 200, status(gate, "10.0.0.1", "1"))
	clock.pass(rereadAfter)
	assert.Equal(t, 401, status(gate, "10.0.0.1", "1"))
	assert.Equal(t, 200, status(gate, "10.0.0.1", "2"))
}

func TestAFileThatCanNotBeUsedAtFirst(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"there is none": {"-", "keys: API_KEYS_FILE: open the file: no such file or directory"},
		"no scope":      {"a:read", "keys: API_KEYS_FILE: line 1: takes name:scope:key"},
		"empty":         {"", "keys: API_KEYS_FILE: it contains no key"},
		"too large":     {string(make([]byte, maxBytes+1)), "keys: API_KEYS_FILE: the file has more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "hunter2")
			if c.text != "-" {
				require.NoError(t, os.WriteFile(path, []byte(c.text), 0o600))
			}
			_, err := NewGate(Config{File: path}, zap.NewNop())
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// Who guesses is slowed down, also when a guess is right; others are not, nor are keys that
// came from the same address before.
func TestGuessesAreSlowedDown(t *testing.T) {
	t.Parallel()
	gate, clock, _ := testGate(t, Config{Keys: "a:all:right,b:read:other"})
	require.Equal(t, 200, status(gate, "10.0.0.1", "other"))
	for range freeFailures {
		require.Equal(t, 401, status(gate, "10.0.0.1", "wrong"))
	}
	assert.Equal(t, 429, status(gate, "10.0.0.1", "wrong"))
	assert.Equal(t, 429, status(gate, "10.0.0.1", "right"), "a guess that is right")
	assert.Equal(t, 200, status(gate, "10.0.0.1", "other"), "was right before")
	assert.Equal(t, 200, status(gate, "10.0.0.2", "right"), "another address")
	_, err := gate.Admit(httpmodule.Attempt{Client: "10.0.0.1"})
	require.ErrorContains(t, err, "401", "no key is no guess")
	_, err = gate.Admit(httpmodule.Attempt{Client: "10.0.0.1", Keys: []string{"x"}})
	var slow *httpmodule.HTTPError
	require.ErrorAs(t, err, &slow)
	assert.NotEmpty(t, slow.Header.Get("Retry-After"))
	clock.pass(time.Second)
	assert.Equal(t, 200, status(gate, "10.0.0.1", "right"))

	for i := range freeFailures + 1 {
		status(gate, fmt.Sprintf("2001:db8::%d", i), "wrong")
	}
	assert.Equal(t, 429, status(gate, "2001:db8::ffff", "right"), "one holder's network")
	assert.Equal(t, 200, status(gate, "2001:db8:0:1::1", "right"))
}

func TestTheTableOfAddressesIsBounded(t *testing.T) {
	t.Parallel()
	gate, _, _ := testGate(t, Config{Keys: "a:all:right"})
	for i := range maxAddresses + 100 {
		status(gate, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), "wrong")
	}
	assert.Equal(t, maxAddresses, gate.attempts.addresses.Len())
}
