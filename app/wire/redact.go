package wire

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Mask stands where a secret stood: what pydantic's SecretStr prints.
const Mask = "**********"

// Redact returns a valid JSON document with secrets replaced by [Mask], everything else as
// it was written. Secret are, at any depth:
//
//   - values of members whose names look like it, however they are spelled, and all texts and
//     numbers below them: see secretNames;
//   - all texts and numbers below environment, env and headers, whose names are anybody's;
//   - in a list of arguments, what follows --api-key and the like, and what stands in
//     --api-key=…;
//   - in texts that hold URLs, the password before the host and the values of query parameters
//     with such names.
//
// Null, booleans, empty texts and counts of tokens stay.
func Redact(raw []byte) ([]byte, error) { return redact(raw, false) }

// RedactEvent is [Redact] for an event, whose own member key says what it is about.
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
	// option says that the text before, in a list, was an option whose value is secret.
	option bool
}

type redactor struct {
	dec    *json.Decoder
	raw    []byte
	out    []byte
	copied int64
	frames []frame
	done   bool
	// event says that the document is an event.
	event bool
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

// takeText masks a text, or what is secret in it.
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
		if clean := maskWithin(value); clean != value {
			r.replace(clean)
		}
	}
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
func (r *redactor) mask() { r.replace(Mask) }

// replace puts a text in the place of the scalar that the decoder has just read.
func (r *redactor) replace(text string) {
	end := r.dec.InputOffset()
	start := scalarStart(r.raw, end)
	r.out = append(r.out, r.raw[r.copied:start]...)
	quoted, err := json.Marshal(text)
	if err != nil { // no text fails
		quoted = []byte(`"` + Mask + `"`)
	}
	r.out = append(r.out, quoted...)
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
