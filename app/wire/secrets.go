package wire

import (
	"regexp"
	"slices"
	"strings"
)

// Names of secrets, in lower case. secretParts and allSecret are the lists of openhands/sdk/utils/redact.py
// in agent server 1.44.0: compare them when that version changes. A name that contains one of secretParts
// is secret. Everything in an object with a name of allSecret is secret.
var (
	secretParts = [...]string{"authorization", "cookie", "credential", "key", "password", "secret", "session", "token"}
	allSecret   = map[string]bool{"environment": true, "env": true, "headers": true}

	// These are secret too, and not in OpenHands' lists.
	ownParts    = [...]string{"passwd", "passphrase", "bearer"}
	ownNames    = map[string]bool{"auth": true, "pwd": true, "pat": true, "pass": true, "jwt": true}
	ownAll      = map[string]bool{"acpenv": true, "extraheaders": true, "environ": true, "environmentvariables": true}
	ownSuffixes = [...]string{"pwd", "auth"}
)

// notSecret are members of OpenHands' models that contain one of secretParts but are not secret. Clients need
// their values.
var notSecret = map[string]bool{
	"keywords": true, "keyword": true, "maxinputtokens": true, "maxoutputtokens": true, "maxtokens": true,
	"sessiontimeoutseconds": true, "tokenizer": true, "customtokenizer": true, "keyboard": true,
}

var spelling = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

// classify returns the sensitivity of a member by its name.
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

// secretOption reports whether a text is a command-line option whose value is secret, such as --api-key.
func secretOption(text string) bool {
	name, ok := strings.CutPrefix(text, "-")
	return ok && !strings.ContainsAny(name, "= /") && optionIsSecret(name)
}

func optionIsSecret(name string) bool {
	name = strings.TrimLeft(name, "-")
	return classify(name) != public
}

var (
	// urlPassword matches the text between a URL's scheme and its host.
	urlPassword = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)([^/@\s"'<>]+)@`)
	// bearer matches the value of an authorization header, with or without the header's name.
	bearer = regexp.MustCompile(`(?i)\b(authorization:\s*|proxy-authorization:\s*)?(bearer|basic)\s+[A-Za-z0-9+/_.=-]{8,}`)
	// authorization matches that header with any scheme.
	authorization = regexp.MustCompile(`(?i)\b(authorization:\s*(?:[a-z-]+\s+)?)[^\s"']{8,}`)
	// header matches a text that is a header with its value.
	header = regexp.MustCompile(`^([A-Za-z0-9-]+):\s*(\S{8,})$`)
	// literal matches the keys of literals.
	literal = literalKeys()
	// pem matches a private key in PEM format.
	pem = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`)
)

// named are the places within a text that have a name and its value.
var named = [...]struct {
	// any lists texts, of which each such place has one: regular expressions are slow for long texts.
	any []string
	// place has three groups: the name, the text up to the value, and the value.
	place *regexp.Regexp
}{
	// A parameter of a URL, or a value that a command line sets.
	{[]string{"="}, regexp.MustCompile(`(?:[?&;:#]|(?:^|[\s"'])(?:--?)?)([A-Za-z0-9_.-]+)(=\\*)("[^"]+"|'[^']+'|[^&\s"'#;]+)`)},
	// A header that a command line sends.
	{[]string{"-H", "header"}, regexp.MustCompile(`["'=]([A-Za-z0-9-]+)(: *)([^"'\s]{8,})`)},
	// An option and its value, in a command line or in a list of arguments.
	{[]string{"--"}, regexp.MustCompile(`--([A-Za-z0-9_.-]+)((?:\\*["'],)?\s+\\*["']?|\\*["'],\\*["'])([^\s"'\\-](?:[^\s"'\\]|\\[^"'\\])*)`)},
	// A member of a JSON document, or of a Python dictionary, that is a text.
	{[]string{`":`, `':`, `" :`, `' :`}, regexp.MustCompile(`["']([A-Za-z0-9_.-]+)(\\*["']\s*:\s*\\*["'])((?:[^"'\\]|\\[^"'\\])+)`)},
}

// maskNamed masks the values in these places whose name is that of a secret.
func maskNamed(text string, place *regexp.Regexp) string {
	var b strings.Builder
	rest := 0
	for _, at := range place.FindAllStringSubmatchIndex(text, -1) {
		if optionIsSecret(text[at[2]:at[3]]) {
			b.WriteString(text[rest:at[6]] + Mask)
			rest = at[7]
		}
	}
	if rest == 0 {
		return text
	}
	return b.String() + text[rest:]
}

// maskWithin masks the secrets within a text.
func maskWithin(text string) string {
	if strings.Contains(text, "://") && strings.Contains(text, "@") {
		text = urlPassword.ReplaceAllString(text, "${1}"+Mask+"@")
	}
	for _, n := range named {
		if slices.ContainsFunc(n.any, func(part string) bool { return strings.Contains(text, part) }) {
			text = maskNamed(text, n.place)
		}
	}
	if strings.Contains(text, "PRIVATE KEY") {
		text = pem.ReplaceAllString(text, Mask)
	}
	if part := header.FindStringSubmatch(text); part != nil && part[1] != "http" && classify(part[1]) != public {
		return part[1] + ": " + Mask
	}
	// Search for a plain word first: regular expressions are slow for long texts.
	if lower := strings.ToLower(text); strings.Contains(lower, "bearer") || strings.Contains(lower, "basic") || strings.Contains(lower, "authorization:") {
		text = bearer.ReplaceAllString(text, "${1}${2} "+Mask)
		text = authorization.ReplaceAllString(text, "${1}"+Mask)
	}
	if slices.ContainsFunc(literals, func(l literalKey) bool { return strings.Contains(text, l.begins) }) {
		text = literal.ReplaceAllString(text, Mask)
	}
	return text
}

// literalKey is the prefix of a provider's keys, and a regular expression for the rest.
type literalKey struct{ begins, rest string }

// literals are the keys of providers that OpenHands also masks.
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
