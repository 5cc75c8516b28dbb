// Package slow limits the rate of requests from each client address, for routes that need no key.
package slow

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4/middleware"
	"golang.org/x/time/rate"
)

// Limiter limits the rate of requests from each client address, which is found as TRUSTED_PROXIES says. It
// is safe for concurrent use.
type Limiter struct {
	store *middleware.RateLimiterMemoryStore
}

// New makes a limiter that allows each address burst requests at once, and perSecond on average. It
// forgets an address after three minutes without requests.
func New(perSecond float64, burst int) *Limiter {
	return &Limiter{store: middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{
		Rate: rate.Limit(perSecond), Burst: burst, ExpiresIn: 3 * time.Minute,
	})}
}

// Middleware answers 429 to an address above the limit.
func (l *Limiter) Middleware(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if ok, err := l.store.Allow(humaecho.Unwrap(ctx).RealIP()); err == nil && !ok {
			ctx.SetHeader("Retry-After", "1")
			// It fails only if the client is gone.
			_ = huma.WriteErr(api, ctx, http.StatusTooManyRequests, "Too many requests from this address: try again in a second")
			return
		}
		next(ctx)
	}
}
