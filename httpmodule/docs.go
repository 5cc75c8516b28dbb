package httpmodule

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

const (
	pathDocs    = "/docs"
	pathOpenAPI = "/openapi.json"
)

// docs serves Swagger UI from files in the binary: the page loads nothing from other hosts.
type docs struct {
	page   []byte
	policy string
	assets http.Handler
}

func newDocs(title string) (*docs, error) {
	handler := v5emb.NewHandlerWithConfig(swgui.Config{
		Title:       title,
		SwaggerJSON: pathOpenAPI,
		BasePath:    pathDocs,
		SettingsUI: map[string]string{
			// Only the open tab keeps the key. By default, Swagger UI would keep it in the
			// browser's storage, for all tabs and forever.
			"persistAuthorization": "false",
			"tryItOutEnabled":      "true",
		},
	})
	page := capture{header: http.Header{}}
	handler.ServeHTTP(&page, &http.Request{Method: http.MethodGet, URL: &url.URL{Path: pathDocs}})
	if page.status >= 400 || page.Len() == 0 {
		return nil, errors.New("httpmodule: render documentation page: no page")
	}
	text := bytes.Replace(page.Bytes(), []byte("</head>"), []byte(docsStyle+"</head>"), 1)
	return &docs{page: text, policy: contentPolicy(text), assets: handler}, nil
}

// docsStyle adapts the page to narrow windows and to a browser's dark mode. Swagger UI has no dark
// mode, so a filter inverts all colours and turns their hues back. Code samples are dark already
// and are inverted twice. The filter is on the root element: on another element it would break
// dialogs with position: fixed. It also inverts the root's own background, so a colour below is
// the opposite of the colour that the reader sees.
const docsStyle = `<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
.swagger-ui .opblock .opblock-summary-path { word-break: break-word; }
@media (max-width: 640px) {
	.swagger-ui .wrapper { padding: 0 8px; }
	.swagger-ui .opblock .opblock-summary-description, .swagger-ui .response-col_links { display: none; }
	.swagger-ui .parameters-col_name, .swagger-ui .response-col_status { width: auto; min-width: 0; }
	.swagger-ui table.parameters thead { display: none; }
	.swagger-ui table.parameters tr, .swagger-ui table.parameters td { display: block; width: auto; }
	.swagger-ui table.parameters tbody tr td:first-of-type { padding: 10px 0 0; }
	.swagger-ui table.parameters :is(input, select) { width: 100%; max-width: 100%; }
	.swagger-ui .highlight-code > .microlight, .swagger-ui .response-col_description { max-width: calc(100vw - 100px); }
}
@media (prefers-color-scheme: dark) {
	html { background: #fafafa; filter: invert(0.9) hue-rotate(180deg); }
	.swagger-ui .microlight, .swagger-ui .highlight-code, .swagger-ui .curl, .swagger-ui img { filter: invert(1) hue-rotate(180deg); }
	.swagger-ui .highlight-code .microlight { filter: none; }
	.swagger-ui .dialog-ux .backdrop-ux { background: rgba(255, 255, 255, .8); }
	.swagger-ui .opblock:not(.opblock-delete) .opblock-summary-method, .swagger-ui .info .title small pre { color: #000; text-shadow: none; }
	.swagger-ui .btn.authorize { color: #00522b; border-color: #00522b; }
	.swagger-ui .btn.authorize svg { fill: #00522b; }
	.swagger-ui .info a { color: #003a7d; }
	.swagger-ui .btn.execute { color: #000; }
}
</style>
`

// inlineScript matches the page's inline scripts.
var inlineScript = regexp.MustCompile(`(?s)<script>(.*?)</script>`)

// contentPolicy returns a Content-Security-Policy that allows only files of this server and the
// page's own inline scripts, by their hashes. Swagger UI also needs inline styles and data: URLs
// for images and fonts.
func contentPolicy(page []byte) string {
	scripts := "script-src 'self'"
	for _, match := range inlineScript.FindAllSubmatch(page, -1) {
		sum := sha256.Sum256(match[1])
		scripts += fmt.Sprintf(" 'sha256-%s'", base64.StdEncoding.EncodeToString(sum[:]))
	}
	return strings.Join([]string{
		"default-src 'none'", scripts, "style-src 'self' 'unsafe-inline'", "img-src 'self' data:",
		"font-src 'self' data:", "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
	}, "; ")
}

func (d *docs) servePage(c echo.Context) error {
	c.Response().Header().Set("Content-Security-Policy", d.policy)
	return document(c, echo.MIMETextHTMLCharsetUTF8, d.page)
}

// document sends a text that does not change while the server runs. A client revalidates its copy
// with the ETag, and gets 304 if the copy is current.
func document(c echo.Context, contentType string, text []byte) error {
	sum := sha256.Sum256(text)
	header := c.Response().Header()
	header.Set("Cache-Control", "no-cache") // the client may keep a copy, and must revalidate it
	header.Set("ETag", `W/"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	header.Set("Content-Type", contentType)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(text))
	return nil
}

func (d *docs) serveAsset(c echo.Context) error {
	if c.Param("*") == "" {
		return d.servePage(c)
	}
	c.Response().Header().Set("Cache-Control", "no-cache")
	d.assets.ServeHTTP(c.Response(), c.Request())
	return nil
}

// capture is a response in memory.
type capture struct {
	bytes.Buffer
	header http.Header
	status int
}

func (c *capture) Header() http.Header    { return c.header }
func (c *capture) WriteHeader(status int) { c.status = status }
