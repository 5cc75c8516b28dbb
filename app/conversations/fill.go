package conversations

import (
	"encoding/json"
	"maps"

	"github.com/openhands-go/server/app/wire"
)

// fill sets in c what the patch has, except the timestamps.
func (p *Patch) fill(c *Conversation) {
	if p.ParentID != nil {
		c.ParentID, c.HasParent = p.ParentID, true
	}
	if p.Title != nil {
		folded := wire.Fold(*p.Title)
		c.Title, c.TitleFolded, c.TitleSort = p.Title, &folded, titleSort(folded)
	}
	set(&c.ExecutionStatus, p.Status)
	if p.Agent != nil {
		lean, skills := cutSkills(p.Agent)
		c.Agent, c.Skills = string(lean), skills
		c.LLMModel, c.AgentKind = describe(lean)
	}
	setText(&c.Workspace, p.Workspace)
	setText(&c.ConfirmationPolicy, p.ConfirmationPolicy)
	if p.Tags != nil && p.replaceTags {
		c.Tags = string(p.Tags)
	} else if p.Tags != nil {
		c.Tags = string(mergeTags([]byte(c.Tags), p.Tags))
	}
	setText(&c.PRNumbers, p.PRNumbers)
	if p.Stats != nil {
		c.Stats = string(p.Stats)
		u := sumStats(p.Stats)
		c.AccumulatedCost, c.MaxBudgetPerTask = u.cost, u.budget
		c.PromptTokens, c.CompletionTokens = u.prompt, u.completion
		c.CacheReadTokens, c.CacheWriteTokens = u.cacheRead, u.cacheWrite
		c.ReasoningTokens, c.ContextWindow, c.PerTurnToken = u.reasoning, u.contextWindow, u.perTurn
	}
	if len(p.Details) > 0 {
		details := map[string]json.RawMessage{}
		// The line below has written c.Details. If it can't be read, start with no details.
		if json.Unmarshal([]byte(c.Details), &details) != nil {
			details = map[string]json.RawMessage{}
		}
		maps.Copy(details, p.Details)
		maps.DeleteFunc(details, func(_ string, value json.RawMessage) bool { return wire.Kind(value) == 'n' })
		if text, err := json.Marshal(details); err == nil {
			c.Details = string(text)
		}
	}
	set(&c.MaxIterations, p.MaxIterations)
	set(&c.StuckDetection, p.StuckDetection)
	set(&c.Public, p.Public)
	if p.LeafEventID != nil {
		c.LeafEventID = p.LeafEventID
	}
	if p.CreatedByUserID != nil {
		c.CreatedByUserID = p.CreatedByUserID
	}
	if p.SandboxID != nil {
		c.SandboxID = p.SandboxID
	}
}

// stamp records in c that p was applied: see repeats.
func (p *Patch) stamp(c *Conversation) {
	if p.digest != "" {
		c.InfoDigest = string(heard(c.InfoDigest).with(p.digest))
	}
}

// repeats reports whether the same push was applied before. Two pushes without updated_at may be equal
// although both are meant, for example idle, running, idle: such a push is a repetition only if it equals
// the last one.
func (p *Patch) repeats(c *Conversation) bool {
	if p.UpdatedAt == nil {
		return heard(c.InfoDigest).isLast(p.digest)
	}
	return heard(c.InfoDigest).has(p.digest)
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func setText(to *string, from []byte) {
	if from != nil {
		*to = string(from)
	}
}

// titleSort returns the first maxTitle characters of a folded title.
func titleSort(folded string) string {
	runes := []rune(folded)
	return string(runes[:min(len(runes), maxTitle)])
}

// describe returns an agent's model and kind. An agent that another program runs, by the agent client
// protocol (ACP), has its model in acp_model.
func describe(agent []byte) (model *string, kind string) {
	kind = "openhands"
	o, err := wire.ParseObject(agent)
	if err != nil {
		return nil, kind
	}
	if name, err := o.String("kind", 0); err == nil && name != nil && *name == "ACPAgent" {
		kind = kindACP
		if name, err := o.String("acp_model", 0); err == nil && name != nil {
			return name, kind
		}
	}
	if llm, err := o.Object("llm"); err == nil && llm != nil {
		if name, err := llm.String("model", 0); err == nil {
			model = name
		}
	}
	return model, kind
}

const kindACP = "acp"
