package conversations

import (
	"encoding/json"
	"math"
)

// usage is the sum of a stats document.
type usage struct {
	cost                                      float64
	budget                                    *float64
	prompt, completion, cacheRead, cacheWrite int64
	reasoning, contextWindow, perTurn         int64
}

// usageAgent is the usage that has the conversation's context. Others, such as the condenser's, have their own.
const usageAgent = "agent"

// sumStats returns the sum of the usages of a stats document. It leaves out usages that it can't parse.
func sumStats(stats []byte) usage {
	var document struct {
		Usages map[string]json.RawMessage `json:"usage_to_metrics"`
	}
	if json.Unmarshal(stats, &document) != nil {
		return usage{}
	}
	var sum usage
	_, hasAgent := document.Usages[usageAgent]
	for name, raw := range document.Usages {
		var metrics struct {
			Cost   float64  `json:"accumulated_cost"`
			Budget *float64 `json:"max_budget_per_task"`
			Tokens *struct {
				Prompt        int64 `json:"prompt_tokens"`
				Completion    int64 `json:"completion_tokens"`
				CacheRead     int64 `json:"cache_read_tokens"`
				CacheWrite    int64 `json:"cache_write_tokens"`
				Reasoning     int64 `json:"reasoning_tokens"`
				ContextWindow int64 `json:"context_window"`
				PerTurn       int64 `json:"per_turn_token"`
			} `json:"accumulated_token_usage"`
		}
		if json.Unmarshal(raw, &metrics) != nil {
			continue
		}
		sum.cost = min(max(sum.cost+metrics.Cost, -math.MaxFloat64), math.MaxFloat64)
		if sum.budget == nil {
			sum.budget = metrics.Budget
		}
		if t := metrics.Tokens; t != nil {
			sum.prompt = saturated(sum.prompt, t.Prompt)
			sum.completion = saturated(sum.completion, t.Completion)
			sum.cacheRead = saturated(sum.cacheRead, t.CacheRead)
			sum.cacheWrite = saturated(sum.cacheWrite, t.CacheWrite)
			sum.reasoning = saturated(sum.reasoning, t.Reasoning)
			if name == usageAgent || !hasAgent {
				sum.contextWindow = max(sum.contextWindow, t.ContextWindow)
				sum.perTurn = max(sum.perTurn, t.PerTurn)
			}
		}
	}
	return sum
}

// saturated adds without wrapping around: a count that can't be right must not
// turn negative.
func saturated(a, b int64) int64 {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}
