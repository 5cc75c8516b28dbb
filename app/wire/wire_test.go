package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/httpmodule"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ in, want string }{
		"nothing to hide":    {`{ "a" : [1, 2.50, "x"],"a":{} }`, `{ "a" : [1, 2.50, "x"],"a":{} }`},
		"spacing stays":      {"{ \"api_key\" :\t\"sk\" , \"b\":1}", "{ \"api_key\" :\t\"**********\" , \"b\":1}"},
		"camel case":         {`{"apiKey":"k","X-Api-Key":"k"}`, `{"apiKey":"**********","X-Api-Key":"**********"}`},
		"null and empty":     {`{"api_key":null,"password":"","secret":true}`, `{"api_key":null,"password":"","secret":true}`},
		"numbers":            {`{"password":-12.5e3}`, `{"password":"**********"}`},
		"escapes":            {`{"password":"a\"\\\"b\\\\"}`, `{"password":"**********"}`},
		"escaped name":       {`{"\u0061pi_key":"k"}`, `{"\u0061pi_key":"**********"}`},
		"tokens counted":     {`{"per_turn_token":5,"input_cost_per_token":1e-6}`, `{"per_turn_token":5,"input_cost_per_token":1e-6}`},
		"tokens":             {`{"github_token":"g","access_token":"a"}`, `{"github_token":"**********","access_token":"**********"}`},
		"kind is no way out": {`{"secret":{"kind":{"foo":"LEAK"}},"env":{"kind":"LEAK"}}`, `{"secret":{"kind":{"foo":"**********"}},"env":{"kind":"**********"}}`},
		"below a secret":     {`{"secrets":{"A":"b","C":{"kind":"StaticSecret","value":"v"},"n":[1,"x"]}}`, `{"secrets":{"A":"**********","C":{"kind":"StaticSecret","value":"**********"},"n":["**********","**********"]}}`},
		"after a secret":     {`[{"secrets":{"A":"b"},"c":"d"},"e"]`, `[{"secrets":{"A":"**********"},"c":"d"},"e"]`},
		"env and headers":    {`{"env":{"HOME":"/"},"headers":{"Authorization":"Bearer x"}}`, `{"env":{"HOME":"**********"},"headers":{"Authorization":"**********"}}`},
		"lone surrogates":    {`{"s":"\ud800","password":"\udfff"}`, `{"s":"\ud800","password":"**********"}`},
		"in an array":        {`{"credentials":["a","b"],"c":[]}`, `{"credentials":["**********","**********"],"c":[]}`},
		"a big number":       {`{"n":123456789012345678901234567890}`, `{"n":123456789012345678901234567890}`},
		"a text":             {`"password"`, `"password"`},
		"space around it":    {" {\"password\":\"x\"} \n", " {\"password\":\"**********\"} \n"},
		"aws":                {`{"aws_access_key_id":"x","aws_region_name":"r"}`, `{"aws_access_key_id":"**********","aws_region_name":"r"}`},
		"a nested api key":   {`{"llm":{"model":"m","api_key":"x"}}`, `{"llm":{"model":"m","api_key":"**********"}}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := wire.Redact([]byte(c.in))
			require.NoError(t, err)
			assert.Equal(t, c.want, string(got))
		})
	}
	got, err := wire.RedactMember("secrets", []byte(`{"a":"b"}`))
	require.NoError(t, err)
	assert.Equal(t, `{"a":"**********"}`, string(got))
}

func FuzzRedact(f *testing.F) {
	f.Add(`{"api_key":"a\\\"","b":[{"secrets":{"kind":1,"x":-1e5}}]}`)
	f.Add(` [ {"env" : {"a":"b"}} , 1 ] `)
	f.Fuzz(func(t *testing.T, in string) {
		if wire.CheckJSON([]byte(in)) != nil {
			return
		}
		got, err := wire.Redact([]byte(in))
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if !json.Valid(got) {
			t.Fatalf("%q became %q", in, got)
		}
		again, err := wire.Redact(got)
		if err != nil || string(again) != string(got) {
			t.Fatalf("%q became %q, then %q (%v)", in, got, again, err)
		}
	})
}

func TestParseID(t *testing.T) {
	t.Parallel()
	const want = "0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10"
	for _, in := range []string{want, strings.ToUpper(want), wire.HexID(want), strings.ToUpper(wire.HexID(want))} {
		got, err := wire.ParseID(in)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	for _, in := range []string{
		"", "x", want[1:], want + "0", "{" + want + "}", "urn:uuid:" + want, strings.Replace(want, "-", "_", 1),
		strings.Replace(wire.HexID(want), "a", "g", 1), "é" + wire.HexID(want)[2:], "\x00" + wire.HexID(want)[1:],
	} {
		_, err := wire.ParseID(in)
		require.Error(t, err, in)
	}
}

func TestParseTime(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Time{
		"2026-01-31T12:34:56.123456":   time.Date(2026, 1, 31, 12, 34, 56, 123456000, time.UTC),
		"2026-01-31T12:34:56":          time.Date(2026, 1, 31, 12, 34, 56, 0, time.UTC),
		"2026-01-31 12:34:56":          time.Date(2026, 1, 31, 12, 34, 56, 0, time.UTC),
		"2026-01-31T12:34:56.1234567Z": time.Date(2026, 1, 31, 12, 34, 56, 123456000, time.UTC),
		"2026-01-31T12:34:56z":         time.Date(2026, 1, 31, 12, 34, 56, 0, time.UTC),
		"2026-01-31T12:34:56.5+02:00":  time.Date(2026, 1, 31, 10, 34, 56, 500000000, time.UTC),
		"2026-01-31T12:34":             time.Date(2026, 1, 31, 12, 34, 0, 0, time.UTC),
		"2026-01-31":                   time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC),
		"0001-01-01T00:00:00":          time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC),
		"9999-12-31T23:59:59.999999":   time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
	} {
		got, err := wire.ParseTime(in)
		require.NoError(t, err, in)
		assert.True(t, want.Equal(got), "%s: %s", in, got)
		assert.Equal(t, got, time.UnixMicro(got.UnixMicro()).UTC(), "fits microseconds")
	}
	for _, in := range []string{
		"", "now", "5", "2026-02-30", "2026-01-31T25:00:00", "0000-01-01T00:00:00", "0001-01-01T00:00:00+01:00",
		"9999-12-31T23:59:59-01:00", "10000-01-01", "2026-01-31T12:34:56 02:00", "2026-01-31T12:34:56\x00",
	} {
		_, err := wire.ParseTime(in)
		require.Error(t, err, in)
	}
}

func TestUnderKeepsOtherErrors(t *testing.T) {
	t.Parallel()
	other := errors.New("other")
	assert.Equal(t, other, wire.Under(other, "body"))
	require.NoError(t, wire.Under(nil, "body"))
	err := wire.Under(wire.NewInvalid("x", "wrong", "a"), "body", 3)
	assert.Equal(t, "body.3.a: wrong", err.Error())
	var answer *httpmodule.HTTPError
	require.ErrorAs(t, err, &answer)
	assert.Equal(t, 422, answer.Status)
	text, err := json.Marshal(answer)
	require.NoError(t, err)
	assert.Equal(t, `{"detail":[{"loc":["body",3,"a"],"msg":"wrong","type":"x"}]}`, string(text))
}

func TestObjectNamesAreExact(t *testing.T) {
	t.Parallel()
	object, err := wire.ParseObject([]byte(`{"ID":"x","id":"y","id":"z"}`))
	require.NoError(t, err)
	id, err := object.String("id", 0)
	require.NoError(t, err)
	assert.Equal(t, "z", *id)
}

func TestAppendPage(t *testing.T) {
	t.Parallel()
	assert.Equal(t, `{"items":[],"next_page_id":null}`, string(wire.AppendPage(nil, nil, "")))
	assert.Equal(t, `{"items":[{ "a":1 },null],"next_page_id":"abc"}`, string(wire.AppendPage(nil, []string{`{ "a":1 }`, ""}, "abc")))
}

// Elements takes a valid array apart as encoding/json does.
func TestElements(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`[]`, " [ \n] ", `[1]`, ` [ 1 , "a,]\"[" ,{"a":[1,{"b":"}"}]} , [ ] ,null,"\\",""] `, `["\\\"",{"\"":","}]`, `[[[[]]],{}]`,
	} {
		got, err := wire.Elements([]byte(text))
		require.NoError(t, err, text)
		var want []json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{`{}`, `"[]"`, ``, `null`} {
		_, err := wire.Elements([]byte(text))
		require.Error(t, err, text)
	}
	// To add to an element does not write into the next one.
	raw := []byte(`[1,2]`)
	got, err := wire.Elements(raw)
	require.NoError(t, err)
	_ = append(got[0], "xxx"...)
	assert.Equal(t, `[1,2]`, string(raw))
}
