package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/wire"
)

// FuzzMembers compares the members of objects with those that encoding/json finds, byte for
// byte.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { } `, `{"a":1}`, "{\n\"a\" :\t[1, {\"b\":\"},\"}] ,\r\"a\": \"last\" }", `{"\u0061\"":"x\\","":null,"é":{"":[[]]}}`,
		`{"\ud800":1,"a,b":"c,d","e:f":":"}`, `{"a":"\\\"","b":-1.5e+3}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if wire.CheckJSON([]byte(text)) != nil || wire.Kind([]byte(text)) != '{' {
			return // no object
		}
		want := wire.Object{}
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		got, err := wire.Members([]byte(text))
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

// What is appended to a member is not written over the next.
func TestMembersAreApart(t *testing.T) {
	t.Parallel()
	raw := []byte(`{"a":[1],"b":2}`)
	object, err := wire.Members(raw)
	require.NoError(t, err)
	_ = append(object["a"], "!!!!"...)
	assert.JSONEq(t, `{"a":[1],"b":2}`, string(raw))
	for _, bad := range []string{`{`, `{"a"`, `{"a"}`, `{a:1}`, `{"a":1`, `[1]`, ``, `{"a":1,}`} {
		_, err := wire.Members([]byte(bad))
		assert.Error(t, err, bad)
	}
}
