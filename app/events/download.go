package events

import (
	"archive/zip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/openhands-go/server/app/conversations"
	"github.com/openhands-go/server/app/wire"
	"github.com/openhands-go/server/dbmodule"
	"github.com/openhands-go/server/httpmodule"
)

const (
	downloadPath   = "/api/v1/app-conversations/{conversation_id}/download"
	trajectoryPath = "/api/file/download-trajectory/{conversation_id}"
)

// registerDownloads registers the downloads of a conversation as a ZIP file, in the app server's format and in
// the agent server's.
func (h *handlers) registerDownloads(api huma.API) {
	register := func(op huma.Operation, contentType string, handler func(context.Context, *PathInput) (*huma.StreamResponse, error)) {
		op.Method, op.Errors = http.MethodGet, []int{http.StatusNotFound, http.StatusUnprocessableEntity}
		op.Responses = map[string]*huma.Response{"200": {
			Description: "A ZIP file", Content: map[string]*huma.MediaType{contentType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}},
		}}
		httpmodule.DownloadLimits().Operation(&op)
		huma.Register(api, op, handler)
	}
	register(huma.Operation{
		OperationID: "download-app-conversation", Path: downloadPath, Tags: []string{"App conversations"},
		Summary:     "Download a conversation with all its events",
		Description: "A ZIP file: meta.json, and event_000000_ID.json and so on, each event byte for byte as it came.",
	}, "application/zip", h.download)
	register(huma.Operation{
		OperationID: "download-trajectory", Path: trajectoryPath, Tags: []string{"Conversations"},
		Summary:     "Download a conversation in the form in which agent servers keep it",
		Description: "A ZIP file: meta.json, base_state.json, and events/event-00000-ID.json and so on, each event byte for byte as it came.",
	}, "application/octet-stream", h.trajectory)
}

// file is a file of an archive. content is encoded as JSON.
type file struct {
	name    string
	content any
}

func (h *handlers) download(ctx context.Context, in *PathInput) (*huma.StreamResponse, error) {
	c, children, err := h.described(ctx, in.ID, false)
	if err != nil {
		return nil, err
	}
	return h.archive(c.ID, "application/zip", "conversation_"+strings.ReplaceAll(c.ID, "-", "")+".zip",
		"event_%06d_%s.json", file{"meta.json", c.AppInfo(children)}), nil
}

func (h *handlers) trajectory(ctx context.Context, in *PathInput) (*huma.StreamResponse, error) {
	c, children, err := h.described(ctx, in.ID, true)
	if err != nil {
		return nil, err
	}
	info := c.Info(children)
	return h.archive(c.ID, "application/octet-stream", strings.ReplaceAll(c.ID, "-", "")+".zip",
		"events/event-%05d-%s.json", file{"meta.json", info}, file{"base_state.json", info}), nil
}

// described reads a conversation and its children.
func (h *handlers) described(ctx context.Context, rawID string, skills bool) (*conversations.Conversation, []string, error) {
	id, err := wire.PathID(rawID, "conversation_id")
	if err != nil {
		return nil, nil, err
	}
	s := httpmodule.Session(ctx, h.sessions)
	var c *conversations.Conversation
	room := httpmodule.NewRoom(ctx)
	err = room.Read(ctx, func() (err error) {
		c, err = h.conversations.Get(ctx, s, id)
		if err == nil && skills {
			err = h.conversations.ReadSkills(ctx, s, room, c)
		}
		return err
	})
	if err != nil {
		return nil, nil, wire.NotFound(err, "Conversation")
	}
	children, err := h.conversations.Children(ctx, s, []string{id})
	return c, children[id], err
}

// archive answers with a ZIP file that contains files and a conversation's events. format makes an event's file
// name from its position and id. It reads page by page, and holds no database connection while it sends. On an
// error it logs the cause and aborts the client's connection, so that the client notices that the file is
// incomplete.
func (h *handlers) archive(id, contentType, name, format string, files ...file) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		ctx := hc.Context()
		httpmodule.CloseSessions(ctx)
		hc.SetHeader("Content-Type", contentType)
		hc.SetHeader("Content-Disposition", `attachment; filename="`+name+`"`)
		if err := h.writeArchive(ctx, hc.BodyWriter(), id, format, files); err != nil {
			if ctx.Err() == nil { // otherwise the client is gone, or the server stops
				h.log.Error("download cut off", zap.String("conversation", id), zap.Error(err))
			}
			panic(http.ErrAbortHandler)
		}
	}}
}

func (h *handlers) writeArchive(ctx context.Context, to io.Writer, id, format string, files []file) error {
	archive := zip.NewWriter(to)
	add := func(name string, content []byte) error {
		w, err := archive.Create(name)
		if err == nil {
			_, err = w.Write(content)
		}
		return err
	}
	for _, f := range files {
		content, err := json.Marshal(f.content)
		if err == nil {
			err = add(f.name, content)
		}
		if err != nil {
			return fmt.Errorf("events: download: %w", err)
		}
	}
	n, room := 0, httpmodule.NewPatientRoom(ctx)
	for pageID := ""; ; {
		var payloads []string
		next := ""
		err := room.Read(ctx, func() error {
			return h.sessions.InTx(ctx, func(ctx context.Context, s *dbmodule.Session) (err error) {
				payloads, next, err = h.store.Page(ctx, s, id, Filter{}, Timestamp, pageID, Most{piece, PieceBytes, room})
				return err
			}, dbmodule.ReadOnly())
		})
		if err != nil {
			return err
		}
		for _, payload := range payloads {
			if err := add(fmt.Sprintf(format, n, fileName(payload)), []byte(payload)); err != nil {
				return fmt.Errorf("events: download: %w", err)
			}
			n++
		}
		if pageID = next; pageID == "" {
			return archive.Close()
		}
	}
}

// piece and PieceBytes are how many events, and how many bytes of them, are read at once for a response that
// is sent in pieces. A slow client keeps no more than that in memory.
const (
	piece      = 100
	PieceBytes = 256 << 10
)

// fileName returns an event's id for a file name. Characters other than letters, digits, dashes and underscores
// become underscores, so that an id can't lead to another folder.
func fileName(payload string) string {
	object, err := wire.Members([]byte(payload))
	if err != nil {
		return "unknown"
	}
	name := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, looseText(object["id"]))
	return name[:min(len(name), 100)]
}
