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

// readTime is how long a client may take to send a message for which memory is reserved.
const readTime = 30 * time.Second

// Frames returns a channel of the client's messages. A message above 64 KiB, or the limit of
// [Socket.SetReadLimit], closes the socket with 1009, frame_too_large. While the handler does not
// receive, the server stops reading from the client, including its answers to pings. The channel is
// closed when the client is gone, but not when the server stops: also wait for the end of the
// handler's context.
func (s *Socket) Frames() <-chan []byte { return s.frames }

// SetReadLimit sets how many bytes the client's next messages may have; below 0 there is no limit. The
// messages do not count in MEMORY_BUDGET: for a limit above 64 KiB use [Socket.SetCountedReadLimit].
func (s *Socket) SetReadLimit(bytes int64) {
	if bytes < 0 {
		bytes = math.MaxInt64
	}
	s.counts.Store(false)
	s.limit.Store(min(bytes, math.MaxInt64-1)) // readFrame reads up to limit+1
}

// SetCountedReadLimit is SetReadLimit for large messages. After the first 64 KiB of a message, the
// server reserves the whole limit in MEMORY_BUDGET before it reads the rest. It waits for memory up to
// 10 seconds, and then closes the socket with 1013. The client has 30 seconds to send the rest. The
// handler must call [Socket.FrameDone] for each message: after a large one, the server reads nothing
// more until then.
func (s *Socket) SetCountedReadLimit(bytes int64) {
	s.SetReadLimit(bytes)
	s.counts.Store(true)
}

// FrameDone releases the memory of a message of [Socket.Frames]. Call it when the handler no longer
// uses the message.
func (s *Socket) FrameDone(frame []byte) {
	if s.counts.Load() && len(frame) > uncounted {
		select {
		case s.done <- struct{}{}:
		default: // it was called before
		}
	}
}

// read passes the client's messages to Frames until the client is gone. open ends with the socket.
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
		if kind == websocket.MessageText && !s.deliver(frame) {
			return
		}
		room.Release()
	}
}

// readFrame reads a message, and reports whether it could. It reserves memory in room for a large one.
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

// readRest reads a message, which must arrive within readTime.
func (s *Socket) readRest(message io.Reader) ([]byte, error) {
	late := time.AfterFunc(s.streams.readTime, func() {
		s.late.Store(true)
		_ = s.ws.CloseNow()
	})
	defer late.Stop()
	return io.ReadAll(message)
}

// deliver sends a message to the handler. After a large one it waits until the handler calls FrameDone.
func (s *Socket) deliver(frame []byte) bool {
	select {
	case <-s.done: // the handler called FrameDone twice for the previous message
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
