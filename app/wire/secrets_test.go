package wire_test

import (
	_ "embed"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/wire"
)

// secretPlaces are places where a secret, X, may stand, one a line.
//
//go:embed testdata/secrets.txt
var secretPlaces string

func TestSecretsAreMaskedInAllPlaces(t *testing.T) {
	t.Parallel()
	places := strings.Split(strings.TrimSpace(secretPlaces), "\n")
	require.GreaterOrEqual(t, len(places), 60)
	const secret = "Zq7Zq7Zq7Zq7Zq7Zq7Zq7Zq7Zq7"
	for _, place := range places {
		raw := strings.ReplaceAll(strings.ReplaceAll(place, strings.Repeat("X", 24), secret), `"X"`, `"`+secret+`"`)
		for _, around := range []string{":X@", "//X@", "=X", ": X", "Bearer X", `\nX\n`} {
			raw = strings.ReplaceAll(raw, around, strings.Replace(around, "X", secret, 1))
		}
		require.Contains(t, raw, secret, place)
		for name, redact := range map[string]func([]byte) ([]byte, error){"conversation": wire.Redact, "event": wire.RedactEvent} {
			if name == "event" && strings.HasPrefix(place, `{"key":`) {
				continue // what an event is about
			}
			got, err := redact([]byte(raw))
			require.NoError(t, err, place)
			assert.True(t, json.Valid(got), "%s: %s", place, got)
			assert.NotContains(t, string(got), secret, "%s of %s", name, place)
			again, err := redact(got)
			assert.NoError(t, err)
			assert.JSONEq(t, string(got), string(again), place)
		}
	}
}

// What is no secret stays as it was written.
func TestWhatIsNoSecretStays(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		`{"max_output_tokens":9007199254740993,"prompt_tokens":5,"author":"me","working_dir":"/a/b","model":"openai/gpt"}`,
		`{"trigger":{"keywords":["git","github"]},"url":"https://h/p?q=1#top","custom_tokenizer":"org/model"}`,
		`{"text":"a = b, x=1 and a@b.c: mail me at me@host.example","ssh":"git@github.com:o/r.git","api_key":null,"token":""}`,
		`{"args":["-y","@scope/server","--port","8080","--verbose"],"kind":"Agent","llm_api_key_is_set":true}`,
		`{"text":"<div className=\"a\"> tool --verbose yes -H 'Accept: application/json' {\"model\": \"m\"} note: 'name':'me'","cmd":"a='b c' d=\"e\""}`,
		`{"n":1.0e+5,"é":"\u00e9 \/ <&>","title":"Tokens: how many"}`,
	} {
		got, err := wire.Redact([]byte(raw))
		require.NoError(t, err)
		assert.Equal(t, raw, string(got))
	}
	got, err := wire.RedactEvent([]byte(`{"key":"full_state","value":{"key":"v"}}`))
	require.NoError(t, err)
	assert.Equal(t, `{"key":"full_state","value":{"key":"`+wire.Mask+`"}}`, string(got))
}
