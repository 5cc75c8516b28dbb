package settings

import (
	"os"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// ownPrefix begins the names of variables that are ours alone.
const ownPrefix = "DATABASE_"

// Misspelt returns a sentence for each variable of the environment that looks like a
// setting and is none: a name that is nearly one, or begins with DATABASE_. hint ends the
// sentence where no setting is near, as "see library config".
func (s *Settings) Misspelt(hint string) []string {
	var names []string
	for _, setting := range s.all {
		names = append(names, setting.name)
	}
	var sentences []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(names, name) {
			continue
		}
		near := nearest(name, names)
		switch {
		case near != "":
			sentences = append(sentences, name+" is not a setting and is ignored: did you mean "+near+"?")
		case strings.HasPrefix(strings.ToUpper(name), ownPrefix):
			sentences = append(sentences, name+" is not a setting and is ignored: "+hint)
		}
	}
	slices.Sort(sentences)
	return sentences
}

// nearest returns the setting that a name is a misspelling of, or "". Short
// names are too much like each other: HOST and HOME.
func nearest(name string, settings []string) string {
	const shortest = 8
	bare := func(s string) string { return strings.ReplaceAll(strings.ToUpper(s), "_", "") }
	best, bestDistance := "", 3
	for _, s := range settings {
		if len(s) < shortest || len(name) < shortest {
			continue
		}
		if d := levenshtein.Distance(bare(name), bare(s), nil); d < bestDistance {
			best, bestDistance = s, d
		}
	}
	return best
}
