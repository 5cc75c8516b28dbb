package wire

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Mask stands where a secret stood: what pydantic's SecretStr prints.
const Mask = "**********"

// Redact returns a valid JSON document with the values of secret-looking members
// replaced by [Mask], everything else as it was written. Secret are, at any
// depth and however the name is spelled, keys, passwords, secrets, tokens and
// credentials, and all texts below such a name and below env and headers, whose
// names are anybody's. Null, booleans, empty texts and counts of tokens stay.
func Redact(raw []byte) ([]byte, error) {
	r := redactor{dec: json.NewDecoder(bytes.NewReader(raw)), raw: raw}
	r.dec.UseNumber()
	for {
		token, err := r.dec.Token()
		if err != nil {
			if r.dec.InputOffset() > 0 && len(r.frames) == 0 && r.done {
				break
			}
			return nil, NewInvalid("json_invalid", "JSON decode error: "+err.Error())
		}
		r.take(token)
	}
	return append(r.out, raw[r.copied:]...), nil
}

type sensitivity int

const (
	public sensitivity = iota
	// tokenLike names may as well count tokens: only texts are secret.
	tokenLike
	secret
)

type frame struct {
	object  bool
	wantKey bool
	// below is what every leaf in this object or array is.
	below sensitivity
	// value is what the member being read is.
	value sensitivity
	// kind is set while the member named kind is read.
	kind bool
}

type redactor struct {
	dec    *json.Decoder
	raw    []byte
	out    []byte
	copied int64
	frames []frame
	done   bool
}

func (r *redactor) take(token json.Token) {
	top := len(r.frames) - 1
	if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
		r.frames = r.frames[:top]
		r.valueEnds()
		return
	}
	if top >= 0 && r.frames[top].object && r.frames[top].wantKey {
		f := &r.frames[top]
		f.wantKey = false
		name, _ := token.(string)
		f.value = max(f.below, classify(name))
		f.kind = name == "kind"
		return
	}
	here := public
	if top >= 0 {
		here = r.frames[top].below
		if r.frames[top].object {
			here = r.frames[top].value
		}
	}
	switch value := token.(type) {
	case json.Delim:
		r.frames = append(r.frames, frame{object: value == '{', wantKey: value == '{', below: here})
		return
	case string:
		source := top >= 0 && r.frames[top].kind && secretSource(value)
		if here != public && value != "" && !source {
			r.mask()
		}
	case json.Number:
		if here == secret {
			r.mask()
		}
	}
	r.valueEnds()
}

func (r *redactor) valueEnds() {
	if len(r.frames) == 0 {
		r.done = true
		return
	}
	f := &r.frames[len(r.frames)-1]
	f.wantKey = f.object
}

// secretSource tells the discriminator of a secret's source, StaticSecret and
// the like: without it the rest means nothing.
func secretSource(value string) bool {
	return strings.HasSuffix(value, "Secret") && !strings.ContainsFunc(value, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
}

// mask replaces the scalar that the decoder has just read.
func (r *redactor) mask() {
	end := r.dec.InputOffset()
	start := scalarStart(r.raw, end)
	r.out = append(r.out, r.raw[r.copied:start]...)
	r.out = append(r.out, '"')
	r.out = append(r.out, Mask...)
	r.out = append(r.out, '"')
	r.copied = end
}

// scalarStart finds where the string or number that ends before end begins.
func scalarStart(raw []byte, end int64) int64 {
	i := end - 1
	if raw[i] != '"' {
		for i > 0 && strings.IndexByte("+-.0123456789eE", raw[i-1]) >= 0 {
			i--
		}
		return i
	}
	for i--; ; i-- {
		if raw[i] != '"' {
			continue
		}
		// A quote after an odd number of backslashes belongs to the text.
		backslashes := 0
		for raw[i-1-int64(backslashes)] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i
		}
	}
}

var spelling = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

// classify judges a member by its name.
func classify(name string) sensitivity {
	name = spelling.Replace(strings.ToLower(name))
	switch name {
	case "env", "acpenv", "headers", "extraheaders":
		return secret
	}
	for _, part := range [...]string{
		"apikey", "accesskey", "privatekey", "secret", "password", "passwd", "passphrase",
		"credential", "authorization", "cookie",
	} {
		if strings.Contains(name, part) {
			return secret
		}
	}
	if strings.HasSuffix(name, "token") || strings.HasSuffix(name, "tokens") {
		return tokenLike
	}
	return public
}

// RedactMember is [Redact] for the value of a member of that name.
func RedactMember(name string, raw []byte) ([]byte, error) {
	if classify(name) == public {
		return Redact(raw)
	}
	key, err := json.Marshal(name)
	if err != nil {
		return nil, err
	}
	whole, err := Redact(append(append(append([]byte{'{'}, key...), ':'), append(bytes.Clone(raw), '}')...))
	if err != nil {
		return nil, err
	}
	return whole[len(key)+2 : len(whole)-1], nil
}
