package engine_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openhands-go/server/dbmodule/internal/engine"
)

func TestPositionCovers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		at, wanted engine.Position
		want       bool
	}{
		"behind":                      {engine.Position{0: 5}, engine.Position{0: 6}, false},
		"there":                       {engine.Position{0: 6}, engine.Position{0: 6}, true},
		"further":                     {engine.Position{0: 7}, engine.Position{0: 6}, true},
		"behind in one of two logs":   {engine.Position{0: 7, 3: 1}, engine.Position{0: 6, 3: 2}, false},
		"a log that it does not have": {engine.Position{0: 7}, engine.Position{3: 1}, false},
		"a log that is not wanted":    {engine.Position{0: 7, 3: 1}, engine.Position{3: 1}, true},
		"nothing is wanted":           {nil, nil, true},
		"it does not know":            {nil, engine.Position{0: 1}, false},
	} {
		assert.Equal(t, c.want, c.at.Covers(c.wanted), name)
	}
}

func TestPositionMerged(t *testing.T) {
	t.Parallel()
	a, b := engine.Position{0: 7, 1: 1}, engine.Position{0: 6, 3: 2}
	merged := a.Merged(b)
	assert.Equal(t, engine.Position{0: 7, 1: 1, 3: 2}, merged)
	assert.Equal(t, engine.Position{0: 7, 1: 1}, a, "it is a copy")
	assert.Equal(t, merged, b.Merged(a))
	assert.Equal(t, a, engine.Position(nil).Merged(a))
	assert.Equal(t, a, a.Merged(nil))
}
