// Package slow is a rate limit for each client address, for requests that need no key.
package slow

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"
)

// Limiter counts requests by the client's address: the other end of the connection, or what a
// trusted proxy there says (TRUSTED_PROXIES). Nobody else's headers are believed. It is safe for
// concurrent use.
type Limiter struct {
	store *middleware.RateLimiterMemoryStore
}

// New allows an address burst requests at once, and perSecond of them over time. Addresses
// that have not asked for three minutes are forgotten.
func New(perSecond float64, burst int) *Limiter {
	return &Limiter{store: middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{
		Rate: rate.Limit(perSecond), Burst: burst, ExpiresIn: 3 * time.Minute,
	})}
}

// Middleware answers 429 to an address that asks too often.
func (l *Limiter) Middleware(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if ok, err := l.store.Allow(humaecho.Unwrap(ctx).RealIP()); err == nil && !ok {
			ctx.SetHeader("Retry-After", "1")
			// The answer is gone if this fails: so is whoever asked.
			_ = huma.WriteErr(api, ctx, http.StatusTooManyRequests, "Too many requests from this address: try again in a second")
			return
		}
		next(ctx)
	}
}
