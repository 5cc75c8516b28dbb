// Package contract is what all contenders serve: one table, three routes, one
// JSON form, and the pools they reach the database through.
//
//	GET  /events/{id}        the event, or 404
//	GET  /events?after={id}  the next 50 events in the order of their ids
//	POST /events             stores an event, answers 201 with it and its id
package contract

import (
	"fmt"
	"strings"
	"time"
)

// PageSize is how many events the list route answers.
const PageSize = 50

// Event is a row and its JSON form. Contenders whose library wants a model of
// its own convert to it or carry the same JSON names in the same order.
type Event struct {
	ID             int64     `json:"id"`
	ConversationID string    `json:"conversation_id"`
	Kind           string    `json:"kind"`
	Source         string    `json:"source"`
	Body           string    `json:"body"`
	Cost           float64   `json:"cost"`
	Final          bool      `json:"final"`
	CreatedAt      time.Time `json:"created_at"`
}

// epoch is the time of the first event; later ones follow a second apart.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 678_000, time.UTC)

// Sample returns the nth event of the seeded table, with the id n.
func Sample(n int64) Event {
	kinds := [...]string{"MessageEvent", "ActionEvent", "ObservationEvent"}
	sources := [...]string{"user", "agent", "environment"}
	return Event{
		ID:             n,
		ConversationID: fmt.Sprintf("0f8fad5b-d9cb-469f-a165-%012x", n%1000),
		Kind:           kinds[n%3],
		Source:         sources[n%3],
		Body:           fmt.Sprintf("event %d: it's what the agent said: %s", n, strings.Repeat("lorem ipsum ", 12)),
		Cost:           float64(n%1000) / 8,
		Final:          n%10 == 0,
		CreatedAt:      epoch.Add(time.Duration(n) * time.Second),
	}
}
