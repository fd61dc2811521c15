// Package console serves the web console, a single-page app that is built by the
// console directory of this repository and embedded in the binary. It is a client of
// the API like any other and has no data of its own: what is served here is the same for
// everybody, signed in or not.
//
// A binary that was built without the console says how to get it in its place.
package console

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// dist is what the console's build has written, or one file that says that it has
// written nothing.
//
//go:embed all:dist
var dist embed.FS

// The paths that the console takes.
const (
	Home       = "/console/"
	Workspace  = "/agent" // the agent's page: a softphone opens it with a query
	configPath = Home + "config.json"
)

// Config is what a Console is made of.
type Config struct {
	Region, Account, Version string
	// FrameOrigins are the origins of pages that may show the console in a frame
	// and send it messages, each as ParseOrigin returns it.
	FrameOrigins []string
	// Files is the built app; nil is the one in the binary.
	Files fs.FS
}

// Console serves the app. It may be used concurrently.
type Console struct {
	files   map[string]*file // by path below Home
	config  *file
	headers map[string]string
}

// file is a file with its compressed forms, as the build has made them.
type file struct {
	kind, etag, cache string
	plain, gzip, br   []byte
}

// New reads the app.
func New(c Config) (*Console, error) {
	if c.Files == nil {
		sub, err := fs.Sub(dist, "dist")
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		c.Files = sub
	}
	files, err := load(c.Files)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	origins := c.FrameOrigins
	if origins == nil {
		origins = []string{}
	}
	text, err := json.Marshal(map[string]any{"region": c.Region, "accountId": c.Account, "version": c.Version, "allowedOrigins": origins})
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	return &Console{files: files, headers: headers(c.FrameOrigins),
		config: &file{kind: "application/json; charset=utf-8", cache: "no-store", plain: text}}, nil
}

// Handle gives the handlers of the console to register, which takes patterns of
// http.ServeMux. Their paths are no operation's.
func (c *Console) Handle(register func(pattern string, h http.Handler)) {
	register("GET "+Home+"{file...}", http.HandlerFunc(c.serveApp))
	register("GET "+strings.TrimSuffix(Home, "/"), http.RedirectHandler(Home, http.StatusPermanentRedirect))
	register("GET "+Workspace, http.HandlerFunc(c.serveIndex))
	register("GET "+configPath, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.send(w, r, c.config) }))
}

const indexName = "index.html"

// assets is the folder of files whose names have a hash of what is in them.
const assets = "assets/"

func load(from fs.FS) (map[string]*file, error) {
	files := map[string]*file{}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(path.Base(name), ".") {
			return err
		}
		b, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		base, compressed := strings.CutSuffix(name, ".br")
		if !compressed {
			base = strings.TrimSuffix(name, ".gz")
		}
		f := files[base]
		if f == nil {
			f = &file{}
			files[base] = f
		}
		switch strings.TrimPrefix(name, base) {
		case ".br":
			f.br = b
		case ".gz":
			f.gzip = b
		default:
			sum := sha256.Sum256(b)
			f.plain, f.etag = b, `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`
		}
		return nil
	})
	for name, f := range files {
		if f.plain == nil {
			return nil, errors.Join(err, fmt.Errorf("%s is there in a compressed form alone", name))
		}
		f.kind = kind(name)
		switch {
		case name == indexName:
			f.cache, f.etag = "no-store", ""
		case strings.HasPrefix(name, assets):
			f.cache = "public, max-age=31536000, immutable"
		default:
			f.cache = "no-cache"
		}
	}
	return files, err
}

// kind is a file's content type. What a browser runs must not depend on what the
// machine's own tables of types say.
func kind(name string) string {
	switch ext := path.Ext(name); ext {
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".json", ".map":
		return "application/json; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/x-icon"
	case ".woff2":
		return "font/woff2"
	case ".woff":
		return "font/woff"
	case ".txt":
		return "text/plain; charset=utf-8"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// headers are those of every answer. Scripts are files of this server, and nothing of a
// page may come from elsewhere or go there. Styles may be inline, as the design system
// sets some on elements.
func headers(frames []string) map[string]string {
	ancestors := "'none'"
	if len(frames) > 0 {
		ancestors = "'self' " + strings.Join(frames, " ")
	}
	h := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
			"font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors " + ancestors,
		"X-Content-Type-Options":     "nosniff",
		"Referrer-Policy":            "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Permissions-Policy":         "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=(), xr-spatial-tracking=()",
	}
	if len(frames) == 0 {
		h["X-Frame-Options"] = "DENY" // for browsers that do not know frame-ancestors; it cannot name origins
	}
	return h
}

// serveApp serves a file, or the page that is the app for every path that is none.
func (c *Console) serveApp(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if f := c.files[name]; f != nil {
		c.send(w, r, f)
		return
	}
	if strings.HasPrefix(name, assets) { // of another version of the app: no page stands in for a script
		c.plain(w, http.StatusNotFound, "There is no such file in this version of the console. Load the page again.\n")
		return
	}
	c.serveIndex(w, r)
}

const notBuilt = `The console is not in this binary, which was built without it.

To have it, run

    make build

in Kindred's source directory, with Node.js and npm installed, and start bin/kindred.
The API is served on this port all the same.
`

func (c *Console) serveIndex(w http.ResponseWriter, r *http.Request) {
	f := c.files[indexName]
	if f == nil {
		c.plain(w, http.StatusOK, notBuilt)
		return
	}
	c.send(w, r, f)
}

func (c *Console) plain(w http.ResponseWriter, status int, text string) {
	h := c.begin(w)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client may be gone
}

func (c *Console) begin(w http.ResponseWriter) http.Header {
	h := w.Header()
	for name, value := range c.headers {
		h.Set(name, value)
	}
	return h
}

func (c *Console) send(w http.ResponseWriter, r *http.Request, f *file) {
	h := c.begin(w)
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.cache)
	body := f.plain
	if f.br != nil || f.gzip != nil {
		h.Set("Vary", "Accept-Encoding")
		switch accepts := accepted(r.Header.Get("Accept-Encoding")); {
		case f.br != nil && accepts["br"]:
			body = f.br
			h.Set("Content-Encoding", "br")
		case f.gzip != nil && accepts["gzip"]:
			body = f.gzip
			h.Set("Content-Encoding", "gzip")
		}
	}
	if f.etag != "" {
		// Weak, because the compressed forms share it.
		h.Set("Etag", "W/"+f.etag)
		if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may be gone
	}
}

// accepted are the encodings that a client takes (RFC 9110 section 12.5.3). Those with
// weight 0 it does not; other weights make no difference here.
func accepted(header string) map[string]bool {
	all := map[string]bool{}
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(part, ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q="); ok {
			var err error
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				weight = 0
			}
		}
		all[strings.ToLower(strings.TrimSpace(name))] = weight > 0
	}
	return all
}

// ParseOrigin reads the origin of a page, such as https://desk.example.com:8443, and
// returns it as browsers write it.
func ParseOrigin(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Path != "" && u.Path != "/" ||
		u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(u.Host, "*;, '\"") || strings.HasSuffix(text, "?") || strings.HasSuffix(text, "#") {
		return "", errors.New("want the origin of a page, such as https://desk.example.com, without path and wildcards")
	}
	host := strings.ToLower(u.Hostname())
	for i := range len(host) {
		if host[i] > 0x7e {
			return "", errors.New("want the host in its ASCII form (xn--...)")
		}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && !(u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80") {
		host += ":" + port
	}
	return u.Scheme + "://" + host, nil
}
