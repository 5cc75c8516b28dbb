package events

import (
	"strings"
	"unicode/utf8"

	"github.com/openhands-go/server/app/wire"
)

// titleLength is how many characters of a message become a title, at most.
const titleLength = 50

// titleFor makes a title of the first message of a user's that has a text, for a conversation
// without a title: no message that came before these had a text. Agent servers make titles,
// too, but do not always push them.
func titleFor(added []*Incoming) *string {
	var first *Incoming
	var title *string
	for _, e := range added {
		if e.Kind != kindMessage || e.Source != sourceUser || first != nil && e.Micros >= first.Micros {
			continue
		}
		if words := titleOf(e.Payload); words != nil {
			first, title = e, words
		}
	}
	return title
}

// titleOf returns the first words of a message as a title, or nil if the message has no text.
func titleOf(payload string) *string {
	object, err := wire.Members([]byte(payload))
	if err != nil {
		return nil
	}
	message, err := object.Object("llm_message")
	if err != nil || message == nil {
		return nil
	}
	var title string
	for word := range strings.FieldsSeq(strings.Join(texts(message["content"], false), " ")) {
		longer := strings.TrimSpace(title + " " + word)
		if utf8.RuneCountInString(longer) > titleLength {
			if title == "" { // one long word
				title = string([]rune(word)[:titleLength])
			}
			title += "…"
			break
		}
		title = longer
	}
	title = strings.ReplaceAll(title, "\x00", "")
	if title == "" || !utf8.ValidString(title) {
		return nil
	}
	return &title
}
