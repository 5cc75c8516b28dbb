package httpstream

import "time"

// SetReadTime changes how long a client may take to send a message that counts, before there are
// sockets.
func (s *Streams) SetReadTime(limit time.Duration) { s.readTime = limit }
