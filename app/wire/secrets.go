package wire

import (
	"regexp"
	"slices"
	"strings"
)

// What names a secret. The first two lists are those of upstream's openhands/sdk/utils/redact.py
// as of agent server 1.44.0, in lower case: patterns that stand anywhere in a name, and names
// of objects all of whose values are secret. Compare them when the version changes.
var (
	secretParts = [...]string{"authorization", "cookie", "credential", "key", "password", "secret", "session", "token"}
	allSecret   = map[string]bool{"environment": true, "env": true, "headers": true}

	// ownParts and ownNames are what upstream's list misses.
	ownParts    = [...]string{"passwd", "passphrase", "bearer"}
	ownNames    = map[string]bool{"auth": true, "pwd": true, "pat": true, "pass": true, "jwt": true}
	ownAll      = map[string]bool{"acpenv": true, "extraheaders": true, "environ": true, "environmentvariables": true}
	ownSuffixes = [...]string{"pwd", "auth"}
)

// notSecret are names that the patterns find and that say no secret: members of upstream's
// models. Numbers and lists of what is below them are needed by clients.
var notSecret = map[string]bool{
	"keywords": true, "keyword": true, "maxinputtokens": true, "maxoutputtokens": true, "maxtokens": true,
	"sessiontimeoutseconds": true, "tokenizer": true, "customtokenizer": true, "keyboard": true,
}

var spelling = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

// classify judges a member by its name.
func classify(name string) sensitivity {
	name = spelling.Replace(strings.ToLower(name))
	switch {
	case allSecret[name] || ownAll[name] || ownNames[name]:
		return secret
	case notSecret[name]:
		return public
	}
	for _, suffix := range ownSuffixes {
		if strings.HasSuffix(name, suffix) {
			return secret
		}
	}
	for _, part := range ownParts {
		if strings.Contains(name, part) {
			return secret
		}
	}
	for _, part := range secretParts {
		if !strings.Contains(name, part) {
			continue
		}
		if part == "token" {
			return tokenLike
		}
		return secret
	}
	return public
}

// secretOption tells a command line's option whose value is secret: --api-key.
func secretOption(text string) bool {
	name, ok := strings.CutPrefix(text, "-")
	return ok && !strings.ContainsAny(name, "= /") && optionIsSecret(name)
}

func optionIsSecret(name string) bool {
	name = strings.TrimLeft(name, "-")
	return classify(name) != public
}

var (
	// urlPassword is what stands between a URL's scheme and its host.
	urlPassword = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)([^/@\s"'<>]+)@`)
	// parameter is a parameter of a URL's query, or a value that a command line sets.
	parameter = regexp.MustCompile(`([?&;]|(?:^|\s)(?:--?)?)([A-Za-z0-9_.-]+)=([^&\s"'#;]+)`)
	// bearer is a header as one text.
	bearer = regexp.MustCompile(`(?i)\b(authorization:\s*|proxy-authorization:\s*)?(bearer|basic)\s+[A-Za-z0-9+/_.=-]{8,}`)
	// header is a header as one text whose name says that it is secret.
	header = regexp.MustCompile(`^([A-Za-z0-9-]+):\s*(\S{8,})$`)
	// literal are keys that tell what they are by how they begin.
	literal = literalKeys()
	// pem is a private key.
	pem = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`)
)

// maskWithin masks what is secret within a text.
func maskWithin(text string) string {
	if strings.Contains(text, "://") && strings.Contains(text, "@") {
		text = urlPassword.ReplaceAllString(text, "${1}"+Mask+"@")
	}
	if strings.Contains(text, "=") {
		text = parameter.ReplaceAllStringFunc(text, func(found string) string {
			part := parameter.FindStringSubmatch(found)
			if !optionIsSecret(part[2]) {
				return found
			}
			return part[1] + part[2] + "=" + Mask
		})
	}
	if strings.Contains(text, "PRIVATE KEY") {
		text = pem.ReplaceAllString(text, Mask)
	}
	if part := header.FindStringSubmatch(text); part != nil && part[1] != "http" && classify(part[1]) != public {
		return part[1] + ": " + Mask
	}
	// Most texts have neither, and a search of a long text by an expression takes long.
	if lower := strings.ToLower(text); strings.Contains(lower, "bearer") || strings.Contains(lower, "basic") {
		text = bearer.ReplaceAllString(text, "${1}${2} "+Mask)
	}
	if slices.ContainsFunc(literals, func(l literalKey) bool { return strings.Contains(text, l.begins) }) {
		text = literal.ReplaceAllString(text, Mask)
	}
	return text
}

// literalKey is how a provider's keys begin, and an expression of the rest.
type literalKey struct{ begins, rest string }

// literals are keys of providers that upstream knows.
var literals = []literalKey{
	{"sk-or-v1-", `[\w-]{20,}`},
	{"sk-proj-", `[\w-]{20,}`},
	{"sk-ant-", `(?:api|oat)\d{2}-[\w-]{20,}`},
	{"sk-oh-", `[\w-]{10,}`},
	{"gsk_", `\w{20,}`},
	{"hf_", `\w{20,}`},
	{"ghp_", `\w{20,}`},
	{"gho_", `\w{20,}`},
	{"ghs_", `\w{20,}`},
	{"cla_", `\w{20,}`},
	{"github_pat_", `\w{20,}`},
	{"tgp_v1_", `[\w-]{20,}`},
	{"ctx7sk-", `[\w-]{10,}`},
	{"sntryu_", `\w{10,}`},
	{"lin_api_", `\w{10,}`},
	{"tvly-", `[\w-]{10,}`},
	{"ATATT3x", `[\w-]{10,}`},
	{"xoxb-", `[\w-]{20,}`},
	{"xoxp-", `[\w-]{20,}`},
}

func literalKeys() *regexp.Regexp {
	var b strings.Builder
	for i, l := range literals {
		if i > 0 {
			b.WriteByte('|')
		}
		b.WriteString(regexp.QuoteMeta(l.begins) + l.rest)
	}
	return regexp.MustCompile(`\b(?:` + b.String() + `)`)
}
