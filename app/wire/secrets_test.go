package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/wire"
)

// Places where a secret, X, may stand.
var secretPlaces = []string{
	`{"api_key":"X"}`, `{"apiKey":"X"}`, `{"API-KEY":"X"}`, `{"X-Api-Key":"X"}`, `{"key":"X"}`, `{"keys":["X"]}`, `{"ssh_key":"X"}`,
	`{"signing_key":"X"}`, `{"encryption_key":"X"}`, `{"private_key":"X"}`, `{"aws_access_key_id":"X"}`, `{"aws_secret_access_key":"X"}`,
	`{"session":"X"}`, `{"session_id":"X"}`, `{"aws_session_token":"X"}`, `{"X-Session-API-Key":"X"}`, `{"token":"X"}`, `{"access_token":"X"}`,
	`{"refresh_token":"X"}`, `{"token_value":"X"}`, `{"my_tokens":["X"]}`, `{"password":"X"}`, `{"Password1":"X"}`, `{"passwd":"X"}`, `{"pwd":"X"}`,
	`{"db_pwd":"X"}`, `{"passphrase":"X"}`, `{"secret":"X"}`, `{"client_secret":"X"}`, `{"secrets":{"A":{"value":"X"}}}`, `{"credential":"X"}`,
	`{"credentials":{"user":"X"}}`, `{"cookie":"X"}`, `{"Set-Cookie":"X"}`, `{"authorization":"X"}`, `{"Proxy-Authorization":"X"}`, `{"auth":"X"}`,
	`{"auth":{"user":"X"}}`, `{"basic_auth":"X"}`, `{"bearer":"X"}`, `{"pat":"X"}`, `{"env":{"HOME":"X"}}`, `{"environment":{"A":{"B":["X"]}}}`,
	`{"headers":{"Accept":"X"}}`, `{"extra_headers":{"A":"X"}}`, `{"acp_env":{"A":"X"}}`, `{"mcp":{"args":["--api-key","X"]}}`,
	`{"args":["run","--token","X","--verbose"]}`, `{"args":["--api-key=X"]}`, `{"args":["-e","OPENAI_API_KEY=X"]}`, `{"args":["--password","X"]}`,
	`{"url":"https://me:X@host/p"}`, `{"url":"https://X@host/p"}`, `{"url":"postgresql://me:X@host:1/db"}`, `{"url":"https://h/p?api_key=X&b=1"}`,
	`{"url":"https://h/p?a=1&tavilyApiKey=X"}`, `{"url":"wss://h/p?access_token=X"}`, `{"text":"see https://h/?key=X and more"}`, `{"h":"Authorization: Bearer X"}`,
	`{"h":"X-Api-Key: X"}`, `{"list":["Bearer X"]}`, `{"note":"-----BEGIN OPENSSH PRIVATE KEY-----\nX\n-----END OPENSSH PRIVATE KEY-----"}`,
	`{"text":"my key is sk-proj-XXXXXXXXXXXXXXXXXXXXXXXX"}`, `{"text":"ghp_XXXXXXXXXXXXXXXXXXXXXXXX"}`, `{"remote":"git clone https://oauth2:X@host/r.git"}`,
	`{"deep":[[{"a":{"b":[{"llm":{"api_key":"X"}}]}}]]}`,
}

func TestSecretsAreMaskedInAllPlaces(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, len(secretPlaces), 60)
	const secret = "Zq7Zq7Zq7Zq7Zq7Zq7Zq7Zq7Zq7"
	for _, place := range secretPlaces {
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
