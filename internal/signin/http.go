package signin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"kindred/internal/fault"
)

// The paths of sessions, and what a browser sends there. The cookies are sent to no
// other path: calls of the API are signed, and a cookie opens none.
const (
	Path      = "/console/session"
	RenewPath = Path + "/renew"

	// Header must be there with the value 1. A page of another site cannot send it
	// without asking first, which is never granted.
	Header = "X-Kindred-Console"

	sessionCookie = "kindred_session"
	browserCookie = "kindred_browser"
)

// inTime bounds one request, the wait for its turn to check a password included.
const inTime = 20 * time.Second

// Handle gives the handlers of sessions to register, which takes patterns of
// http.ServeMux.
func (s *Service) Handle(register func(pattern string, h http.Handler)) {
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST " + Path:      s.serveIn,
		"POST " + RenewPath: s.serveRenew,
		"DELETE " + Path:    s.serveOut,
	} {
		register(pattern, s.guard(serve))
	}
}

// guard lets requests through that come from a page of this server, or from no browser
// at all: with the header, and, where the browser says where its page is from, from
// here (Sec-Fetch-Site, Origin).
func (s *Service) guard(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Header.Get(Header) != "1" {
			answer(w, http.StatusForbidden, problem{"Forbidden", "The header " + Header + ": 1 is missing."})
			return
		}
		if err := origins.Check(r); err != nil {
			answer(w, http.StatusForbidden, problem{"Forbidden", "Requests of other sites' pages are refused."})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), inTime)
		defer cancel()
		if err := serve(w, r.WithContext(ctx)); err != nil {
			s.refuse(w, r, err)
		}
	})
}

// problem is the body of an error.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (s *Service) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var bad *bodyError
	var early *tooEarly
	var no *refusal
	switch {
	case errors.As(err, &bad):
		answer(w, bad.status, problem{"InvalidRequest", bad.text})
	case errors.As(err, &early):
		w.Header().Set("Retry-After", strconv.Itoa(int((early.wait+time.Second-1)/time.Second)))
		answer(w, http.StatusTooManyRequests, problem{"TooManyAttempts", "Too many attempts failed; try again in " + seconds(early.wait) + "."})
	case errors.As(err, &no):
		answer(w, http.StatusUnauthorized, problem{"SignInFailed", "Signing in failed: the user, its password, the access key or the link is not valid."})
	case errors.Is(err, errNotSignedIn):
		answer(w, http.StatusUnauthorized, problem{"NotSignedIn", "There is no session, or it has ended."})
	case r.Context().Err() != nil: // nobody waits for the answer
	case errors.Is(err, context.DeadlineExceeded), fault.Is(err, fault.Busy):
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusTooManyRequests, problem{"TooManyAttempts", "Too many people sign in at once; try again in 1 second."})
	default:
		s.log.ErrorContext(r.Context(), "sign-in failed", "cause", err)
		answer(w, http.StatusInternalServerError, problem{"InternalError", "The server could not do that; its log says why."})
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // of texts and times
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // the client may be gone
}

// shown is a session as pages see it.
type shown struct {
	Principal struct {
		ARN  string `json:"arn"`
		Name string `json:"name"`
	} `json:"principal"`
	AccountID   string `json:"accountId"`
	Region      string `json:"region"`
	Credentials struct {
		AccessKeyID     string    `json:"accessKeyId"`
		SecretAccessKey string    `json:"secretAccessKey"`
		SessionToken    string    `json:"sessionToken"`
		Expiration      time.Time `json:"expiration"`
	} `json:"credentials"`
	Expires time.Time `json:"expires"`
}

func (s *Service) show(ses *session) *shown {
	v := &shown{AccountID: s.account, Region: s.region, Expires: ses.expires.UTC().Truncate(time.Second)}
	v.Principal.ARN, v.Principal.Name = ses.user.ARN, ses.user.Name
	c := &v.Credentials
	c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expiration = ses.credentials.AccessKeyID, ses.credentials.Secret, ses.credentials.Token, ses.credentials.Expires.UTC()
	return v
}

func (s *Service) serveIn(w http.ResponseWriter, r *http.Request) error {
	a, err := read(w, r)
	if err != nil {
		return err
	}
	a.address = r.RemoteAddr
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		a.address = host
	}
	a.knownCookie = cookie(r, browserCookie)
	got, err := s.in(r.Context(), a)
	if err != nil {
		return err
	}
	if before := cookie(r, sessionCookie); before != "" { // whoever signs in anew has left the old one
		if _, err := s.out(r.Context(), before); err != nil {
			return err
		}
	}
	setCookie(w, r, sessionCookie, got.cookie, 0)
	setCookie(w, r, browserCookie, got.browser, browserLife)
	answer(w, http.StatusOK, s.show(got.session))
	return nil
}

func (s *Service) serveRenew(w http.ResponseWriter, r *http.Request) error {
	ses, err := s.renew(r.Context(), cookie(r, sessionCookie))
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, s.show(ses))
	return nil
}

func (s *Service) serveOut(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.out(r.Context(), cookie(r, sessionCookie)); err != nil {
		return err
	}
	setCookie(w, r, sessionCookie, "", -1)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie that goes to the paths of sessions only, and to no script. It
// is for TLS alone where the browser talks TLS, be it to a proxy in front. A life of 0
// ends with the browser, a negative one at once.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string, life time.Duration) {
	age := int(life / time.Second)
	if life < 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: Path, MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || strings.HasPrefix(r.Header.Get("Origin"), "https://")})
}

// maxBody bounds the body of a request in bytes.
const maxBody = 4 << 10

// bodyError is a request that is none, with a text that repeats nothing of it.
type bodyError struct {
	status int
	text   string
}

func (e *bodyError) Error() string { return "signin: " + e.text }

func read(w http.ResponseWriter, r *http.Request) (*attempt, error) {
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(kind) != "application/json" {
		return nil, &bodyError{http.StatusUnsupportedMediaType, "Content-Type: want application/json"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, &bodyError{http.StatusRequestEntityTooLarge, "The body must have at most 4096 bytes"}
	case err != nil:
		return nil, &bodyError{http.StatusBadRequest, "The body could not be read to its end"}
	}
	return parse(body)
}
