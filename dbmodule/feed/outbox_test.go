package feed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However long names are, a NOTIFY takes them, and none is left out.
func TestPayloadsFit(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{
		"short": "k", "long": strings.Repeat("k", 900), "escaped": strings.Repeat("\x01", MaxName-16), "other": strings.Repeat("ä\"\n", 200),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOutbox()
			want := map[string]bool{}
			for i := range 300 {
				at := topicKey{fmt.Sprint("topic", i), key}
				want[at.topic] = true
				o.add(at, at)
			}
			got := map[string]bool{}
			for _, payload := range o.take().payloads("me") {
				assert.Less(t, len(payload), 8000)
				var n note
				require.NoError(t, json.Unmarshal([]byte(payload), &n))
				for _, at := range n.At {
					assert.False(t, got[at[0]], "twice")
					assert.Equal(t, key, at[1])
					got[at[0]] = true
				}
			}
			assert.Equal(t, want, got)
			assert.Empty(t, o.take().payloads("me"))
		})
	}
}

// Messages fit as well, in order; too many, and too large ones, are left out.
func TestMessagesFit(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	large := bytes.Repeat([]byte("m"), MaxMessage)
	for i := range mostMessages + 5 {
		o.pass(topicMessage{"t", fmt.Sprint(i), large[:i%MaxMessage]})
	}
	o.pass(topicMessage{"t", strings.Repeat("\x01", MaxName-1), large})
	next := 0
	for _, payload := range o.take().payloads("me") {
		assert.Less(t, len(payload), 8000)
		var n note
		require.NoError(t, json.Unmarshal([]byte(payload), &n))
		for _, m := range n.Say {
			assert.Equal(t, fmt.Sprint(next), m.Key)
			next++
		}
	}
	assert.Equal(t, mostMessages, next)
	assert.Empty(t, batch{messages: []topicMessage{{"t", strings.Repeat("\x01", MaxName-1), large}}}.payloads("me"))
	assert.Empty(t, o.take().payloads("me"))
}

func TestOutboxThatOverflowsSaysAll(t *testing.T) {
	t.Parallel()
	o := newOutbox()
	for i := range mostWaiting + 2 {
		o.add(topicKey{"t", fmt.Sprint(i)})
	}
	b := o.take()
	assert.True(t, b.all)
	o.putBack(b)
	assert.Equal(t, []string{`{"from":"me","all":true}`}, o.take().payloads("me"))
}
