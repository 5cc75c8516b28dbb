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

// ReadSkills reads the skills of a conversation into its agent. They count in room, nil for
// none: where it has no room for them, they are left out, and room has the read done again.
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
	there := slices.DeleteFunc(slices.Clone(rows), func(c *Conversation) bool { return c == nil })
	n, err := s.readSkills(ctx, db, room, maxBatchBytes, there...)
	if err == nil && n < len(there) {
		err = tooLarge()
	}
	return rows, err
}

// readSkills reads the skills of conversations into their agents, one after the other, and
// returns of how many. It ends before the row with which all have more than most bytes, unless
// that is the first. Without room for all of them it leaves skills out.
func (s *Store) readSkills(ctx context.Context, db *dbmodule.Session, room *httpmodule.Room, most int, rows ...*Conversation) (int, error) {
	ids := make([]string, len(rows))
	for i, c := range rows {
		ids[i] = c.ID
	}
	// What is stored is at most as large as what is read: no more of that is in memory
	// than a page has, and one row.
	stored, err := skillSizes(ctx, db, ids)
	if err != nil {
		return 0, err
	}
	sum, end := 0, 0
	for ; end < len(rows); end++ {
		if sum += rows[end].size() + stored[ids[end]]; end > 0 && sum > most {
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
		if sum += c.size() + size; i > 0 && sum > most {
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

// skillSize is how long the skills are of which this is stored.
func skillSize(stored []byte) int {
	if wire.Kind(stored) == '[' {
		return len(stored)
	}
	return packing.Size("", stored)
}

// size is about how many bytes c is shown with.
func (c *Conversation) size() int {
	return len(c.Agent) + len(c.Workspace) + len(c.ConfirmationPolicy) + len(c.Stats) + len(c.Tags) + len(c.Details)
}

// skillSizes are how many bytes the skills of conversations take where they are stored.
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

// skillsOf are the skills of conversations as they are stored.
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

// putSkills puts skills as they are stored, nil for none, into c's agent.
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
	// A build before may have stored an agent with its skills since.
	if start, end, ok := skillsSpan([]byte(c.Agent)); ok && c.Agent[start:end] == "[]" {
		c.Agent = c.Agent[:start] + skills + c.Agent[end:]
	}
	return nil
}
