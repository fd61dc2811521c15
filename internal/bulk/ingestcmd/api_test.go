package ingestcmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"kindred/internal/bulk"
	"kindred/internal/remote"
)

// wire answers calls from a script, and notes what they held.
type wire struct {
	t       *testing.T
	answers []reply
	calls   []string // the objects of each
}

// reply is an answer: an error of the network, an error of the call, or what
// becomes of single objects.
type reply struct {
	lost    error
	status  int
	name    string
	failed  map[string]int // by object
	garbled string         // in place of the body
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var in struct{ Items []struct{ ID, Object string } }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		w.t.Error(err)
	}
	var objects []string
	for _, it := range in.Items {
		objects = append(objects, it.Object)
	}
	w.calls = append(w.calls, strings.Join(objects, " "))
	a := reply{}
	if len(w.answers) > 0 {
		a, w.answers = w.answers[0], w.answers[1:]
	}
	if a.lost != nil {
		return nil, a.lost
	}
	h := http.Header{"Content-Type": {"application/json"}}
	if a.status != 0 {
		h.Set("X-Amzn-Errortype", a.name)
		return &http.Response{StatusCode: a.status, Header: h, Body: io.NopCloser(strings.NewReader(`{"Message":"` + a.name + `!"}`)), Request: r}, nil
	}
	var out struct {
		Successful []map[string]string
		Failed     []map[string]any
	}
	for _, it := range in.Items {
		if code := a.failed[it.Object]; code != 0 {
			out.Failed = append(out.Failed, map[string]any{"Id": it.ID, "Code": code, "Message": fmt.Sprint("because of ", code)})
		} else {
			out.Successful = append(out.Successful, map[string]string{"Id": it.ID, "ProfileObjectUniqueKey": "x"})
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, err
	}
	if a.garbled != "" {
		text = []byte(a.garbled)
	}
	return &http.Response{StatusCode: 200, Header: h, Body: io.NopCloser(strings.NewReader(string(text))), Request: r}, nil
}

func TestRetries(t *testing.T) {
	busy := reply{status: 429, name: "ThrottlingException"}
	broken := reply{status: 500, name: "InternalServerException"}
	gone := reply{lost: errors.New("connection refused")}
	bad := reply{status: 400, name: "BadRequestException"}
	many := func(r reply, n int) (list []reply) {
		for range n {
			list = append(list, r)
		}
		return list
	}
	for _, c := range []struct {
		name     string
		answers  []reply
		calls    []string
		want     string // outcomes, or the error
		min, max time.Duration
	}{
		{"at once", nil, []string{"a b c"}, "ok ok ok", 0, 0},
		{"throttled", []reply{busy, busy}, []string{"a b c", "a b c", "a b c"}, "ok ok ok", 150 * time.Millisecond, 300 * time.Millisecond},
		{"server error, then away", []reply{broken, gone, {}}, []string{"a b c", "a b c", "a b c"}, "ok ok ok", 150 * time.Millisecond, 300 * time.Millisecond},
		{"never there", []reply{gone}, []string{"a b c"}, "connection refused", 0, 0},
		{"half an answer", []reply{busy, {garbled: `{"Succ`}}, []string{"a b c", "a b c", "a b c"}, "ok ok ok", 150 * time.Millisecond, 300 * time.Millisecond},
		{"a record is refused", []reply{{failed: map[string]int{"b": 400}}}, []string{"a b c"}, "ok 400:because of 400 ok", 0, 0},
		{"those after it do not overtake", []reply{{failed: map[string]int{"b": 429}}, {failed: map[string]int{"c": 400}}},
			[]string{"a b c", "b c"}, "ok ok 400:because of 400", 50 * time.Millisecond, 100 * time.Millisecond},
		{"a record spoils the call", []reply{bad, {}, bad, {}}, []string{"a b c", "a", "b", "c"}, "ok 400:BadRequestException! ok", 0, 0},
		{"denied", []reply{{status: 403, name: "AccessDeniedException"}}, []string{"a b c"}, "AccessDeniedException", 0, 0},
		{"no domain", []reply{{status: 404, name: "ResourceNotFoundException"}}, []string{"a b c"}, "ResourceNotFoundException", 0, 0},
		{"an answer that leaves one out", []reply{{garbled: `{"Successful":[{"Id":"0","ProfileObjectUniqueKey":"x"}]}`}}, []string{"a b c"}, "did not say", 0, 0},
		{"an answer about another", []reply{{garbled: `{"Successful":[{"Id":"7","ProfileObjectUniqueKey":"x"}]}`}}, []string{"a b c"}, "not asked about", 0, 0},
		{"busy for ever", many(busy, 100), nil, "ThrottlingException", 45 * time.Second, time.Minute},
		{"one record is busy for ever", many(reply{failed: map[string]int{"b": 500}}, 100), nil, "ok 500:because of 500 ok", 45 * time.Second, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := &wire{t: t, answers: c.answers}
				a := newAPI(aws.Config{Region: remote.DefaultRegion, Credentials: credentials.NewStaticCredentialsProvider("A", "B", "")}, "http://here",
					&http.Client{Transport: w}, &options{domain: "d", objectType: "T", retryFor: time.Minute})
				began := time.Now()
				out, err := a.Put(t.Context(), []string{"a", "b", "c"})
				if took := time.Since(began); took < c.min || took > c.max {
					t.Errorf("took %v, want %v to %v", took, c.min, c.max)
				}
				if c.calls != nil && fmt.Sprintf("%q", w.calls) != fmt.Sprintf("%q", c.calls) {
					t.Errorf("calls %q, want %q", w.calls, c.calls)
				}
				if err != nil {
					if !strings.Contains(err.Error(), c.want) {
						t.Errorf("got %v, want %s", err, c.want)
					}
					return
				}
				if got := outcomes(out); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		})
	}
}

func outcomes(list []bulk.Outcome) string {
	var words []string
	for _, o := range list {
		if o.Reason == "" {
			words = append(words, "ok")
		} else {
			words = append(words, fmt.Sprintf("%d:%s", o.Code, o.Reason))
		}
	}
	return strings.Join(words, " ")
}

func TestAServerThatIsAwayIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{t: t, answers: []reply{{}, {lost: errors.New("connection refused")}, {}}}
		a := newAPI(aws.Config{Region: remote.DefaultRegion, Credentials: credentials.NewStaticCredentialsProvider("A", "B", "")}, "http://here",
			&http.Client{Transport: w}, &options{domain: "d", objectType: "T", retryFor: time.Minute})
		var told []string
		for range 2 {
			done := make(chan error)
			go func() {
				_, err := a.Put(t.Context(), []string{"a"})
				done <- err
			}()
			synctest.Wait() // it waits for the next try, or is done
			told = append(told, a.Waiting())
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if got := fmt.Sprintf("%q", append(told, a.Waiting())); got != `["" "the server, which is busy or away" ""]` {
			t.Errorf("told of %s", got)
		}
	})
}

func TestRetriesEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{t: t, answers: []reply{{status: 503, name: "X"}, {status: 503, name: "X"}, {status: 503, name: "X"}, {status: 503, name: "X"}}}
		a := newAPI(aws.Config{Region: remote.DefaultRegion, Credentials: credentials.NewStaticCredentialsProvider("A", "B", "")}, "http://here",
			&http.Client{Transport: w}, &options{domain: "d", objectType: "T", retryFor: time.Minute})
		ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
		defer cancel()
		if _, err := a.Put(ctx, []string{"a"}); err == nil || len(w.calls) > 3 {
			t.Errorf("%v after %d calls", err, len(w.calls))
		}
	})
}
