package feed

// Carried reports whether NOTIFY carries the hints of other processes at this moment.
func (f *Feed) Carried() bool { return f.poller.carried.Load() }
