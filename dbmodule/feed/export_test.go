package feed

import "time"

// SetNet sets the pause between two questions where NOTIFY carries hints, before Start.
func (f *Feed) SetNet(pause time.Duration) { f.net = pause }

// Carried reports whether NOTIFY carries the hints of other processes at this moment.
func (f *Feed) Carried() bool { return f.poller.carried.Load() }
