package httpmodule_test

import (
	"html/template"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
	gommon "github.com/labstack/gommon/log"
	"github.com/stretchr/testify/require"

	"github.com/openhands-go/server/httpmodule"
)

// asked is a request, with headers in pairs.
type asked struct {
	method, path, body string
	header             []string
}

// seen is what a client sees of an answer.
type seen struct {
	status int
	body   string
	header map[string]string
}

// compared are the headers that handlers and Echo's middleware set.
var compared = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Content-Disposition", "Content-Range", "Accept-Ranges", "Last-Modified", "Location",
	"Allow", "Vary", "Set-Cookie", "X-Frame-Options", "Www-Authenticate", "X-Own", "X-Order",
}

// madeUp is what differs between two answers.
var madeUp = regexp.MustCompile(`_csrf=\w+; Expires=[^;]+`)

func answerOf(t *testing.T, base string, r asked) seen {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), r.method, base+r.path, strings.NewReader(r.body))
	require.NoError(t, err)
	for i := 0; i < len(r.header); i += 2 {
		request.Header.Set(r.header[i], r.header[i+1])
	}
	if request.Header.Get("Host") != "" {
		request.Host = request.Header.Get("Host")
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	a := seen{status: response.StatusCode, body: string(body), header: map[string]string{}}
	if err != nil {
		a.body += "(cut off)"
	}
	for _, name := range compared {
		if value := response.Header.Values(name); len(value) > 0 {
			a.header[name] = madeUp.ReplaceAllString(strings.ReplaceAll(strings.Join(value, ", "), base, ""), "(made up)")
		}
	}
	// The server compresses answers by itself.
	switch vary := strings.TrimSuffix(strings.TrimSuffix(a.header["Vary"], "Accept-Encoding"), ", "); vary {
	case "":
		delete(a.header, "Vary")
	default:
		a.header["Vary"] = vary
	}
	if a.status >= 400 { // an error's body has a form of its own
		a.body = ""
		delete(a.header, "Content-Type")
		delete(a.header, "Content-Length")
	}
	return a
}

// ownContext is a context as Echo's guide extends it.
type ownContext struct{ echo.Context }

func withOwnContext(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error { return next(&ownContext{c}) }
}

type ownBinder struct{}

func (ownBinder) Bind(i any, c echo.Context) error {
	*i.(*string) = "bound " + c.Param("id")
	return nil
}

type ownRenderer struct{ *template.Template }

func (r ownRenderer) Render(w io.Writer, name string, data any, _ echo.Context) error {
	return r.ExecuteTemplate(w, name, data)
}

type ownValidator struct{}

func (ownValidator) Validate(any) error {
	return echo.NewHTTPError(http.StatusBadRequest, "not valid")
}

func ordered(name string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Add("X-Order", name)
			return next(c)
		}
	}
}

func pathAndMethod(c echo.Context) error {
	return c.String(http.StatusOK, c.Path()+" "+strings.Replace(c.Request().Method, http.MethodHead, http.MethodGet, 1))
}

func get(path string, header ...string) asked {
	return asked{method: http.MethodGet, path: path, header: header}
}

func head(path string, header ...string) asked {
	return asked{method: http.MethodHead, path: path, header: header}
}

func post(path, body string, header ...string) asked {
	return asked{method: http.MethodPost, path: path, body: body, header: header}
}

// onEcho starts plain Echo with these routes.
func onEcho(t *testing.T, routes func(e *echo.Echo)) (base string) {
	t.Helper()
	e := echo.New()
	quiet := gommon.New("")
	quiet.SetOutput(io.Discard)
	e.Logger = quiet
	routes(e)
	server := httptest.NewUnstartedServer(e)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// onServer starts a server with these routes.
func onServer(t *testing.T, routes func(e *echo.Echo)) (base string) {
	t.Helper()
	cfg := testConfig()
	cfg.AllowedHosts = []string{"api.example"}
	f := serve(t, cfg, func(*fixture) httpmodule.Routes { return func(e *echo.Echo, _ huma.API) { routes(e) } })
	return f.url("")
}
