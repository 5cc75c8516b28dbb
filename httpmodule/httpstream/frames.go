package httpstream

import (
	"bytes"
	"context"
	"io"
	"math"
	"time"

	"github.com/coder/websocket"

	"github.com/openhands-go/server/httpmodule"
)

// readTime is how long a client may take to send the rest of a message for which memory is reserved.
const readTime = 30 * time.Second

// Frames receives the client's messages, up to the size of [Socket.SetReadLimit], which is 64
// KiB at first; a longer one closes the socket with 1009, frame_too_large. While nobody
// receives, no more is read, answers to pings neither. It is closed when the client has gone, but not when the
// server stops: wait for the end of the handler's context beside it.
func (s *Socket) Frames() <-chan []byte { return s.frames }

// SetReadLimit sets how many bytes a message of the client's may have, from the next one; below 0 is no
// limit. The messages do not count in MEMORY_BUDGET: above 64 KiB take [Socket.SetCountedReadLimit].
func (s *Socket) SetReadLimit(bytes int64) {
	if bytes < 0 {
		bytes = math.MaxInt64
	}
	s.counts.Store(false)
	s.limit.Store(min(bytes, math.MaxInt64-1)) // read looks for one more
}

// SetCountedReadLimit is SetReadLimit for large messages. One above 64 KiB counts in MEMORY_BUDGET, with
// all the bytes that it may have, before the rest of it is read. It waits for memory up to 10
// seconds; then the socket is closed with 1013. The client has 30 seconds to send the rest. The
// handler must call [Socket.FrameDone] for each message: after a large one, nothing more is read
// before that.
func (s *Socket) SetCountedReadLimit(bytes int64) {
	s.SetReadLimit(bytes)
	s.counts.Store(true)
}

// FrameDone says that the handler no longer has this message of [Socket.Frames] in memory.
func (s *Socket) FrameDone(frame []byte) {
	if s.counts.Load() && len(frame) > uncounted {
		select {
		case s.done <- struct{}{}:
		default: // it was said before
		}
	}
}

// read hands on what the client sends, and notices when it goes. open ends with the socket.
func (s *Socket) read(ctx, open context.Context) {
	defer close(s.frames)
	room := httpmodule.NewRoom(ctx)
	defer room.Release()
	for {
		kind, message, err := s.ws.Reader(ctx)
		if err != nil {
			return
		}
		frame, ok := s.readFrame(open, message, room)
		if !ok {
			return
		}
		if kind == websocket.MessageText && !s.handOn(frame) {
			return
		}
		room.Release()
	}
}

// readFrame reads a message, and reports whether it could. If it counts, room has memory for it.
func (s *Socket) readFrame(open context.Context, message io.Reader, room *httpmodule.Room) (frame []byte, ok bool) {
	limit := s.limit.Load()
	first := limit
	if s.counts.Load() {
		first = min(limit, uncounted)
	}
	frame, err := io.ReadAll(io.LimitReader(message, first+1))
	if err == nil && int64(len(frame)) > first && first < limit {
		if !s.reserve(open, limit, room) {
			return nil, false
		}
		frame, err = s.readRest(io.LimitReader(io.MultiReader(bytes.NewReader(frame), message), limit+1))
	}
	if err != nil {
		return nil, false
	}
	if int64(len(frame)) > limit {
		s.tooLarge.Store(true)
		return nil, false
	}
	return frame, true
}

// reserve waits for memory for a message of limit bytes.
func (s *Socket) reserve(open context.Context, limit int64, room *httpmodule.Room) bool {
	err := room.Read(open, func() error {
		room.Add(int(limit)) // if there is no room, Read waits for it and calls this again
		return nil
	})
	s.noMemory.Store(err != nil && open.Err() == nil)
	return err == nil
}

// readRest reads a message, of which the rest must arrive within readTime.
func (s *Socket) readRest(message io.Reader) ([]byte, error) {
	late := time.AfterFunc(s.streams.readTime, func() {
		s.late.Store(true)
		_ = s.ws.CloseNow()
	})
	defer late.Stop()
	return io.ReadAll(message)
}

// handOn gives the handler a message. If that counts, it waits until the handler is done with it.
func (s *Socket) handOn(frame []byte) bool {
	select {
	case <-s.done: // said twice of the one before
	default:
	}
	select {
	case s.frames <- frame:
	case <-s.ended:
		return false
	}
	if !s.counts.Load() || len(frame) <= uncounted {
		return true
	}
	select {
	case <-s.done:
		return true
	case <-s.ended:
		return false
	}
}
