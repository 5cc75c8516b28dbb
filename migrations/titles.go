package migrations

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// firstWords returns at most 50 characters of a message's text, as titles were made at the time of this revision. It
// returns "" for a message without text.
func firstWords(payload string) string {
	const length = 50
	var event struct {
		Message struct {
			Content json.RawMessage `json:"content"`
		} `json:"llm_message"`
	}
	if json.Unmarshal([]byte(payload), &event) != nil {
		return ""
	}
	var title string
	for word := range strings.FieldsSeq(contentText(event.Message.Content)) {
		longer := strings.TrimSpace(title + " " + word)
		if utf8.RuneCountInString(longer) > length {
			if title == "" { // one long word
				title = string([]rune(word)[:length])
			}
			title += "…"
			break
		}
		title = longer
	}
	if title = strings.ReplaceAll(title, "\x00", ""); !utf8.ValidString(title) {
		return ""
	}
	return title
}

// contentText returns the text of a message's content, which is a text or a list of parts.
func contentText(content json.RawMessage) string {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text
	}
	var parts []json.RawMessage
	if json.Unmarshal(content, &parts) != nil {
		return ""
	}
	var texts []string
	for _, raw := range parts {
		var part struct {
			Text   any               `json:"text"`
			Images []json.RawMessage `json:"image_urls"`
		}
		if json.Unmarshal(raw, &part) != nil {
			continue
		}
		if part.Images != nil {
			texts = append(texts, fmt.Sprintf("[Image: %d URLs]", len(part.Images)))
		} else if text, ok := part.Text.(string); ok {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}

// folded returns a title in the form that title__contains compares.
func folded(title string) string { return strings.ToLower(title) }
