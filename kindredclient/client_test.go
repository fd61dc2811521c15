package kindredclient_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"kindred/internal/sigv4"
	"kindred/kindredclient"
)

func client(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body []byte)) *kindredclient.Client {
	verifier := sigv4.NewVerifier("eu-west-2", "kindred")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s, err := verifier.Parse(r)
		if err == nil {
			err = verifier.Verify(s, "secret", body, time.Now())
		}
		if err != nil {
			t.Error(err)
		}
		answer(w, r, body)
	}))
	t.Cleanup(srv.Close)
	return &kindredclient.Client{
		Endpoint: srv.URL + "/", Region: "eu-west-2",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE000000000", SecretAccessKey: "secret"}, nil
		}),
	}
}

func TestDo(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if r.Method != "PUT" || r.RequestURI != "/a%2Fb/c?x=1&y=a%20b" || string(body) != `{"In":1}` || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("got %s %s %s %v", r.Method, r.RequestURI, body, r.Header)
		}
		io.WriteString(w, `{"Out":2}`)
	})
	var out struct{ Out int }
	if err := c.Do(t.Context(), "PUT", "/a%2Fb/c?x=1&y=a%20b", map[string]int{"In": 1}, &out); err != nil || out.Out != 2 {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		header, body string
		want         kindredclient.Error
	}{
		{"BadRequestException", `{"Message":"m"}`, kindredclient.Error{Status: 400, Name: "BadRequestException", Message: "m", RequestID: "id"}},
		{"X:http://internal", `{"message":"m"}`, kindredclient.Error{Status: 400, Name: "X", Message: "m", RequestID: "id"}},
		{"", `{"__type":"ns#X","message":"m"}`, kindredclient.Error{Status: 400, Name: "X", Message: "m", RequestID: "id"}},
		{"", `<html>`, kindredclient.Error{Status: 400, RequestID: "id"}},
	} {
		err := client(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			if c.header != "" {
				w.Header().Set("x-amzn-ErrorType", c.header)
			}
			w.Header().Set("x-amzn-RequestId", "id")
			w.WriteHeader(400)
			io.WriteString(w, c.body)
		}).Do(t.Context(), "GET", "/", nil, nil)
		var got *kindredclient.Error
		if !errors.As(err, &got) || *got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.body, got, c.want)
		}
	}
}

func TestBadEndpoint(t *testing.T) {
	for _, endpoint := range []string{"", "127.0.0.1:4620", "ftp://x", "http://", "%"} {
		c := &kindredclient.Client{Endpoint: endpoint}
		if err := c.Do(t.Context(), "GET", "/", nil, nil); err == nil {
			t.Errorf("%q was taken for a URL", endpoint)
		}
	}
}

func TestRenameDomain(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		if r.Method != "POST" || r.RequestURI != "/domains/old/rename" || string(body) != `{"NewDomainName":"new"}` {
			t.Errorf("got %s %s %s", r.Method, r.RequestURI, body)
		}
		io.WriteString(w, `{"DomainName":"new","FormerDomainName":"old","DomainArn":"arn:x","LastUpdatedAt":1.5}`)
	})
	want := kindredclient.RenamedDomain{DomainName: "new", FormerDomainName: "old", ARN: "arn:x", LastUpdatedAt: kindredclient.Time{Time: time.UnixMilli(1500).UTC()}}
	if out, err := c.RenameDomain(t.Context(), "old", "new"); err != nil || *out != want {
		t.Errorf("got %+v, %v", out, err)
	}
}
