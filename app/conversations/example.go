package conversations

import (
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// example is the API documentation's example of a conversation.
func example() *Conversation {
	c := blank("0d3ee5a5-5f04-4e7a-9c3b-2f9e4f1d7a10", time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	title := "Coin flips"
	c.Title = &title
	c.Agent = `{"kind":"Agent","llm":{"model":"openhands/claude-sonnet"}}`
	c.Workspace = `{"kind":"LocalWorkspace","working_dir":"workspace/project"}`
	c.Tags = `{"team":"probability"}`
	c.EventCount = 1
	return c
}

// TransformSchema adds an example to the documentation: the schema says nothing about members that are kept
// as raw JSON.
func (*Info) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Examples = []any{example().Info(nil)}
	return s
}

// TransformSchema gives the documentation an example.
func (*AppInfo) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Examples = []any{example().AppInfo(nil)}
	return s
}
