package wire

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Mask replaces a secret. It is the text that pydantic's SecretStr prints.
const Mask = "**********"

// Redact replaces the secrets in a valid JSON document by [Mask], and leaves everything else unchanged, byte
// for byte. Secrets are, at any depth:
//
//   - the texts and numbers in a member whose name says that it is secret, in any spelling: see
//     classify;
//   - all texts and numbers in environment, env and headers, whose members can have any name;
//   - in a list of arguments, the value after --api-key and the like, and the value of --api-key=…;
//   - in texts, the password of a URL, values of query parameters with secret names, authorization
//     headers, private keys, and keys of known providers;
//   - all of these in a text that is a JSON document, such as the arguments of a tool call;
//   - in texts that have commands or parts of documents, the values of secret names in name=…, --name …,
//     "name": "…" and -H "name: …".
//
// Null, booleans, empty texts and numbers of tokens are not secret.
func Redact(raw []byte) ([]byte, error) { return redact(raw, false) }

// RedactEvent is [Redact] for an event. The event's own member key is not secret: it names what the event is
// about.
func RedactEvent(raw []byte) ([]byte, error) { return redact(raw, true) }

func redact(raw []byte, event bool) ([]byte, error) {
	r := redactor{dec: json.NewDecoder(bytes.NewReader(raw)), raw: raw, event: event}
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
	// tokenLike is a name that may also be a number of tokens: only texts are secret.
	tokenLike
	secret
)

// frame is an object or array that is being read.
type frame struct {
	object bool
	// wantKey says that the next token is a member's name.
	wantKey bool
	// below is the sensitivity of everything in this object or array.
	below sensitivity
	// value is the sensitivity of the current member.
	value sensitivity
	// kind says that the current member's name is kind.
	kind bool
	// option says that the previous text of this array was an option whose value is secret.
	option bool
}

// redactor copies a document token by token, and replaces secrets.
type redactor struct {
	dec *json.Decoder
	raw []byte
	out []byte
	// copied is how many bytes of raw are in out.
	copied int64
	frames []frame
	// done says that the whole document was read.
	done bool
	// event says that the document is an event.
	event bool
}

// take handles the next token.
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
		if r.event && top == 0 && name == "key" {
			f.value = public
		}
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
		r.takeText(value, here)
	case json.Number:
		if here == secret {
			r.mask()
		}
	}
	r.valueEnds()
}

// takeText masks a text, or the secrets within it.
func (r *redactor) takeText(value string, here sensitivity) {
	top := len(r.frames) - 1
	source, follows := false, false
	if top >= 0 {
		f := &r.frames[top]
		source, follows = f.kind && secretSource(value), f.option
		f.option = !f.object && secretOption(value)
	}
	switch {
	case value == "" || source:
	case here != public || follows && !strings.HasPrefix(value, "-"):
		r.mask()
	default:
		if clean := maskText(value); clean != value {
			r.replace(clean)
		}
	}
}

// maskText masks the secrets within a text. A text that is a JSON document, as the arguments of a tool call are, is
// redacted as one.
func maskText(text string) string {
	raw := []byte(text)
	if kind := Kind(raw); (kind == '{' || kind == '[') && json.Valid(raw) {
		if clean, err := Redact(raw); err == nil {
			return string(clean)
		}
	}
	return maskWithin(text)
}

// valueEnds is called after each value.
func (r *redactor) valueEnds() {
	if len(r.frames) == 0 {
		r.done = true
		return
	}
	f := &r.frames[len(r.frames)-1]
	f.wantKey = f.object
}

// secretSource reports whether a text is the kind of a secret's source, such as StaticSecret. It is not
// masked, because clients need it to parse the object.
func secretSource(value string) bool {
	return strings.HasSuffix(value, "Secret") && !strings.ContainsFunc(value, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	})
}

// mask replaces the scalar that the decoder has just read.
func (r *redactor) mask() { r.replace(Mask) }

// replace replaces the scalar that the decoder has just read by a text.
func (r *redactor) replace(text string) {
	end := r.dec.InputOffset()
	start := scalarStart(r.raw, end)
	r.out = append(r.out, r.raw[r.copied:start]...)
	quoted, err := json.Marshal(text)
	if err != nil { // can't happen for a string
		quoted = []byte(`"` + Mask + `"`)
	}
	r.out = append(r.out, quoted...)
	r.copied = end
}

// scalarStart returns the start of the string or number that ends at end.
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
