package cluster_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/dbmodule/dburl"
	"github.com/openhands-go/server/dbmodule/internal/cluster"
	"github.com/openhands-go/server/dbmodule/internal/engine"
)

const id = "12345678"

func TestTokenCarriesWrites(t *testing.T) {
	t.Parallel()
	when := time.Now().Truncate(time.Millisecond)
	for name, at := range map[string]engine.Position{
		"unknown":   nil,
		"one log":   {0: 0x16b374d848},
		"largest":   {4294967295: 18446744073709551615},
		"more logs": {0: 100, 1: 0, 7: 5},
		"all logs":  {0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8},
	} {
		w := cluster.NewWrites("")
		w.Note(id, at, when)
		token := w.Token()
		assert.Regexp(t, `^[a-z0-9.~-]+$`, token)
		gotAt, gotWhen, ok := cluster.NewWrites(token).Of(id)
		require.True(t, ok, name)
		assert.Equal(t, at, gotAt, name)
		assert.True(t, when.Equal(gotWhen), "%s: %s, %s", name, when, gotWhen)
	}
}

// The time has to do for a position that is too long.
func TestTokenOfVeryManyLogsKeepsTheTime(t *testing.T) {
	t.Parallel()
	w, at, now := cluster.NewWrites(""), engine.Position{}, time.Now()
	for log := range uint32(9) {
		at[log] = 1
	}
	w.Note(id, at, now)
	gotAt, when, ok := cluster.NewWrites(w.Token()).Of(id)
	require.True(t, ok)
	assert.Empty(t, gotAt)
	assert.Equal(t, now.UnixMilli(), when.UnixMilli())
}

func TestTokenIsOfWhatWasWrittenHere(t *testing.T) {
	t.Parallel()
	assert.Empty(t, (*cluster.Writes)(nil).Token())
	assert.Empty(t, cluster.NewWrites("").Token())
	w := cluster.NewWrites("")
	w.Note(id, engine.Position{0: 7}, time.Now())

	other := cluster.NewWrites(w.Token())
	assert.Empty(t, other.Token(), "it was told, and wrote nothing")
	other.Note("0123abcd", nil, time.Now())
	third := cluster.NewWrites(other.Token())
	at, _, ok := third.Of(id)
	assert.True(t, ok, "what it was told is handed on")
	assert.Equal(t, engine.Position{0: 7}, at)
	_, _, ok = third.Of("0123abcd")
	assert.True(t, ok)
}

func TestWritesAreMerged(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := cluster.NewWrites("")
	w.Note(id, engine.Position{0: 7, 1: 1}, now)
	w.Note(id, engine.Position{0: 6, 2: 3}, now.Add(-time.Hour))
	at, when, ok := w.Of(id)
	assert.True(t, ok)
	assert.Equal(t, engine.Position{0: 7, 1: 1, 2: 3}, at)
	assert.Equal(t, now, when)
	_, _, ok = w.Of("87654321")
	assert.False(t, ok)
}

// A token names the databases that were written to last.
func TestTokenIsShort(t *testing.T) {
	t.Parallel()
	w, now := cluster.NewWrites(""), time.Now()
	for i := range 20 {
		w.Note(fmt.Sprintf("%08d", i), engine.Position{1 << 31: 1 << 63, 2: 1 << 62}, now.Add(time.Duration(i)*time.Second))
	}
	token := w.Token()
	assert.LessOrEqual(t, len(token), cluster.LongestToken)
	read := cluster.NewWrites(token)
	_, _, newest := read.Of("00000019")
	_, _, oldest := read.Of("00000000")
	assert.True(t, newest)
	assert.False(t, oldest)
}

func TestTextsThatAreNoTokens(t *testing.T) {
	t.Parallel()
	good := id + "-lk3j2x-0.z"
	_, _, ok := cluster.NewWrites(good).Of(id)
	require.True(t, ok)
	handedOn := cluster.NewWrites("1234\r\n78-lk3j2x-0.z~1234-lk3j2x-0.z~" + good)
	handedOn.Note("0123abcd", nil, time.Now())
	assert.Regexp(t, "^0123abcd-[a-z0-9]+-~"+good+"$", handedOn.Token())
	for _, token := range []string{
		"x", "~~~", "-", "--", strings.Repeat("a", 1000), id + "-zz-1", id + "-!-0.1", id + "-1-0.1.2", id + "-1-0.x!", id + "--0.1",
		id + "-1-4294967296000.1", id + "-1-0.-1", id + "-zzzzzzzzzzzzzzzz-0.1", id + "-1-" + strings.Repeat("1.1.", 8) + "1.1",
		strings.Repeat(id+"-1-0.1~", 20), "ü-\x00-1", "1234567-1-0.1", "1234 678-1-0.1", "1234\r\n78-1-0.1", "1234567g-1-0.1", good + "-1", id + "-lk3j2x-0." + strings.Repeat("0", 400) + "z",
	} {
		_, _, ok := cluster.NewWrites(token).Of(id)
		assert.False(t, ok, "%q", token)
	}
}

// Such a write would be waited for until its time has come.
func TestTokenOfTheFuture(t *testing.T) {
	t.Parallel()
	_, when, ok := cluster.NewWrites(id + "-zzzzzzzzzz-0.1").Of(id)
	assert.True(t, ok)
	assert.Less(t, time.Until(when), cluster.ClockSlack+time.Second)
}

func TestWritesAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	w := cluster.NewWrites(id + "-lk3j2x-0.z")
	var wg sync.WaitGroup
	for i := range uint64(8) {
		wg.Go(func() {
			w.Note(id, engine.Position{0: 1000 + i}, time.Now())
			w.Of(id)
			w.Token()
		})
	}
	wg.Wait()
	at, _, _ := w.Of(id)
	assert.Equal(t, engine.Position{0: 1007}, at, "the last of all")
}

func TestDatabaseIDIsTheSameAtAllAddresses(t *testing.T) {
	t.Parallel()
	of := func(text string) string {
		var u dburl.URL
		require.NoError(t, u.UnmarshalText([]byte(text)))
		return cluster.DatabaseID(u)
	}
	assert.Equal(t, of("postgresql://a/x"), of("postgresql://user:pass@b:1234/x"))
	assert.NotEqual(t, of("postgresql://a/x"), of("postgresql://a/y"))
	assert.NotEqual(t, of("postgresql://a/x"), of("mysql://a/x"))
	assert.Len(t, of("postgresql://a/x"), len(id))
}

func FuzzToken(f *testing.F) {
	f.Add(id + "-lk3j2x-0.z")
	f.Add(id + "-lk3j2x-0.z~87654321-lk3j2x-")
	f.Fuzz(func(t *testing.T, token string) {
		w := cluster.NewWrites(token)
		w.Note("0123abcd", engine.Position{0: 1}, time.Now())
		assert.Regexp(t, `^[A-Za-z0-9._~-]{1,400}$`, w.Token())
	})
}
