package paging_test

import (
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/app/wire"
)

const id = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, c := range []paging.Cursor{
		{Seq: 1}, {Micros: -62135596800000000, Seq: math.MaxInt64}, {Micros: 253402300799999999, ID: id}, {Micros: -1, Seq: 1},
	} {
		token, err := paging.Encode("events:"+id, "TIMESTAMP", c)
		require.NoError(t, err)
		got, err := paging.Decode(token, "events:"+id, "TIMESTAMP")
		require.NoError(t, err)
		assert.Equal(t, c, got)
		for _, foreign := range [][2]string{{"conversations", "TIMESTAMP"}, {"events:" + id, "TIMESTAMP_DESC"}, {"", ""}} {
			_, err := paging.Decode(token, foreign[0], foreign[1])
			requireInvalid(t, err)
		}
	}
}

func requireInvalid(t *testing.T, err error) {
	t.Helper()
	var invalid *wire.Invalid
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, []any{"query", "page_id"}, invalid.Loc)
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	// page is a token with that cursor.
	page := func(cursor string) string { return encode(`{"v":1,"s":"s o","c":{` + cursor + `}}`) }
	valid := `{"v":1,"s":"s o","c":{"t":5,"n":7}}`
	_, err := paging.Decode(encode(valid), "s", "o")
	require.NoError(t, err)
	for _, token := range []string{
		"", "x", "0", "100", id, encode(""), encode("{"), encode("null"), encode("[]"), encode(`{"v":1}`),
		encode(strings.Replace(valid, `"v":1`, `"v":2`, 1)), page(`"t":5`), page(`"t":9223372036854775807,"n":7`),
		page(`"t":-9223372036854775808,"n":7`), page(`"t":"5","n":7`), page(`"t":5.5,"n":7`),
		page(`"t":5,"n":7,"x":1`), page(`"t":05,"n":7`), encode(` ` + valid),
		page(`"t":5,"i":"x' OR 1=1"`), page(`"t":99999999999999999999,"n":7`),
		encode(valid) + "=", base64.StdEncoding.EncodeToString([]byte(valid)) + "=", encode(valid) + "\n", strings.Repeat("A", 5000),
	} {
		_, err := paging.Decode(token, "s", "o")
		requireInvalid(t, err)
	}
}

func FuzzDecode(f *testing.F) {
	token, err := paging.Encode("s", "o", paging.Cursor{Micros: 5, ID: id})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("")
	f.Add("eyJ2IjoxfQ")
	f.Fuzz(func(t *testing.T, pageID string) {
		c, err := paging.Decode(pageID, "s", "o")
		if err != nil {
			var invalid *wire.Invalid
			if !errors.As(err, &invalid) {
				t.Fatalf("%q: %v", pageID, err)
			}
			return
		}
		again, err := paging.Encode("s", "o", c)
		if err != nil || again != pageID {
			t.Fatalf("%q decodes to %+v, which encodes to %q (%v)", pageID, c, again, err)
		}
	})
}
