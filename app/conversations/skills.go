package conversations

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/packing"
	"github.com/openhands-go/server/app/paging"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

// skillsSpan returns where the value of agent_context.skills begins and ends in an agent.
func skillsSpan(agent []byte) (start, end int, ok bool) {
	from, to, ok := wire.Span(agent, "agent_context")
	if !ok {
		return 0, 0, false
	}
	start, end, ok = wire.Span(agent[from:to], "skills")
	return from + start, from + end, ok && agent[from+start] == '['
}

// cutSkills splits an agent into the agent with an empty list of skills, and the skills, nil if there are none.
func cutSkills(agent []byte) (lean, skills []byte) {
	start, end, ok := skillsSpan(agent)
	if !ok || len(bytes.TrimSpace(agent[start+1:end-1])) == 0 {
		return agent, nil
	}
	return slices.Concat(agent[:start], []byte("[]"), agent[end:]), bytes.Clone(agent[start:end])
}

// leanAgent returns the agent without its skills. Earlier builds stored them in the agent: leanAgent removes
// them.
func (c *Conversation) leanAgent() []byte {
	if len(c.Agent) <= maxWithoutSkills {
		return []byte(c.Agent)
	}
	lean, _ := cutSkills([]byte(c.Agent))
	return lean
}

// maxWithoutSkills is the size up to which an agent can't contain skills: a single skill is larger.
const maxWithoutSkills = 256

// packSkills packs c's skills, unless they are packed or small.
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

// ReadSkills reads the skills of a conversation into its agent. It adds their size to room; if there is no
// room, it leaves them out, and [httpmodule.Room.Read] calls it again.
func (s *Store) ReadSkills(ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, c *Conversation) error {
	_, err := s.readSkills(ctx, db, room, 0, c)
	return err
}

// PageWithSkills is [Store.Page] with the agents' skills.
func (s *Store) PageWithSkills(
	ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, f Filter, order, pageID string, limit int,
) ([]*Conversation, string, error) {
	rows, next, err := s.Page(ctx, db, room, f, order, pageID, limit)
	if err != nil || len(rows) == 0 {
		return nil, "", err
	}
	n, err := s.readSkills(ctx, db, room, paging.MaxBytes, rows...)
	if err != nil || n == len(rows) {
		return rows, next, err
	}
	next, err = pageAfter(order, rows[n-1])
	return rows[:n], next, err
}

// BatchWithSkills is [Store.Batch] with the agents' skills.
func (s *Store) BatchWithSkills(ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, ids []string) ([]*Conversation, error) {
	rows, err := s.Batch(ctx, db, room, ids)
	if err != nil || rows == nil {
		return nil, err
	}
	found := slices.DeleteFunc(slices.Clone(rows), func(c *Conversation) bool { return c == nil })
	n, err := s.readSkills(ctx, db, room, maxBatchBytes, found...)
	if err == nil && n < len(found) {
		err = tooLarge()
	}
	return rows, err
}

// readSkills reads the skills of conversations into their agents, and returns for how many rows it has done so.
// It stops before the row with which all rows would be larger than maxBytes, except the first. If room has no
// memory for the skills of a row, it leaves them out.
func (s *Store) readSkills(ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, maxBytes int, rows ...*Conversation) (int, error) {
	ids := make([]string, len(rows))
	for i, c := range rows {
		ids[i] = c.ID
	}
	// Stored skills may be packed, and are never larger than the skills themselves. So the sum of
	// their sizes limits how many rows are read into memory.
	stored, err := skillSizes(ctx, db, ids)
	if err != nil {
		return 0, err
	}
	sum, end := 0, 0
	for ; end < len(rows); end++ {
		if sum += rows[end].size() + stored[ids[end]]; end > 0 && sum > maxBytes {
			break
		}
	}
	packed, err := skillsOf(ctx, db, ids[:end])
	if err != nil {
		return 0, err
	}
	sum = 0
	for i, c := range rows[:end] {
		size := skillSize(packed[c.ID])
		if sum += c.size() + size; i > 0 && sum > maxBytes {
			return i, nil
		}
		if !room.Add(size) {
			continue
		}
		if err := s.putSkills(c, packed[c.ID]); err != nil {
			return 0, err
		}
	}
	return end, nil
}

// skillSize returns the size of unpacked skills.
func skillSize(stored []byte) int {
	if wire.Kind(stored) == '[' {
		return len(stored)
	}
	return packing.Size("", stored)
}

// size returns about how many bytes c has in a response.
func (c *Conversation) size() int {
	return len(c.Agent) + len(c.Workspace) + len(c.ConfirmationPolicy) + len(c.Stats) + len(c.Tags) + len(c.Details)
}

// skillSizes returns the sizes of the stored skills, by conversation.
func skillSizes(ctx context.Context, db *dbmodule.Session, ids []string) (map[string]int, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var read []struct {
		ID   string `bun:"id"`
		Size int    `bun:"size"`
	}
	err := db.NewSelect().Model((*Conversation)(nil)).Column("id").ColumnExpr("length(conversation.agent_skills) AS size").
		Where("conversation.id IN (?)", bun.List(ids)).Where("conversation.agent_skills IS NOT NULL").Scan(ctx, &read)
	if err != nil {
		return nil, fmt.Errorf("conversations: measure skills: %w", err)
	}
	sizes := make(map[string]int, len(read))
	for _, r := range read {
		sizes[r.ID] = r.Size
	}
	return sizes, nil
}

// skillsOf returns the stored skills, by conversation.
func skillsOf(ctx context.Context, db *dbmodule.Session, ids []string) (map[string][]byte, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var read []struct {
		ID     string `bun:"id"`
		Skills []byte `bun:"agent_skills"`
	}
	err := db.NewSelect().Model((*Conversation)(nil)).Column("id", "agent_skills").
		Where("conversation.id IN (?)", bun.List(ids)).Where("conversation.agent_skills IS NOT NULL").Scan(ctx, &read)
	if err != nil {
		return nil, fmt.Errorf("conversations: read skills: %w", err)
	}
	skills := make(map[string][]byte, len(read))
	for _, r := range read {
		skills[r.ID] = r.Skills
	}
	return skills, nil
}

// putSkills unpacks stored skills, nil for none, and puts them into c's agent.
func (s *Store) putSkills(c *Conversation, stored []byte) (err error) {
	c.withSkills = true
	if stored == nil {
		return nil
	}
	skills := string(stored)
	if wire.Kind(stored) != '[' {
		if skills, err = s.packer.Unpack("", stored); err != nil {
			return fmt.Errorf("conversations: read skills of %s: %w", c.ID, err)
		}
	}
	// An earlier build may have stored an agent with its skills meanwhile: keep those.
	if start, end, ok := skillsSpan([]byte(c.Agent)); ok && c.Agent[start:end] == "[]" {
		c.Agent = c.Agent[:start] + skills + c.Agent[end:]
	}
	return nil
}
