package webhooks_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// agentServer makes the traffic of one conversation as an agent server pushes it, and keeps
// the event log that it has itself. It is the same each time for a number.
type agentServer struct {
	random *rand.Rand
	id     string // dashed
	parent string
	clock  time.Time

	// log are the events that upstream's own log has: each id once, without pieces of
	// messages and repetitions of the whole state.
	log []logged
	// waiting are events that were not pushed yet.
	waiting []json.RawMessage
	n       int // events so far

	title  string // as the server should show it
	status string
	model  string
	cost   float64
	leaf   string
	final  string // the agent's last answer
	poison int

	deleted bool // by a client
}

// logged is an event of the log.
type logged struct {
	id, kind, at, payload string
}

func newAgentServer(number int) *agentServer {
	return &agentServer{
		random: rand.New(rand.NewPCG(uint64(number), 16)), id: conversationID(number),
		clock: time.Date(2026, 10, 25, 2, 30, 0, 0, time.UTC).Add(time.Duration(number) * time.Second),
	}
}

func conversationID(number int) string {
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", number*2654435761%(1<<32), number)
}

func (a *agentServer) hex() string { return strings.ReplaceAll(a.id, "-", "") }

// stamp is the next event's time: local, without an offset. Once in a while the clock goes
// back an hour.
func (a *agentServer) stamp() string {
	a.clock = a.clock.Add(time.Duration(1+a.random.IntN(900)) * time.Millisecond)
	if a.random.IntN(60) == 0 {
		a.clock = a.clock.Add(-time.Hour)
	}
	return a.clock.Format("2006-01-02T15:04:05.000000")
}

// emit makes an event. transient ones are not in the log.
func (a *agentServer) emit(kind, source string, transient bool, members map[string]any) string {
	a.n++
	id := fmt.Sprintf("%s-%04d", a.id[:8], a.n)
	at := a.stamp()
	event := map[string]any{"id": id, "kind": kind, "source": source, "timestamp": at}
	for name, value := range members {
		event[name] = value
	}
	payload, err := json.Marshal(event)
	if err != nil {
		panic(err) // made of texts and numbers
	}
	a.waiting = append(a.waiting, payload)
	if !transient {
		a.log = append(a.log, logged{id: id, kind: kind, at: at, payload: string(payload)})
		if kind != "ConversationStateUpdateEvent" {
			a.leaf = id
		}
	}
	return id
}

func (a *agentServer) agent() map[string]any {
	return map[string]any{
		"kind": "Agent", "llm": map[string]any{"model": a.model, "api_key": "sk-secret"},
		"agent_context": map[string]any{"skills": []any{map[string]any{"name": "git", "content": strings.Repeat("Commit early. ", 200)}}},
	}
}

func (a *agentServer) state(key string, value any) {
	a.emit("ConversationStateUpdateEvent", "environment", false, map[string]any{"key": key, "value": value})
}

func (a *agentServer) stats() map[string]any {
	return map[string]any{"usage_to_metrics": map[string]any{"agent": map[string]any{"accumulated_cost": a.cost}}}
}

// fullState is sent at every subscribe, start and end of a run.
func (a *agentServer) fullState() {
	a.emit("ConversationStateUpdateEvent", "environment", true, map[string]any{"key": "full_state", "value": map[string]any{
		"execution_status": a.status, "agent": a.agent(), "stats": a.stats(), "leaf_event_id": a.leaf, "max_iterations": 77,
		"tags": map[string]string{"server": "a"}, "confirmation_policy": map[string]string{"kind": "ConfirmRisky"},
	}})
}

func message(role, text string) map[string]any {
	return map[string]any{"llm_message": map[string]any{"role": role, "content": []any{map[string]any{"type": "text", "text": text}}}}
}

// begin is the system's prompt and the user's first message.
func (a *agentServer) begin() {
	a.model, a.status = "openhands/sonnet", "running"
	a.title = fmt.Sprintf("Please count to %d", a.random.IntN(1000))
	a.emit("SystemPromptEvent", "agent", false, map[string]any{"system_prompt": map[string]string{"text": strings.Repeat("You are an agent. ", 50)}})
	a.emit("MessageEvent", "user", false, message("user", a.title))
	a.state("execution_status", a.status)
	a.fullState()
}

// turn is one step of the agent: pieces of its answer, its action, what came of it.
func (a *agentServer) turn() {
	for range a.random.IntN(12) {
		a.emit("StreamingDeltaEvent", "agent", true, map[string]any{"content": "a piece "})
	}
	call := fmt.Sprintf("call-%d", a.n)
	a.emit("ActionEvent", "agent", false, map[string]any{
		"tool_name": "terminal", "tool_call_id": call, "action": map[string]any{"kind": "TerminalAction", "command": "ls"},
	})
	size := 100
	if a.random.IntN(25) == 0 {
		size = 40_000 // is stored packed
	}
	a.emit("ObservationEvent", "environment", false, map[string]any{
		"tool_call_id": call, "observation": map[string]any{"kind": "TerminalObservation", "output": strings.Repeat("file\n", size/5)},
	})
	a.cost += 0.25
	a.state("stats", a.stats())
	switch a.random.IntN(12) {
	case 0:
		a.model = fmt.Sprintf("openhands/model-%d", a.n)
		a.state("agent", a.agent())
	case 1:
		a.emit("PauseEvent", "user", false, nil)
		a.fullState()
	case 2:
		a.emit("AgentErrorEvent", "agent", false, map[string]any{"error": "no such file"})
	case 3:
		a.poison++
		a.waiting = append(a.waiting, json.RawMessage([]string{`{"kind":"NoID"}`, `{"id":7}`, `"text"`}[a.random.IntN(3)]))
	}
}

// end is the agent's last answer.
func (a *agentServer) end() {
	a.final = fmt.Sprintf("Counted, at %d.", a.n)
	a.emit("MessageEvent", "agent", false, message("assistant", a.final))
	a.status = "finished"
	a.state("execution_status", a.status)
	a.fullState()
}

// info is a push of the conversation's state.
func (a *agentServer) info(status string) string {
	body := map[string]any{
		"id": a.id, "execution_status": status, "agent": a.agent(), "stats": a.stats(), "tags": map[string]string{"server": "a"},
		"created_at": "2026-10-25T00:00:00Z", "updated_at": a.clock.Add(time.Hour * 24 * 365).Format(time.RFC3339),
		"workspace": map[string]string{"working_dir": "/w"}, "max_iterations": 77, "confirmation_policy": map[string]string{"kind": "ConfirmRisky"},
	}
	if a.parent != "" {
		body["parent_conversation_id"] = a.parent
	}
	text, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// arrived sorts the log as a client sees it: by time, and then as events came first.
func arrived(log []logged, order map[string]int) []logged {
	sorted := slices.Clone(log)
	slices.SortStableFunc(sorted, func(x, y logged) int {
		if x.at != y.at {
			return strings.Compare(x.at, y.at)
		}
		return order[x.id] - order[y.id]
	})
	return sorted
}
