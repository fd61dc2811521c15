package sigv4_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"kindred/internal/fault"
	"kindred/internal/sigv4"
)

const (
	keyID  = "AKIDEXAMPLE000000000"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func hash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// received is a request as a server gets it, off the wire.
func received(t testing.TB, r *http.Request, body []byte) *http.Request {
	t.Helper()
	out := httptest.NewRequest(r.Method, r.URL.RequestURI(), bytes.NewReader(body))
	out.Host = r.Host
	if out.Host == "" {
		out.Host = r.URL.Host
	}
	for k, v := range r.Header {
		out.Header[http.CanonicalHeaderKey(k)] = v
	}
	return out
}

// signed is a request signed in the header form by the Go SDK.
func signed(t testing.TB, method, target string, header http.Header, body []byte, token string, at time.Time) *http.Request {
	t.Helper()
	r := unsigned(t, method, target, header, body)
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: token}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, r, hash(body), "profile", "us-east-1", at); err != nil {
		t.Fatal(err)
	}
	return received(t, r, body)
}

// presigned is a request signed in the query form by the Go SDK.
func presigned(t testing.TB, method, target string, header http.Header, payloadHash, token string, at time.Time) *http.Request {
	t.Helper()
	r := unsigned(t, method, target, header, nil)
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: token}
	uri, h, err := v4.NewSigner().PresignHTTP(context.Background(), creds, r, payloadHash, "profile", "us-east-1", at)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	r.URL, r.Header = u, h
	h.Del("Host")
	return received(t, r, nil)
}

func unsigned(t testing.TB, method, target string, header http.Header, body []byte) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, "http://127.0.0.1:4620"+target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		r.Header[k] = v
	}
	return r
}

func verify(r *http.Request, body []byte, at time.Time) error {
	s, err := sigv4.Parse(r)
	if err != nil {
		return err
	}
	if s.AccessKeyID != keyID {
		return sigv4.UnknownKey()
	}
	return s.Verify(secret, body, at)
}

func wantFault(t *testing.T, err error, name, text string) {
	t.Helper()
	var f *fault.Error
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a fault %s", err, name)
	}
	if f.Name != name || !strings.Contains(f.Message, text) {
		t.Fatalf("got %s %q, want %s with %q", f.Name, f.Message, name, text)
	}
}

// TestVectors verifies requests signed by another implementation, botocore.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, Method, Target, Body, Secret, Token string
		Headers                                   map[string]string
	}
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 30 {
		t.Fatalf("%d vectors only", len(vectors))
	}
	v := sigv4.NewVerifier("eu-west-2", "profile")
	for _, c := range vectors {
		t.Run(c.Name, func(t *testing.T) {
			body, err := hex.DecodeString(c.Body)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(c.Method, "http://127.0.0.1:4620"+c.Target, bytes.NewReader(body))
			r.RequestURI = c.Target
			for k, v := range c.Headers {
				r.Header.Set(k, v)
			}
			s, err := v.Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if s.Token != c.Token || s.Region != "eu-west-2" || s.Service != "profile" || !s.Time.Equal(now) {
				t.Errorf("claims of the request: %+v", s)
			}
			if err := v.Verify(s, c.Secret, body, now); err != nil {
				t.Error(err)
			}
			if err := v.Verify(s, c.Secret+"x", body, now); err == nil {
				t.Error("verified with another secret")
			}
			if err := v.Verify(s, c.Secret, append(body, 'x'), now); err == nil {
				t.Error("verified with another body")
			}
		})
	}
}

// TestGoSDK verifies what the Go SDK signs, in both forms.
func TestGoSDK(t *testing.T) {
	targets := []string{
		"/", "", "/domains/d1/profiles", "/tags/arn%3Aaws%3Aprofile%3Aus-east-1%3A000000000000%3Adomains%2Fd1",
		"/a%25b/%2525", "/a%20b/c+d", "/%E1%88%B4/%F0%9F%98%80", "/a!b$c&d'e(f)g*h,i;j=k:l@m", "/~user/-._", "/a%2fb", "/domains/",
		"//double//slash", "/dot/./and/../dots",
		"/x?a=&a=b&=c&a=", "/x?tagKeys=b&tagKeys=a%3Ab&tagKeys=a0", "/x?q=a+b%20c%2B", "/x?%E1%88%B4=%F0%9F%98%80", "/x?novalue", "/x?a%3A=1&a0=2",
	}
	body := []byte(`{"a":1}`)
	for _, target := range targets {
		for _, token := range []string{"", "token/+=="} {
			t.Run(target+" "+token, func(t *testing.T) {
				header := http.Header{"Content-Type": {"application/json"}, "X-Multi": {" a  b ", "c"}, "X-Amz-User-Agent": {"test"}}
				if err := verify(signed(t, "PUT", target, header, body, token, now), body, now); err != nil {
					t.Errorf("header form: %v", err)
				}
				r := presigned(t, "GET", target, header, hash(nil), token, now)
				if err := verify(r, nil, now); err != nil {
					t.Errorf("presigned: %v", err)
				}
				s, err := sigv4.Parse(r)
				if err != nil || s.Token != token || !s.Presigned {
					t.Errorf("presigned claims: %+v, %v", s, err)
				}
			})
		}
	}
}

// TestSortedBeforeEncoding: old releases of the Go SDK order query parameters
// by their decoded values.
func TestSortedBeforeEncoding(t *testing.T) {
	r := unsigned(t, "GET", "/x?k=a%2Fb&k=a-b", nil, nil)
	canonical := "GET\n/x\nk=a-b&k=a%2Fb\nhost:127.0.0.1:4620\nx-amz-date:20260304T050607Z\n\nhost;x-amz-date\n" + hash(nil)
	r.Header.Set("X-Amz-Date", "20260304T050607Z")
	r.Header.Set("Authorization", authorization("host;x-amz-date", canonical))
	if err := verify(received(t, r, nil), nil, now); err != nil {
		t.Error(err)
	}
}

// authorization signs a canonical request that the test wrote.
func authorization(signedHeaders, canonical string) string {
	scope := "20260304/us-east-1/profile/aws4_request"
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	signature := mac(key, "AWS4-HMAC-SHA256\n20260304T050607Z\n"+scope+"\n"+hash([]byte(canonical)))
	return fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", keyID, scope, signedHeaders, signature)
}

func TestPayloadForms(t *testing.T) {
	body := []byte(`{}`)
	sign := func(value string) *http.Request {
		r := unsigned(t, "POST", "/x", http.Header{"X-Amz-Content-Sha256": {value}}, body)
		creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
		if err := v4.NewSigner().SignHTTP(context.Background(), creds, r, value, "profile", "us-east-1", now); err != nil {
			t.Fatal(err)
		}
		return received(t, r, body)
	}
	if err := verify(sign(hash(body)), body, now); err != nil {
		t.Errorf("hash given: %v", err)
	}
	if err := verify(sign(strings.ToUpper(hash(body))), body, now); err != nil {
		t.Errorf("hash given in capitals: %v", err)
	}
	wantFault(t, verify(sign(hash(nil)), body, now), "InvalidSignatureException", "not the SHA-256 of the body")
	wantFault(t, verify(sign("UNSIGNED-PAYLOAD"), body, now), "InvalidSignatureException", "over TLS only")
	wantFault(t, verify(sign("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), body, now), "InvalidSignatureException", "not supported")
	wantFault(t, verify(sign("nonsense"), body, now), "InvalidSignatureException", "must be the SHA-256")
	overTLS := sign("UNSIGNED-PAYLOAD")
	overTLS.TLS = httptest.NewRequest("GET", "https://x/", nil).TLS
	if err := verify(overTLS, body, now); err != nil {
		t.Errorf("unsigned payload over TLS: %v", err)
	}
	r := presigned(t, "POST", "/x?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", nil, "UNSIGNED-PAYLOAD", "", now)
	if err := verify(r, body, now); err != nil {
		t.Errorf("unsigned payload, presigned: %v", err)
	}
	if err := verify(presigned(t, "POST", "/x", nil, hash(body), "", now), body, now); err != nil {
		t.Errorf("body, presigned: %v", err)
	}
}

func TestTime(t *testing.T) {
	header := signed(t, "GET", "/", nil, nil, "", now)
	for _, c := range []struct {
		at   time.Duration
		text string
	}{
		{0, ""}, {15 * time.Minute, ""}, {-15 * time.Minute, ""},
		{15*time.Minute + time.Second, "Signature expired: 20260304T050607Z is now earlier than 20260304T050608Z (20260304T052108Z - 15 min.)"},
		{-15*time.Minute - time.Second, "Signature not yet current: 20260304T050607Z is still later than 20260304T050606Z (20260304T045106Z + 15 min.)"},
	} {
		err := verify(header, nil, now.Add(c.at))
		if c.text == "" {
			if err != nil {
				t.Errorf("after %v: %v", c.at, err)
			}
			continue
		}
		wantFault(t, err, "InvalidSignatureException", c.text)
	}
	for _, c := range []struct {
		expires, at int // seconds
		ok          bool
	}{{0, 900, true}, {0, 901, false}, {60, 60, true}, {60, 61, false}, {604800, 604800, true}, {60, -900, true}, {60, -901, false}} {
		target := "/"
		if c.expires > 0 {
			target = fmt.Sprintf("/?X-Amz-Expires=%d", c.expires)
		}
		err := verify(presigned(t, "GET", target, nil, hash(nil), "", now), nil, now.Add(time.Duration(c.at)*time.Second))
		if c.ok != (err == nil) {
			t.Errorf("expires %d at %d s: %v", c.expires, c.at, err)
		}
	}
}

func TestMalformed(t *testing.T) {
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	swap := func(old, new string) func(*http.Request) {
		return func(r *http.Request) {
			a := r.Header.Get("Authorization")
			if !strings.Contains(a, old) {
				panic("nothing to replace: " + old)
			}
			r.Header.Set("Authorization", strings.Replace(a, old, new, 1))
		}
	}
	query := func(q string) func(*http.Request) {
		return func(r *http.Request) { r.RequestURI, r.URL.RawQuery = "/x?"+q, q }
	}
	for _, c := range []struct {
		name       string
		change     func(*http.Request)
		want, text string
	}{
		{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAuthenticationTokenException", "Missing"},
		{"two", func(r *http.Request) { r.Header.Add("Authorization", "x") }, "IncompleteSignatureException", "more than one"},
		{"both forms", query("X-Amz-Signature=x"), "IncompleteSignatureException", "Only one form"},
		{"empty", set("Authorization", ""), "IncompleteSignatureException", "algorithm"},
		{"bearer", set("Authorization", "Bearer abc"), "IncompleteSignatureException", "algorithm"},
		{"too long", set("Authorization", "AWS4-HMAC-SHA256 "+strings.Repeat("x", 9000)), "IncompleteSignatureException", "longer"},
		{"SigV4A", swap("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), "IncompleteSignatureException", "4A"},
		{"no credential", swap("Credential=", "X="), "IncompleteSignatureException", "none of"},
		{"only algorithm", set("Authorization", "AWS4-HMAC-SHA256"), "IncompleteSignatureException", "'Credential'"},
		{"signature twice", swap("Signature=", "Signature=ab, Signature="), "IncompleteSignatureException", "twice"},
		{"short signature", func(r *http.Request) { a := r.Header.Get("Authorization"); r.Header.Set("Authorization", a[:len(a)-1]) }, "IncompleteSignatureException", "64 hexadecimal"},
		{"four elements", swap("/aws4_request", ""), "IncompleteSignatureException", "5 slash"},
		{"terminator", swap("/aws4_request", "/aws5_request"), "InvalidSignatureException", "terminator"},
		{"odd key id", swap(keyID, "AKID-EXAMPLE-0000-00"), "UnrecognizedClientException", "security token"},
		{"scope date", swap("20260304/", "20260305/"), "InvalidSignatureException", "Date in Credential scope"},
		{"region", swap("us-east-1", "us-east-2"), "InvalidSignatureException", "valid region"},
		{"service", swap("/profile/", "/s3/"), "InvalidSignatureException", "service"},
		{"host unsigned", swap("host;", ""), "InvalidSignatureException", "'Host'"},
		{"unsorted", swap("host;x-amz-date", "x-amz-date;host"), "IncompleteSignatureException", "sorted"},
		{"capitals", swap("host;", "Host;"), "IncompleteSignatureException", "lower case"},
		{"many headers", swap("x-amz-date", "x"+strings.Repeat(";x", 200)), "IncompleteSignatureException", ""},
		{"x-amz header unsigned", set("X-Amz-Target", "Other.Operation"), "InvalidSignatureException", "'x-amz-target' must be"},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "IncompleteSignatureException", "existence of either"},
		{"two dates", func(r *http.Request) { r.Header.Add("X-Amz-Date", "x") }, "IncompleteSignatureException", "more than one"},
		{"fraction", set("X-Amz-Date", "20260304T050607.5Z"), "IncompleteSignatureException", "basic format"},
		{"bad escape", query("a=%zz"), "IncompleteSignatureException", "percent"},
		{"semicolon", query("a;b"), "IncompleteSignatureException", "percent"},
		{"many parameters", query(strings.Repeat("a&", 2000)), "IncompleteSignatureException", "more than"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := signed(t, "GET", "/x", nil, nil, "", now)
			c.change(r)
			_, err := sigv4.NewVerifier("us-east-1", "profile").Parse(r)
			wantFault(t, err, c.want, c.text)
		})
	}
}

func TestMalformedPresigned(t *testing.T) {
	base := presigned(t, "GET", "/x?X-Amz-Expires=60", nil, hash(nil), "", now).URL.Query()
	for _, c := range []struct {
		name       string
		change     func(url.Values)
		want, text string
	}{
		{"no signature", func(q url.Values) { q.Del("X-Amz-Signature") }, "IncompleteSignatureException", "'X-Amz-Signature'"},
		{"no date", func(q url.Values) { q.Del("X-Amz-Date") }, "IncompleteSignatureException", "'X-Amz-Date'"},
		{"twice", func(q url.Values) { q.Add("X-Amz-Date", "20260304T050607Z") }, "IncompleteSignatureException", "twice"},
		{"SigV4A", func(q url.Values) { q.Set("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256") }, "IncompleteSignatureException", "4A"},
		{"expires zero", func(q url.Values) { q.Set("X-Amz-Expires", "0") }, "IncompleteSignatureException", "604800"},
		{"expires negative", func(q url.Values) { q.Set("X-Amz-Expires", "-1") }, "IncompleteSignatureException", "604800"},
		{"expires a week and a second", func(q url.Values) { q.Set("X-Amz-Expires", "604801") }, "IncompleteSignatureException", "604800"},
		{"longer expiry", func(q url.Values) { q.Set("X-Amz-Expires", "61") }, "InvalidSignatureException", "does not match"},
		{"expires taken away", func(q url.Values) { q.Del("X-Amz-Expires") }, "InvalidSignatureException", "does not match"},
		{"token added", func(q url.Values) { q.Set("X-Amz-Security-Token", "t") }, "InvalidSignatureException", "does not match"},
		{"action added", func(q url.Values) { q.Set("Action", "DeleteQueue") }, "InvalidSignatureException", "does not match"},
		{"token far too long", func(q url.Values) { q.Set("X-Amz-Security-Token", strings.Repeat("t", 9000)) }, "UnrecognizedClientException", "security token"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := url.Values{}
			for k, v := range base {
				q[k] = append([]string(nil), v...)
			}
			c.change(q)
			r := httptest.NewRequest("GET", "/x?"+q.Encode(), nil)
			r.Host = "127.0.0.1:4620"
			wantFault(t, verify(r, nil, now), c.want, c.text)
		})
	}
}

// TestTampering: whatever single part of a signed request changes, it no longer
// verifies.
func TestTampering(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	body := []byte(`{"FirstName":"x","Attributes":{"a":"b"}}`)
	header := http.Header{"Content-Type": {"application/json"}, "X-Amz-Target": {"A.B"}, "X-Custom": {"one", "two"}}
	flip := func(text string) string {
		b := []byte(text)
		for {
			i := rng.IntN(len(b))
			c := byte('!' + rng.IntN('~'-'!'))
			if c != b[i] && !strings.ContainsRune("?&;+%", rune(c)) && !strings.ContainsRune("&%", rune(b[i])) {
				b[i] = c
				return string(b)
			}
		}
	}
	for range 3000 {
		r := signed(t, "PUT", "/domains/d%2F1/x?b=2&a=1", header, body, "thetoken", now)
		sent := append([]byte(nil), body...)
		var what string
		switch rng.IntN(8) {
		case 0:
			what, r.Method = "method", flip(r.Method)
		case 1:
			what = "path"
			path, query, _ := strings.Cut(r.RequestURI, "?")
			r.RequestURI = "/" + flip(path[1:]) + "?" + query
		case 2:
			what = "query"
			path, query, _ := strings.Cut(r.RequestURI, "?")
			r.RequestURI = path + "?" + flip(query)
		case 3:
			what, r.Host = "host", flip(r.Host)
		case 4:
			what = "signed header"
			names := []string{"Content-Type", "X-Amz-Target", "X-Custom", "X-Amz-Security-Token", "X-Amz-Date"}
			name := names[rng.IntN(len(names))]
			r.Header[name] = append([]string(nil), r.Header[name]...)
			r.Header[name][0] = flip(r.Header[name][0])
		case 5:
			what, sent = "body", []byte(flip(string(sent)))
		case 6:
			what = "authorization"
			a := r.Header.Get("Authorization")
			changed := flip(a)
			if strings.EqualFold(a, changed) { // digits of the signature in capitals are the same digits
				continue
			}
			r.Header.Set("Authorization", changed)
		case 7:
			what, sent = "shorter body", sent[:rng.IntN(len(sent))]
		}
		if err := verify(r, sent, now); err == nil {
			t.Fatalf("%s tampered with and still verified: %s %s %v", what, r.Method, r.RequestURI, r.Header)
		}
	}
}

// TestKeyCache: a verifier answers the same with a warm cache and a cold one,
// for more keys than it remembers.
func TestKeyCache(t *testing.T) {
	v := sigv4.NewVerifier("us-east-1", "profile")
	r := signed(t, "GET", "/", nil, nil, "", now)
	s, err := v.Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		if err := v.Verify(s, fmt.Sprintf("other secret %d", i), nil, now); err == nil {
			t.Fatal("verified with another secret")
		}
		if i%500 == 0 {
			if err := v.Verify(s, secret, nil, now); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func FuzzVerify(f *testing.F) {
	r := signed(f, "POST", "/a%2Fb?x=1", http.Header{"Content-Type": {"application/json"}}, []byte("{}"), "t", now)
	f.Add("POST", r.RequestURI, r.Host, r.Header.Get("Authorization"), "20260304T050607Z", "t", "", []byte("{}"))
	p := presigned(f, "GET", "/x?X-Amz-Expires=60", nil, hash(nil), "t", now)
	f.Add("GET", p.RequestURI, p.Host, "", "", "", "UNSIGNED-PAYLOAD", []byte(""))
	f.Add("GET", "http://h?%", "", "AWS4-HMAC-SHA256 ,,=", "", "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, method, uri, host, authorization, date, token, payload string, body []byte) {
		r := &http.Request{Method: method, RequestURI: uri, Host: host, URL: &url.URL{Path: "/"}, Header: http.Header{}}
		for name, value := range map[string]string{"Authorization": authorization, "X-Amz-Date": date, "X-Amz-Security-Token": token, "X-Amz-Content-Sha256": payload} {
			if value != "" {
				r.Header[name] = []string{value}
			}
		}
		s, err := sigv4.Parse(r)
		if err != nil {
			var f *fault.Error
			if !errors.As(err, &f) || f.Name == "" || f.Message == "" {
				t.Fatalf("not a named fault: %v", err)
			}
			return
		}
		// The fuzzer does not know this secret, so nothing it makes verifies.
		if err := s.Verify("unknown to the input", body, s.Time); err == nil {
			t.Fatal("forged")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1024)
	r := signed(b, "PUT", "/domains/d1/profiles/objects", http.Header{"Content-Type": {"application/json"}}, body, "", now)
	v := sigv4.NewVerifier("us-east-1", "profile")
	b.ReportAllocs()
	for b.Loop() {
		s, err := v.Parse(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := v.Verify(s, secret, body, now); err != nil {
			b.Fatal(err)
		}
	}
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
