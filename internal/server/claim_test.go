package server_test

import (
	"io"
	"net/http"
	"testing"

	"kindred/internal/server"
)

// What is claimed takes signed requests; what is only handled leaves them to the
// operations.
func TestClaim(t *testing.T) {
	s, h := newServer(t, mounts())
	write := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
	}
	s.Claim("GET /console/{file...}", write("page"))
	s.Claim("POST /console/session", write("session"))
	s.Claim("GET /agent", write("agent"))
	s.Handle("GET /plain/{x}", write("plain"))
	for _, c := range []struct {
		name, method, path, service string
		status                      int
		body                        string // empty: not looked at
	}{
		{"a page", "GET", "/console/x", "", 200, "page"},
		{"a page, signed", "GET", "/console/x", "profile", 200, "page"},
		{"a query as that of a presigned request", "GET", "/agent?x=X-Amz-Signature", "", 200, "agent"},
		{"a query as that of the Query protocol", "GET", "/agent?Action=x", "", 200, "agent"},
		{"another method, signed", "POST", "/console/session", "kindred", 200, "session"},
		{"a path that starts alike", "GET", "/agents", "profile", 404, ""},
		{"another method", "PUT", "/console/session", "", 403, ""},
		{"handled", "GET", "/plain/x", "", 200, "plain"},
		{"handled, signed", "GET", "/plain/x", "profile", 404, ""},
		{"an operation", "GET", "/domains", "profile", 200, ""},
	} {
		r := send(t, h.URL, c.method, c.path, c.service, "", nil)
		if r.Status != c.status || c.body != "" && r.Body != c.body {
			t.Errorf("%s: %d %s", c.name, r.Status, r.Body)
		}
	}
}

// A browser is sent on from /, and nobody else.
func TestBrowsersAreSentToTheConsole(t *testing.T) {
	_, h := newServer(t, nil, func(c *server.Config) { c.Browser = "/console/" })
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for accept, want := range map[string]int{
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": http.StatusSeeOther,
		"*/*": http.StatusOK,
		"":    http.StatusOK,
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", h.URL+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want || want == http.StatusSeeOther && answer.Header.Get("Location") != "/console/" || answer.Header.Get("X-Amzn-Requestid") == "" {
			t.Errorf("%q: %d, %v", accept, answer.StatusCode, answer.Header)
		}
	}
}
