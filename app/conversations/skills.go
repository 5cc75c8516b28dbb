package conversations

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/wire"
)

// skillsSpan is where the skills of an agent's context stand in the agent.
func skillsSpan(agent []byte) (start, end int, ok bool) {
	from, to, ok := wire.Span(agent, "agent_context")
	if !ok {
		return 0, 0, false
	}
	start, end, ok = wire.Span(agent[from:to], "skills")
	return from + start, from + end, ok && agent[from+start] == '['
}

// cutSkills takes the skills out of an agent and leaves an empty list. skills is nil if
// there are none.
func cutSkills(agent []byte) (lean, skills []byte) {
	start, end, ok := skillsSpan(agent)
	if !ok || len(bytes.TrimSpace(agent[start+1:end-1])) == 0 {
		return agent, nil
	}
	return slices.Concat(agent[:start], []byte("[]"), agent[end:]), bytes.Clone(agent[start:end])
}

// leanAgent is the agent without its skills. Builds before stored them in it, and then
// they are cut here.
func (c *Conversation) leanAgent() []byte {
	if len(c.Agent) <= leanest {
		return []byte(c.Agent)
	}
	lean, _ := cutSkills([]byte(c.Agent))
	return lean
}

// leanest is how large an agent must be to be searched for skills that a build before has
// left in it: one skill alone is larger.
const leanest = 256

// packSkills packs skills that are not.
func (s *Store) packSkills(c *Conversation) error {
	if wire.Kind(c.Skills) != '[' {
		return nil
	}
	packed, err := s.packer.Pack(string(c.Skills))
	if err != nil {
		return fmt.Errorf("conversations: pack skills of %s: %w", c.ID, err)
	}
	if packed != nil {
		c.Skills = packed
	}
	return nil
}

// ReadSkills reads the skills of conversations into their agents.
func (s *Store) ReadSkills(ctx context.Context, db bun.IDB, rows ...*Conversation) error {
	byID := make(map[string]*Conversation, len(rows))
	ids := make([]string, 0, len(rows))
	for _, c := range rows {
		if c != nil {
			byID[c.ID] = c
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var read []struct {
		ID     string `bun:"id"`
		Skills []byte `bun:"agent_skills"`
	}
	err := db.NewSelect().Model((*Conversation)(nil)).Column("id", "agent_skills").
		Where("conversation.id IN (?)", bun.List(ids)).Where("conversation.agent_skills IS NOT NULL").Scan(ctx, &read)
	if err != nil {
		return fmt.Errorf("conversations: read skills: %w", err)
	}
	for _, r := range read {
		skills := string(r.Skills)
		if wire.Kind(r.Skills) != '[' {
			if skills, err = s.packer.Unpack("", r.Skills); err != nil {
				return fmt.Errorf("conversations: read skills of %s: %w", r.ID, err)
			}
		}
		c := byID[r.ID]
		// A build before may have stored an agent with its skills since.
		if start, end, ok := skillsSpan([]byte(c.Agent)); ok && c.Agent[start:end] == "[]" {
			c.Agent = c.Agent[:start] + skills + c.Agent[end:]
		}
	}
	for _, c := range byID {
		c.withSkills = true
	}
	return nil
}
