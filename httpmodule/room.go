package httpmodule

import (
	"context"
	"errors"
)

// freeRead is how many bytes a read may bring into memory without counting: ordinary
// reads must not wait for few large ones.
const freeRead = 256 << 10

// Room is the memory of MEMORY_BUDGET that one read fills whose size is not known before,
// for example a page of rows. Above 256 KiB, what is read counts. If there is no memory
// left for all of it, the read keeps nothing, waits with nothing in memory, and is done
// again when there is:
//
//	room := httpmodule.NewRoom(ctx)
//	err := room.Read(ctx, func() error {
//		notes = nil
//		for rows.Next() { // rows of a query that is made here
//			...
//			if room.Add(len(note.Text)) {
//				notes = append(notes, note)
//			}
//		}
//		return rows.Err()
//	})
//
// What it holds is given back by Release, by the next Read, and when the request ends. A
// nil Room, and one of a context that belongs to no request, has room for everything.
// A Room is for one goroutine at a time.
type Room struct {
	share   *share
	patient bool
	// counted is what the read has met so far, granted how much of it may be kept, and taken
	// what the share has for that: less if the whole budget is less.
	counted, granted, taken int64
	full                    bool
}

// NewRoom makes a Room for the request of ctx, or for what [Detach] has detached from one.
func NewRoom(ctx context.Context) *Room { return &Room{share: shareOf(ctx)} }

// NewPatientRoom is [NewRoom] for answers that have begun, as streams and downloads, which
// can't be answered with 503 any more: Read waits for as long as its ctx lasts. On a route
// with a WRITE_TIMEOUT it waits for three quarters of that.
func NewPatientRoom(ctx context.Context) *Room { return &Room{share: shareOf(ctx), patient: true} }

// Read calls read, which calls Add for each piece before it keeps it. If there is no room
// for one, Read waits until there is room for all that were added, and calls read
// again: read must begin anew each time, and hold no connection when it returns. Read
// waits up to 10 seconds, for three quarters of WRITE_TIMEOUT, and until ctx ends; its error is then answered with 503 and
// Retry-After. If read fails, its error is that of Read.
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

// Add counts size bytes that the read is about to keep, and reports whether it may. If not,
// the read drops what it has kept, goes on to Add what else there is, without keeping
// any of it, and returns.
func (r *Room) Add(size int) bool {
	if r == nil || r.share == nil {
		return true
	}
	r.counted += int64(size)
	if r.full {
		return false
	}
	if r.counted <= max(freeRead, r.granted) {
		return true
	}
	taken, ok := r.share.tryTake(r.counted - r.granted)
	if !ok {
		r.giveBack()
		r.full = true
		return false
	}
	r.granted, r.taken = r.counted, r.taken+taken
	return true
}

// await waits for room for all that was added.
func (r *Room) await(ctx context.Context) (err error) {
	wanted := r.counted
	r.Release()
	ctx, cancel := r.share.waits(ctx, r.patient)
	defer cancel()
	if r.taken, err = r.share.await(ctx, wanted); err != nil {
		return noMemory(errors.Join(errNoMemory, err))
	}
	r.granted = wanted
	return nil
}

// Release gives back what the Room holds, because what was read is no longer in memory.
func (r *Room) Release() {
	if r != nil {
		r.giveBack()
		r.counted, r.full = 0, false
	}
}

func (r *Room) giveBack() {
	if r.share != nil {
		r.share.release(r.taken)
	}
	r.granted, r.taken = 0, 0
}
