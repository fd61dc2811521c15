package sigv4

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// parameter is a decoded name and value of the query string.
type parameter struct{ name, value string }

// target is the raw path and query string of the request line. A request that
// was not received by a server has none, and its URL speaks instead.
func target(r *http.Request) (path, query string) {
	uri := r.RequestURI
	if uri == "" {
		path, query = r.URL.EscapedPath(), r.URL.RawQuery
	} else {
		if uri[0] != '/' { // absolute form, RFC 9112 section 3.2.2
			if _, rest, ok := strings.Cut(uri, "://"); ok {
				if i := strings.IndexAny(rest, "/?"); i >= 0 {
					uri = rest[i:]
				} else {
					uri = ""
				}
			}
		}
		path, query, _ = strings.Cut(uri, "?")
	}
	if path == "" {
		path = "/"
	}
	return path, query
}

// parseQuery decodes a query string as net/url does, so that what is verified
// is what handlers read; but it refuses what net/url would drop.
func parseQuery(query string) (parameters []parameter, ok bool) {
	if query == "" {
		return nil, true
	}
	n := strings.Count(query, "&") + 1
	if n > maxParameters {
		return nil, false
	}
	parameters = make([]parameter, 0, n)
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		if strings.IndexByte(pair, ';') >= 0 {
			return nil, false
		}
		name, value, _ := strings.Cut(pair, "=")
		if name, ok = unescape(name); !ok {
			return nil, false
		}
		if value, ok = unescape(value); !ok {
			return nil, false
		}
		parameters = append(parameters, parameter{name, value})
	}
	return parameters, true
}

func unescape(text string) (string, bool) {
	if strings.IndexByte(text, '%') < 0 && strings.IndexByte(text, '+') < 0 {
		return text, true
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '+':
			b = append(b, ' ')
		case '%':
			if i+2 >= len(text) || !isHex(text[i+1:i+3]) {
				return "", false
			}
			v, _ := strconv.ParseUint(text[i+1:i+3], 16, 8)
			b = append(b, byte(v))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return string(b), true
}

// appendEscaped adds text in the encoding of RFC 3986 with capital digits, as
// "UriEncode" of the rules; keep is one more byte that stays as it is, or 0.
func appendEscaped(b []byte, text string, keep byte) []byte {
	const digits = "0123456789ABCDEF"
	for i := range len(text) {
		switch c := text[i]; {
		case isAlphanumeric(c), c == '-', c == '.', c == '_', c == '~', c == keep && keep != 0:
			b = append(b, c)
		default:
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return b
}

// canonicalQueries are the canonical query strings to try: sorted after
// encoding, and, when that makes a difference, sorted before.
func (s *Signed) canonicalQueries() []string {
	if len(s.parameters) == 0 {
		return []string{""}
	}
	type pair struct {
		parameter
		escapedName, escapedValue string
	}
	pairs := make([]pair, 0, len(s.parameters))
	for _, p := range s.parameters {
		if s.Presigned && p.name == "X-Amz-Signature" {
			continue
		}
		pairs = append(pairs, pair{p, string(appendEscaped(nil, p.name, 0)), string(appendEscaped(nil, p.value, 0))})
	}
	join := func() string {
		var b strings.Builder
		for i, p := range pairs {
			if i > 0 {
				b.WriteByte('&')
			}
			b.WriteString(p.escapedName)
			b.WriteByte('=')
			b.WriteString(p.escapedValue)
		}
		return b.String()
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.escapedName, b.escapedName); c != 0 {
			return c
		}
		return strings.Compare(a.escapedValue, b.escapedValue)
	})
	queries := []string{join()}
	before := func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	}
	if !slices.IsSortedFunc(pairs, before) {
		slices.SortFunc(pairs, before)
		queries = append(queries, join())
	}
	return queries
}

// appendCanonical adds the canonical request.
func (s *Signed) appendCanonical(b []byte, query string, bodyHash *[32]byte) []byte {
	b = append(b, s.r.Method...)
	b = append(b, '\n')
	b = appendEscaped(b, s.path, '/')
	b = append(b, '\n')
	b = append(b, query...)
	b = append(b, '\n')
	for name := range strings.SplitSeq(s.signedHeaders, ";") {
		b = append(b, name...)
		b = append(b, ':')
		b = s.appendHeader(b, name)
		b = append(b, '\n')
	}
	b = append(b, '\n')
	b = append(b, s.signedHeaders...)
	b = append(b, '\n')
	if s.payload != "" {
		return append(b, s.payload...)
	}
	return hex.AppendEncode(b, bodyHash[:])
}

// appendHeader adds the values of a header, given in lower case, with commas
// between. net/http keeps two headers elsewhere than among the headers.
func (s *Signed) appendHeader(b []byte, name string) []byte {
	switch name {
	case "host", ":authority":
		return appendCollapsed(b, s.r.Host)
	case "content-length":
		if s.r.Header["Content-Length"] == nil && s.r.ContentLength >= 0 {
			return strconv.AppendInt(b, s.r.ContentLength, 10)
		}
	}
	key, ok := headerKeys[name]
	if !ok {
		key = http.CanonicalHeaderKey(name)
	}
	for i, v := range s.r.Header[key] {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCollapsed(b, v)
	}
	return b
}

// headerKeys spares the names that AWS clients always sign an allocation.
var headerKeys = map[string]string{
	"amz-sdk-invocation-id": "Amz-Sdk-Invocation-Id",
	"amz-sdk-request":       "Amz-Sdk-Request",
	"content-length":        "Content-Length",
	"content-type":          "Content-Type",
	"x-amz-content-sha256":  "X-Amz-Content-Sha256",
	"x-amz-date":            "X-Amz-Date",
	"x-amz-security-token":  "X-Amz-Security-Token",
	"x-amz-target":          "X-Amz-Target",
	"x-amz-user-agent":      "X-Amz-User-Agent",
}

// appendCollapsed adds a header value without the spaces around it and with
// runs of spaces made one.
func appendCollapsed(b []byte, v string) []byte {
	v = strings.Trim(v, " \t")
	if !strings.Contains(v, "  ") {
		return append(b, v...)
	}
	space := false
	for i := range len(v) {
		if v[i] == ' ' && space {
			continue
		}
		space = v[i] == ' '
		b = append(b, v[i])
	}
	return b
}
