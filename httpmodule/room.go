package httpmodule

import (
	"context"
	"errors"
)

// uncountedRead is how many bytes a read may keep without reserving memory, so that ordinary reads
// do not wait for a few large ones.
const uncountedRead = 256 << 10

// Room reserves memory of MEMORY_BUDGET for a read whose size is not known in advance, for example
// a page of rows. The first 256 KiB are free. If there is not enough memory for all of it, the
// read drops what it has kept, waits until there is enough, and starts again:
//
//	room := httpmodule.NewRoom(ctx)
//	err := room.Read(ctx, func() error {
//		notes = nil
//		for rows.Next() { // run the query here, so that it runs again
//			...
//			if room.Add(len(note.Text)) {
//				notes = append(notes, note)
//			}
//		}
//		return rows.Err()
//	})
//
// Release, the next Read and the end of the request give the memory back. A nil Room, and a Room of
// a context that belongs to no request, has no limit. A Room is for one goroutine at a time.
type Room struct {
	share   *share
	patient bool
	// counted is how many bytes were added so far, granted how many of them may be kept, and
	// reserved how many bytes the share holds for them: less if the whole budget is less.
	counted, granted, reserved int64
	full                       bool
}

// NewRoom makes a Room for the request of ctx, or for the work that [Detach] has detached from one.
func NewRoom(ctx context.Context) *Room { return &Room{share: shareOf(ctx)} }

// NewPatientRoom is [NewRoom] for responses that have begun, such as streams and downloads: they
// can't be answered with 503 any more. Its Read waits until its ctx ends or, on a route with a
// WRITE_TIMEOUT, for three quarters of that.
func NewPatientRoom(ctx context.Context) *Room { return &Room{share: shareOf(ctx), patient: true} }

// Read calls read, which calls Add for each piece before it keeps the piece. If Add reports that
// there is no room, Read waits until there is room for everything that was added, and calls read
// again. So read must start from the beginning each time, and hold no connection when it returns.
// Read waits up to 10 seconds, three quarters of WRITE_TIMEOUT, or until ctx ends, whichever is
// first; the server then answers its error with 503 and Retry-After. Read returns an error of read
// unchanged.
func (r *Room) Read(ctx context.Context, read func() error) error {
	r.Release()
	for {
		if err := read(); err != nil || r == nil || !r.full {
			return err
		}
		if err := r.await(ctx); err != nil {
			return err
		}
	}
}

// Add counts size bytes and reports whether the read may keep them. If not, the read drops what it
// has kept, calls Add for the remaining pieces without keeping them, and returns nil.
func (r *Room) Add(size int) bool {
	if r == nil || r.share == nil {
		return true
	}
	r.counted += int64(size)
	if r.full {
		return false
	}
	if r.counted <= max(uncountedRead, r.granted) {
		return true
	}
	added, ok := r.share.tryReserve(r.counted - r.granted)
	if !ok {
		r.giveBack()
		r.full = true
		return false
	}
	r.granted, r.reserved = r.counted, r.reserved+added
	return true
}

// await waits for memory for everything that was added.
func (r *Room) await(ctx context.Context) (err error) {
	wanted := r.counted
	r.Release()
	ctx, cancel := r.share.waitContext(ctx, r.patient)
	defer cancel()
	if r.reserved, err = r.share.acquire(ctx, wanted); err != nil {
		return noMemory(errors.Join(errNoMemory, err))
	}
	r.granted = wanted
	return nil
}

// Release gives the Room's memory back. Call it when what was read is no longer in use.
func (r *Room) Release() {
	if r != nil {
		r.giveBack()
		r.counted, r.full = 0, false
	}
}

func (r *Room) giveBack() {
	if r.share != nil {
		r.share.release(r.reserved)
	}
	r.granted, r.reserved = 0, 0
}
