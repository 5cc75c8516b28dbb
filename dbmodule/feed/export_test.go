package feed

import "time"

// SetPoll sets the pause between two polls while NOTIFY delivers no hints. Call it before Start.
func (f *Feed) SetPoll(pause time.Duration) { f.poll = pause }

// SetNet sets the pause between two polls while NOTIFY delivers hints. Call it before Start.
func (f *Feed) SetNet(pause time.Duration) { f.fallback = pause }

// Carried reports whether NOTIFY delivers the hints of other processes now.
func (f *Feed) Carried() bool { return f.poller.notified.Load() }
