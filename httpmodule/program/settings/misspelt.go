package settings

import (
	"os"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// ownPrefix is the prefix of variables that no other program uses.
const ownPrefix = "DATABASE_"

// Misspelt returns a warning for each variable of the environment whose name is similar to a setting's,
// or begins with DATABASE_, but is not a setting. If no setting is similar, the warning ends with hint,
// for example "see library config". If AUDIT_DATABASE_URL is set, it also finds
// AUDIT_DATABASE_POOLSIZE.
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
		if prefix, rest := namedDatabase(name); prefix != "" {
			if near = nearest(rest, names); near != "" && near != rest {
				sentences = append(sentences, name+" is not a setting and is ignored: did you mean "+prefix+near+"?")
			}
			continue
		}
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

// namedDatabase splits the name of a named database's variable, for example into AUDIT_ and
// DATABASE_POOL_SIZE. It returns "" unless AUDIT_DATABASE_URL is set: see dbmodule.Config.Named.
func namedDatabase(name string) (prefix, rest string) {
	i := strings.Index(name, "_"+ownPrefix)
	if i <= 0 {
		return "", ""
	}
	prefix, rest = name[:i+1], name[i+1:]
	if _, ok := os.LookupEnv(prefix + ownPrefix + "URL"); !ok {
		return "", ""
	}
	return prefix, rest
}

// nearest returns the setting whose name is similar, or "". It ignores short names, which are too
// similar to each other: HOST and HOME.
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
