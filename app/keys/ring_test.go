package keys

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

func TestKeysAreRead(t *testing.T) {
	t.Parallel()
	r, err := parse("# ours\n\nagent:webhooks:a:b,c\r\nreader:read:secret two \t\n")
	require.ErrorContains(t, err, "line 4: an HTTP header can't carry the key")
	require.Nil(t, r)
	r, err = parse("# ours\n\nagent:webhooks:a:b,c\r\nreader:read:secret two\n")
	require.NoError(t, err)
	for key, want := range map[string]Scope{"a:b,c": Webhooks, "secret two": Read, "secret": "", "": "", "a:b,c\r": ""} {
		got, ok := r.find(key)
		assert.Equal(t, want, got.scope, key)
		assert.Equal(t, want != "", ok, key)
	}
	for _, marked := range []string{"\ufeffagent:all:1\r\n", "\ufeff# ours\r\nagent:all:1\r\n"} {
		r, err = parse(marked)
		require.NoError(t, err, marked)
		assert.Len(t, r, 1)
	}
	listed, err := parseList("a:read:1,b:all:2\nc:webhooks:3")
	require.NoError(t, err)
	assert.Len(t, listed, 3)
}

// A mistake is told by its line, and nothing of what stands there is shown: it may be a key.
func TestMistakesInKeysAreTold(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, c := range []struct{ text, want string }{
		{secret, "line 1: takes name:scope:key"},
		{"a:" + secret, "line 1: takes name:scope:key"},
		{"\na b:read:" + secret, "line 2: the name"},
		{":read:" + secret, "line 1: the name"},
		{strings.Repeat("n", 65) + ":read:" + secret, "line 1: the name"},
		{secret + ":agent:read", "line 1: the scope"},
		{"a:READ:" + secret, "line 1: the scope"},
		{"a:write:" + secret, "line 1: the scope"},
		{"a:read:", "line 1: the key, after the second colon, is empty"},
		{"a:read: " + secret, "line 1: an HTTP header can't carry the key"},
		{"a:read:" + secret + "\x00", "line 1: an HTTP header can't carry the key"},
		{"a:read:ü" + secret, "line 1: an HTTP header can't carry the key"},
		{"# nothing\n", "it contains no key"},
		{"a:read:1" + secret + "\na:all:2" + secret, "two keys have the name a"},
		{"a:read:" + secret + "\nb:all:" + secret, "a and b are the same key"},
	} {
		_, err := parse(c.text)
		require.ErrorContains(t, err, c.want, c.text)
		assert.NotContains(t, err.Error(), secret)
		err = Config{Keys: httpmodule.Secret(c.text)}.Validate()
		require.ErrorContains(t, err, "keys: API_KEYS: ")
		assert.NotContains(t, err.Error(), secret)
	}
	var many strings.Builder
	for range maxKeys + 1 {
		n := strings.Repeat("x", many.Len()%60+1)
		many.WriteString(n + ":read:" + n + "\n")
	}
	_, err := parse(many.String())
	require.Error(t, err)
	require.ErrorContains(t, Config{Keys: "default:read:1", Default: "2"}.Validate(), "two keys have the name default")
	require.ErrorContains(t, Config{Keys: "a:read:1", Default: "1"}.Validate(), "default and a are the same key")
	require.NoError(t, Config{}.Validate())
}
