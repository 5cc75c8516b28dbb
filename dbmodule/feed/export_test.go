package feed

import "time"

// SetPoll sets the pause between two questions where it carries none, before Start.
func (f *Feed) SetPoll(pause time.Duration) { f.poll = pause }

// SetNet sets the pause between two questions where NOTIFY carries hints, before Start.
func (f *Feed) SetNet(pause time.Duration) { f.net = pause }

// Carried reports whether NOTIFY carries the hints of other processes at this moment.
func (f *Feed) Carried() bool { return f.poller.carried.Load() }
