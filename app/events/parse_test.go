package events_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/openhands-go/server/app/events"
	"github.com/openhands-go/server/app/wire"
)

// Whatever is pushed is refused with a place, or each of its events is a part of
// it as it came.
func FuzzParseBatch(f *testing.F) {
	f.Add(`[{"id":"1","kind":"MessageEvent","source":"agent","timestamp":"2026-01-01T00:00:00","llm_message":{"content":[{"type":"text","text":"\ud800"}]}}]`)
	f.Add(`[{"id":"1","kind":"ConversationStateUpdateEvent","key":"full_state","value":{"execution_status":7,"stats":{"usage_to_metrics":{"a":{"accumulated_cost":1e400}}}}}]`)
	f.Add(`[{"id":"1","kind":"ActionEvent","source":"agent","action":{"kind":"FinishAction","message":5}}, {"id":"2"}]`)
	f.Add(`[7]`)
	f.Add("[\xff]")
	f.Fuzz(func(t *testing.T, body string) {
		batch, refused, err := events.ParseBatch([]byte(body), time.Unix(0, 0))
		if err != nil {
			var invalid *wire.Invalid
			if !errors.As(err, &invalid) || len(invalid.Loc) == 0 || invalid.Loc[0] != "body" {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		for _, r := range refused {
			var invalid *wire.Invalid
			if !errors.As(r.Reason, &invalid) || !strings.Contains(body, string(r.Body)) {
				t.Fatalf("%q: %v", body, r)
			}
		}
		rest := body
		for _, e := range batch {
			at := strings.Index(rest, e.Payload)
			if at < 0 {
				t.Fatalf("%q is not in %q as it came", e.Payload, body)
			}
			rest = rest[at+len(e.Payload):]
			if key := events.KeyOf(e.ID); key != e.ID || len([]rune(key)) > 255 || !utf8.ValidString(key) {
				t.Fatalf("%q has the id %q", body, e.ID)
			}
			if e.Body != nil && strings.ContainsRune(*e.Body, 0) {
				t.Fatalf("%q: NUL in the folded text", body)
			}
			events.FinalResponse(e.Payload)
		}
	})
}
