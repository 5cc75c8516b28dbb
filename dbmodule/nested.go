package dbmodule

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Join lets [SessionFactory.InTx] be called inside another InTx of the same database,
// with the context that fn was given there: fn gets the outer session and runs in a
// savepoint. If fn fails, its changes are undone; otherwise they are stored together
// with the outer unit of work. Options for a session or a whole unit of work have no
// effect then, and an [IdempotencyKey] is refused. Outside another InTx, Join changes
// nothing.
//
// Use it in functions that can run alone as a unit of work, and also as a part of
// another one.
func Join() SessionOption { return func(o *sessionOptions) { o.join = true } }

// unitKey is a context's key for the unit of work of [SessionFactory.InTx] that fn is
// called in, one for each database. fn's caller hands it on by the context, and no
// part of this package to another: it is how InTx notices that it is called inside
// itself.
type unitKey struct{ writer *connPool }

// openUnit is what a context has by unitKey.
type openUnit struct {
	session *Session
	// ended is set when fn has returned.
	ended atomic.Bool
}

// outerUnit returns the unit of work of this database in which a context is used, nil
// for none.
func (f *SessionFactory) outerUnit(ctx context.Context) *openUnit {
	outer, _ := ctx.Value(unitKey{f.writer}).(*openUnit)
	if outer == nil || outer.ended.Load() {
		return nil
	}
	return outer
}

// within calls fn with the session, and a context by which InTx inside fn is noticed.
func (s *Session) within(ctx context.Context, fn func(ctx context.Context, s *Session) error) error {
	unit := &openUnit{session: s}
	defer unit.ended.Store(true)
	return fn(context.WithValue(ctx, unitKey{s.factory.writer}, unit), s)
}

// refusesNested refuses a unit of work inside another where both may write. They would
// not be stored together, and on SQLite the inner one would wait for the outer one.
func (o sessionOptions) refusesNested(outer *openUnit) error {
	if outer == nil || o.readOnly || outer.session.options.readOnly {
		return nil
	}
	return fmt.Errorf("dbmodule: unit of work: %w", ErrNestedUnit)
}

// joins runs fn as a part of the outer unit of work.
func (o sessionOptions) joins(ctx context.Context, outer *openUnit, fn func(ctx context.Context, s *Session) error) error {
	if o.key != nil {
		return errJoinKey
	}
	return outer.session.InNested(ctx, func(ctx context.Context) error { return fn(ctx, outer.session) })
}

var errJoinKey = errors.New("dbmodule: unit of work: Join can't have an IdempotencyKey: give the key to the outer unit of work, which is stored as a whole")

// refusesOuter refuses a connection to a session that is used inside a unit of work
// which holds the only one: it would wait for that in vain.
func (p *connPool) refusesOuter(ctx context.Context, s *Session) error {
	outer, _ := ctx.Value(unitKey{p}).(*openUnit)
	if outer == nil || outer.session == s || outer.ended.Load() || p.Stats().MaxOpenConnections != 1 || !outer.session.Active() {
		return nil
	}
	return fmt.Errorf("dbmodule: connect: %w", ErrNestedUnit)
}
