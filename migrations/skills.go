package migrations

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/openhands-go/server/app/packing"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule/migrate"
)

const (
	skillsPage = 100 // conversations
	// skillsLeast is the size up to which an agent is left unchanged, because it has at most a few
	// words of skills.
	skillsLeast = 2 << 10
)

// skillsPosition is the position at which a piece begins.
type skillsPosition struct {
	After string `json:"after"`
}

// takeSkills moves the skills of stored agents to the column agent_skills. The server can also read agents that it
// has not reached, but more slowly.
func takeSkills(ctx context.Context, db bun.IDB, from string) (piece migrate.Piece, err error) {
	var at skillsPosition
	if from != "" {
		if err := json.Unmarshal([]byte(from), &at); err != nil {
			return piece, fmt.Errorf("migrations: read position %q: %w", from, err)
		}
	}
	var page []struct {
		ID   string
		Size int64
	}
	if err := db.NewRaw("SELECT id, octet_length(agent) AS size FROM conversations WHERE id > ? ORDER BY id LIMIT ?",
		at.After, skillsPage).Scan(ctx, &page); err != nil {
		return piece, fmt.Errorf("migrations: take skills: %w", err)
	}
	piece.Done = len(page) < skillsPage
	packer, end := &packing.Packer{}, time.Now().Add(cleanTime)
	for _, c := range page {
		if piece.Rows > 0 && time.Now().After(end) {
			piece.Done = false
			break
		}
		piece.Rows++
		if c.Size > skillsLeast {
			if err := takeSkillsOf(ctx, db, packer, c.ID); err != nil {
				return piece, fmt.Errorf("migrations: take skills of %s: %w", c.ID, err)
			}
		}
		at.After = c.ID
	}
	next, err := json.Marshal(at)
	piece.Next = string(next)
	return piece, err
}

func takeSkillsOf(ctx context.Context, db bun.IDB, packer *packing.Packer, id string) error {
	if there, err := lockConversation(ctx, db, id); err != nil || !there {
		return err
	}
	var agents []string
	if err := db.NewRaw("SELECT agent FROM conversations WHERE id = ?", id).Scan(ctx, &agents); err != nil || len(agents) == 0 {
		return err
	}
	agent := []byte(agents[0])
	start, end, ok := skillsIn(agent)
	if !ok || len(bytes.TrimSpace(agent[start+1:end-1])) == 0 {
		return nil
	}
	skills, err := packer.Pack(string(agent[start:end]))
	if err != nil {
		return err
	}
	if skills == nil {
		skills = agent[start:end]
	}
	lean := slices.Concat(agent[:start], []byte("[]"), agent[end:])
	_, err = db.NewRaw("UPDATE conversations SET agent = ?, agent_skills = ? WHERE id = ?", string(lean), skills, id).Exec(ctx)
	return err
}

// skillsIn returns where the skills begin and end in an agent.
func skillsIn(agent []byte) (start, end int, ok bool) {
	from, to, ok := wire.Span(agent, "agent_context")
	if !ok {
		return 0, 0, false
	}
	start, end, ok = wire.Span(agent[from:to], "skills")
	return from + start, from + end, ok && agent[from+start] == '['
}

// unpackAll unpacks events and skills, and moves them back to the columns that earlier builds read.
func unpackAll(ctx context.Context, db bun.IDB) error {
	packer := &packing.Packer{}
	for seq := int64(-1); ; {
		var rows []struct {
			Seq    int64
			Packed []byte
		}
		if err := db.NewRaw("SELECT seq, payload_packed AS packed FROM events WHERE seq > ? AND payload_packed IS NOT NULL ORDER BY seq LIMIT 20",
			seq).Scan(ctx, &rows); err != nil {
			return fmt.Errorf("migrations: unpack events: %w", err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			payload, err := packer.Unpack("", r.Packed)
			if err == nil {
				_, err = db.NewRaw("UPDATE events SET payload = ?, payload_packed = NULL WHERE seq = ?", payload, r.Seq).Exec(ctx)
			}
			if err != nil {
				return fmt.Errorf("migrations: unpack event %d: %w", r.Seq, err)
			}
			seq = r.Seq
		}
	}
	var ids []string
	if err := db.NewRaw("SELECT id FROM conversations WHERE agent_skills IS NOT NULL").Scan(ctx, &ids); err != nil {
		return fmt.Errorf("migrations: put skills back: %w", err)
	}
	for _, id := range ids {
		if err := putSkillsBack(ctx, db, packer, id); err != nil {
			return fmt.Errorf("migrations: put skills of %s back: %w", id, err)
		}
	}
	return nil
}

func putSkillsBack(ctx context.Context, db bun.IDB, packer *packing.Packer, id string) error {
	var rows []struct {
		Agent  string
		Skills []byte
	}
	if err := db.NewRaw("SELECT agent, agent_skills AS skills FROM conversations WHERE id = ?", id).Scan(ctx, &rows); err != nil || len(rows) == 0 {
		return err
	}
	agent, skills := rows[0].Agent, string(rows[0].Skills)
	if wire.Kind(rows[0].Skills) != '[' {
		var err error
		if skills, err = packer.Unpack("", rows[0].Skills); err != nil {
			return err
		}
	}
	if start, end, ok := skillsIn([]byte(agent)); ok && agent[start:end] == "[]" {
		agent = agent[:start] + skills + agent[end:]
	}
	_, err := db.NewRaw("UPDATE conversations SET agent = ?, agent_skills = NULL WHERE id = ?", agent, id).Exec(ctx)
	return err
}
