package signin_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"kindred/internal/signin"
)

// forbidden are the ways in which a page of another site would ask.
var forbidden = map[string]func(b *browser){
	"no header":                 func(b *browser) { delete(b.headers, signin.Header) },
	"another value of it":       func(b *browser) { b.headers[signin.Header] = "0" },
	"a foreign Origin":          func(b *browser) { b.from("https://evil.example", "") },
	"an Origin of another port": func(b *browser) { b.from("http://127.0.0.1:1", "") },
	"an Origin of no site":      func(b *browser) { b.from("null", "") },
	"cross-site":                func(b *browser) { b.headers["Sec-Fetch-Site"] = "cross-site" },
	"same-site":                 func(b *browser) { b.headers["Sec-Fetch-Site"] = "same-site" },
	"cross-site, forged Origin": func(b *browser) { b.from(b.on.url, "cross-site") },
}

func (b *browser) from(origin, site string) {
	b.headers["Origin"] = origin
	if b.headers["Sec-Fetch-Site"] = site; site == "" {
		delete(b.headers, "Sec-Fetch-Site")
	}
}

func TestOtherSitesAreRefused(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	victim := w.browser()
	r := victim.mustIn("alice")
	for name, forge := range forbidden {
		for _, ask := range []struct{ method, path, body string }{
			{"POST", signin.Path, body("userName", "alice", "password", good)},
			{"POST", signin.RenewPath, ""},
			{"DELETE", signin.Path, ""},
		} {
			b := w.browser()
			for name, value := range victim.cookies {
				b.cookies[name] = value
			}
			forge(b)
			got := b.do(ask.method, ask.path, ask.body)
			got.wants(t, name+" "+ask.method+" "+ask.path, http.StatusForbidden, "Forbidden")
			if len(got.Cookies()) != 0 || strings.Contains(got.text, "secretAccessKey") {
				t.Errorf("%s: the answer has more than a refusal: %s", name, got.text)
			}
		}
	}
	w.alive(t, "after all of them", r.credentials())

	// A client that is no browser says nothing of where it comes from.
	program := w.browser()
	delete(program.headers, "Origin")
	delete(program.headers, "Sec-Fetch-Site")
	program.mustIn("alice")
}

func TestCookies(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	mux := http.NewServeMux()
	w.signin.Handle(mux.Handle)
	ask := func(method string, change func(*http.Request)) *http.Response {
		r := httptest.NewRequest(method, "http://kindred.test"+signin.Path, strings.NewReader(body("userName", "alice", "password", good)))
		r.Header.Set(signin.Header, "1")
		r.Header.Set("Content-Type", "application/json")
		change(r)
		a := httptest.NewRecorder()
		mux.ServeHTTP(a, r)
		return a.Result()
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		secure bool
	}{
		"in the clear":       {func(*http.Request) {}, false},
		"over TLS":           {func(r *http.Request) { r.TLS = &tls.ConnectionState{} }, true},
		"TLS ends elsewhere": {func(r *http.Request) { r.Header.Set("Origin", "https://kindred.test") }, true},
	} {
		a := ask("POST", c.change)
		if a.StatusCode != http.StatusOK || len(a.Cookies()) != 2 {
			t.Fatalf("%s: %d %v", name, a.StatusCode, a.Cookies())
		}
		for _, got := range a.Cookies() {
			if !got.HttpOnly || got.SameSite != http.SameSiteStrictMode || got.Path != "/console/session" || got.Domain != "" || got.Secure != c.secure {
				t.Errorf("%s: %s", name, got)
			}
			if want := map[string]int{"kindred_session": 0, "kindred_browser": 90 * 86400}[got.Name]; got.MaxAge != want {
				t.Errorf("%s: %s lives for %d", name, got.Name, got.MaxAge)
			}
		}
	}
	a := ask("DELETE", func(*http.Request) {})
	if c := a.Cookies(); len(c) != 1 || c[0].Name != "kindred_session" || c[0].MaxAge != -1 || c[0].Value != "" || c[0].Path != "/console/session" {
		t.Errorf("sign-out: %v", c)
	}
}

func TestHeadersOfAnswers(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	b := w.browser()
	for what, r := range map[string]*reply{
		"in": b.mustIn("alice"), "renewed": b.do("POST", signin.RenewPath, ""), "out": b.do("DELETE", signin.Path, ""),
		"refused": b.in("alice", "incorrect horse"), "malformed": b.do("POST", signin.Path, "{"),
	} {
		if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("X-Amzn-Requestid") == "" ||
			r.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", what, r.Header)
		}
	}
}

func TestBadBodies(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	for what, c := range map[string]struct {
		body, text string
		status     int
	}{
		"no body":            {"", "JSON object", 400},
		"no JSON":            {"{", "JSON object", 400},
		"a list":             {"[]", "JSON object", 400},
		"a number":           {`{"userName":1,"password":"x"}`, "JSON object", 400},
		"something else too": {`{"userName":"a","password":"x","admin":true}`, "JSON object", 400},
		"a name twice":       {`{"userName":"a","userName":"b","password":"x"}`, "JSON object", 400},
		"another case":       {`{"username":"a","password":"x"}`, "JSON object", 400},
		"nothing":            {`{}`, "Give one of", 400},
		"null":               {`null`, "Give one of", 400},
		"two ways":           {`{"userName":"a","password":"x","token":"t"}`, "Give one of", 400},
		"no password":        {`{"userName":"a"}`, "password: it is missing", 400},
		"an empty password":  {`{"userName":"a","password":""}`, "password: it is missing", 400},
		"no name":            {`{"password":"x"}`, "userName: it is missing", 400},
		"no secret":          {`{"accessKeyId":"AKIA"}`, "secretAccessKey: it is missing", 400},
		"a long name":        {body("userName", strings.Repeat("a", 65), "password", "x"), "userName: at most 64", 400},
		"a long password":    {body("userName", "a", "password", strings.Repeat("x", 600)), "password: at most 512", 400},
		"a long token":       {body("token", strings.Repeat("a", 97)), "token: at most 96", 400},
		"too much":           {`{"token":"` + strings.Repeat("a", 4096) + `"}`, "at most 4096 bytes", 413},
	} {
		r := w.browser().do("POST", signin.Path, c.body)
		r.wants(t, what, c.status, "InvalidRequest")
		if !strings.Contains(r.Message, c.text) {
			t.Errorf("%s: %s", what, r.Message)
		}
	}
	b := w.browser()
	b.headers["Content-Type"] = "text/plain"
	b.in("alice", good).wants(t, "text/plain", http.StatusUnsupportedMediaType, "InvalidRequest")
	b.headers["Content-Type"] = "application/json; charset=utf-8"
	if r := b.in("alice", good); r.StatusCode != http.StatusOK {
		t.Error(r.text)
	}
}

// guess makes wrong guesses until it is slowed down, and returns how many were looked
// at.
func (b *browser) guess(name string, limit int) (admitted int, slowed *reply) {
	b.t.Helper()
	for admitted = range limit {
		r := b.in(name, "wrong guess "+strconv.Itoa(admitted))
		if r.StatusCode == http.StatusTooManyRequests {
			return admitted, r
		}
		r.wants(b.t, "a wrong guess", http.StatusUnauthorized, "SignInFailed")
	}
	return limit, nil
}

func TestBruteForceIsSlowedDown(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	known := w.browser()
	known.mustIn("alice")
	attacker := w.browser()
	n, slowed := attacker.guess("alice", 20)
	if n != 6 || slowed == nil {
		t.Fatalf("%d guesses were looked at", n)
	}
	slowed.wants(t, "one too many", http.StatusTooManyRequests, "TooManyAttempts")
	if slowed.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %s", slowed.Header.Get("Retry-After"))
	}
	attacker.in("alice", good).wants(t, "the right one, too early", http.StatusTooManyRequests, "TooManyAttempts")
	attacker.in("ALICE", good).wants(t, "the name in another case", http.StatusTooManyRequests, "TooManyAttempts")

	// The wait doubles, up to a minute, and no attempt in between makes it longer.
	wait := 1
	for range 10 {
		w.advance(time.Duration(wait)*time.Second - 20*time.Millisecond)
		r := attacker.in("alice", "wrong guess again")
		for range 200 { // the machine's own time passes too
			if r.StatusCode != http.StatusTooManyRequests {
				break
			}
			w.advance(time.Millisecond)
			r = attacker.in("alice", "wrong guess again")
		}
		r.wants(t, "after the wait", http.StatusUnauthorized, "SignInFailed")
		slowed := attacker.in("alice", "wrong guess again")
		slowed.wants(t, "before the next", http.StatusTooManyRequests, "TooManyAttempts")
		wait = min(2*wait, 60)
		if got := slowed.Header.Get("Retry-After"); got != strconv.Itoa(wait) {
			t.Fatalf("the wait is %s seconds, want %d", got, wait)
		}
	}

	// Meanwhile the user's own browser waits for nobody, nor does a link.
	known.do("DELETE", signin.Path, "")
	if r := known.in("alice", good); r.StatusCode != http.StatusOK {
		t.Errorf("the user's own browser: %s", r.text)
	}
	if r := w.browser().open(w.link("alice")); r.StatusCode != http.StatusOK {
		t.Errorf("a link: %s", r.text)
	}

	// And with a quiet quarter of an hour all is forgotten.
	w.advance(15 * time.Minute)
	if r := attacker.in("alice", good); r.StatusCode != http.StatusOK {
		t.Errorf("later: %s", r.text)
	}
	if w.counted("PASSWORD slowed") == 0 {
		t.Error("nothing was counted")
	}
}

// A known browser has its own few attempts and no more, and is known for its user
// alone.
func TestAKnownBrowserIsSlowedDownToo(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	w.user("bob", "")
	known := w.browser()
	known.mustIn("alice")
	if n, _ := known.guess("alice", 20); n != 6 {
		t.Errorf("%d guesses of alice's password", n)
	}
	if n, _ := known.guess("bob", 20); n != 6 {
		t.Errorf("%d guesses of bob's password", n)
	}
	known.in("bob", good).wants(t, "bob's", http.StatusTooManyRequests, "TooManyAttempts")
	// Alice herself, elsewhere.
	if r := w.browser().in("alice", good); r.StatusCode != http.StatusOK {
		t.Errorf("alice elsewhere: %s", r.text)
	}
	forged := w.browser()
	forged.cookies["kindred_browser"] = known.cookies["kindred_browser"][:20] + "AAAA" + known.cookies["kindred_browser"][24:]
	if n, _ := forged.guess("alice", 20); n != 6 {
		t.Errorf("%d guesses with a forged cookie", n)
	}
	w.browser().in("alice", good).wants(t, "which counts for everybody", http.StatusTooManyRequests, "TooManyAttempts")
}

// Many names from one address: the address waits.
func TestAnAddressIsSlowedDown(t *testing.T) {
	w := newWorld(t)
	w.user("alice", "")
	b := w.browser()
	for i := range 21 {
		b.in(fmt.Sprintf("user%d", i), good).wants(t, "a wrong guess", http.StatusUnauthorized, "SignInFailed")
	}
	b.in("user99", good).wants(t, "one too many", http.StatusTooManyRequests, "TooManyAttempts")
	b.open("x").wants(t, "a link", http.StatusTooManyRequests, "TooManyAttempts")
	b.do("POST", signin.Path, body("accessKeyId", "AKIAAAAAAAAAAAAAAAAA", "secretAccessKey", "x")).wants(t, "a key", http.StatusTooManyRequests, "TooManyAttempts")
}

func FuzzBody(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", body("userName", "alice", "password", good), body("accessKeyId", "AKIA", "secretAccessKey", "s"),
		body("token", "AIDA.x"), `{"userName":"\ud800","password":"x"}`, `{"token":{"token":"x"}}`, `{"userName":"a","password":"x"} `, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		way, members, err := signin.Parse(b)
		if err != nil {
			for _, word := range bytes.Fields(b) {
				if len(word) > 40 && strings.Contains(err.Error(), string(word)) {
					t.Errorf("the error repeats the body: %s", err)
				}
			}
			return
		}
		for _, m := range members {
			if m == "" || len(m) > 4*512 {
				t.Errorf("%s: a member of %d bytes", way, len(m))
			}
		}
	})
}
