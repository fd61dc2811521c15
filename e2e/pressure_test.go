package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// certify writes a certificate of this machine, with a number, and its key, and
// returns what trusts it.
func certify(t *testing.T, dir string, number int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: "kindred"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	for file, block := range map[string]*pem.Block{"key.pem": {Type: "PRIVATE KEY", Bytes: secret}, "cert.pem": {Type: "CERTIFICATE", Bytes: cert}} {
		text := pem.EncodeToMemory(block)
		if block.Type == "CERTIFICATE" {
			pool.AppendCertsFromPEM(text)
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

// TestTLSAndACertificateThatIsRenewed: AWS's client speaks to the server over TLS and
// HTTP/2, and a new certificate is in force without a restart.
func TestTLSAndACertificateThatIsRenewed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pool := certify(t, dir, 1)
	s := startServer(t, withArgs("--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem")))
	if !strings.HasPrefix(s.url, "https://") {
		t.Fatalf("the server says that it is at %s", s.url)
	}
	web := awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) {
		tr.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		tr.ForceAttemptHTTP2 = true
	})
	client := customerprofiles.NewFromConfig(aws.Config{Region: region, Credentials: s.admin.config.Credentials, HTTPClient: web, BaseEndpoint: &s.url})
	if _, err := client.ListDomains(t.Context(), &customerprofiles.ListDomainsInput{}); err != nil {
		t.Fatal(err)
	}
	look := func(pool *x509.CertPool) (serial int64, proto int, err error) {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
		defer tr.CloseIdleConnections()
		r, err := (&http.Client{Transport: tr}).Get(s.url + "/healthz")
		if err != nil {
			return 0, 0, err
		}
		defer r.Body.Close()
		return r.TLS.PeerCertificates[0].SerialNumber.Int64(), r.ProtoMajor, nil
	}
	if serial, proto, err := look(pool); err != nil || serial != 1 || proto != 2 {
		t.Fatalf("certificate %d, HTTP/%d: %v", serial, proto, err)
	}
	pool = certify(t, dir, 2)
	eventually(t, 30*time.Second, func() error {
		if serial, _, err := look(pool); err != nil || serial != 2 {
			return fmt.Errorf("the new certificate is not in force: serial %d, %v", serial, err)
		}
		return nil
	})
	if old, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		old.Close()
		t.Error("TLS 1.1 is spoken")
	}
	// Go's clients trust this machine's authorities only, so what scans the server at the
	// end cannot ask it.
	s.stop()
}

// TestOverloadIsRefusedEarlyAndNothingElse: far more requests than may be at work
// at once are served or told to come again, and nothing else happens to them.
func TestOverloadIsRefusedEarlyAndNothingElse(t *testing.T) {
	t.Parallel()
	s := startServer(t, withArgs("--max-requests", "1"))
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	transport := &http.Transport{MaxIdleConnsPerHost: 200}
	defer transport.CloseIdleConnections()
	web := &http.Client{Transport: transport}
	var good, refused atomic.Int64
	var all sync.WaitGroup
	stop := time.Now().Add(2 * time.Second)
	for range 200 {
		all.Go(func() {
			for time.Now().Before(stop) {
				r := c.request("profile", "POST", "/domains/shop/profiles", `{"FirstName": "Ada"}`, nil, time.Now())
				answer, err := web.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				text, _ := io.ReadAll(answer.Body)
				answer.Body.Close()
				switch {
				case answer.StatusCode == 200:
					good.Add(1)
				case answer.StatusCode == 429 && answer.Header.Get("X-Amzn-Errortype") == "ThrottlingException" && answer.Header.Get("Retry-After") == "1" && strings.Contains(string(text), "try again"):
					refused.Add(1)
				default:
					t.Errorf("%s %s", answer.Status, text)
					return
				}
			}
		})
	}
	all.Wait()
	if good.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d were served and %d refused", good.Load(), refused.Load())
	}
	if n := int64(c.stats("shop").ProfileCount); n != good.Load() {
		t.Errorf("%d profiles of %d calls that succeeded", n, good.Load())
	}
	if _, text := s.get("/metrics"); !strings.Contains(text, `kindred_request_errors_total{error="ThrottlingException",operation="unknown",service="unknown"}`) {
		t.Error("the metrics do not tell of the refusals")
	}
	t.Logf("%d served, %d refused", good.Load(), refused.Load())
}

// TestWhoWaitsKeepsNobodyFromBeingServed: a long poll, and clients that send or read
// slowly, take no place at work.
func TestWhoWaitsKeepsNobodyFromBeingServed(t *testing.T) {
	t.Parallel()
	s := startServer(t, withArgs("--max-requests", "1"))
	c := s.admin
	queue := c.queue("waiting")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	polled := make(chan error, 4)
	for range cap(polled) {
		go func() {
			out, err := c.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &queue, WaitTimeSeconds: 20})
			if err == nil && len(out.Messages) != 1 {
				err = fmt.Errorf("%d messages", len(out.Messages))
			}
			polled <- err
		}()
	}
	// Slow in every part of a request.
	addr := strings.TrimPrefix(s.url, "http://")
	for i := range 60 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		text := [...]string{
			"GET /healthz HTTP/1.1\r\nHo",
			"POST /domains/shop/profiles HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 x\r\nContent-Length: 1000000\r\n\r\n{",
			"POST /firehose HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{",
			"PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nX-Amz-Target: x\r\n\r\nffffff\r\n",
		}[i%4]
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	for range 50 {
		c.domain("one", customerprofiles.CreateDomainInput{})
		if _, err := c.profiles.DeleteDomain(t.Context(), &customerprofiles.DeleteDomainInput{DomainName: aws.String("one")}); err != nil {
			t.Fatal(err)
		}
	}
	for range cap(polled) {
		if _, err := c.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String("x")}); err != nil {
			t.Fatal(err)
		}
	}
	for range cap(polled) {
		if err := <-polled; err != nil {
			t.Error(err)
		}
	}
}

// TestIdleConnectionsMakeRoom: thousands of connections that ask for nothing keep
// nobody out, and the server keeps no more than it was told to.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	t.Parallel()
	const most, idle = 100, 3000
	s := startServer(t, withArgs("--max-connections", fmt.Sprint(most)))
	addr := strings.TrimPrefix(s.url, "http://")
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for i := range idle {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		if i%3 == 0 { // kept alive after a request
			if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				continue // it has made room already
			}
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			if answer, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
				answer.Body.Close()
			}
		}
	}
	for range 20 {
		c := s.as(fileCredentials(s.credentials()))
		if _, err := c.profiles.ListDomains(t.Context(), &customerprofiles.ListDomainsInput{}); err != nil {
			t.Fatal(err)
		}
	}
	// Those that were closed read an end.
	open := 0
	for _, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
		if _, err := conn.Read(make([]byte, 1)); err != nil && os.IsTimeout(err) {
			open++
		}
	}
	if open > most {
		t.Errorf("%d of %d connections are open, %d may be", open, idle, most)
	}
}

// TestRateLimits: what passes a limit is told so, by AWS's name for it.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	rules := filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(rules, []byte(`{"operations": {"profile:ListDomains": 0.01, "profile:Get*": 1000}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, withArgs("--rate-limits", rules))
	if a := s.admin.send("profile", "GET", "/domains", ""); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	a := s.admin.send("profile", "GET", "/domains", "")
	if a.status != 429 || a.header.Get("X-Amzn-Errortype") != "ThrottlingException" || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "ListDomains may be called 0.01 times per second") {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if a := s.admin.send("profile", "GET", "/domains/none", ""); a.status != 404 {
		t.Errorf("another operation: %d %s", a.status, a.body)
	}
	var out bytes.Buffer
	p := newProcessOf(binary, nil, "serve", "--data-dir", t.TempDir(), "--rate-limits", rules+".gone", "--max-requests", "-1", "--tls-cert", "x")
	p.stderr.line = func(line string) { out.WriteString(line) }
	if err := p.run(); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	for _, want := range []string{"--rate-limits", "--max-requests", "--tls-key"} {
		if p.err == nil || !strings.Contains(p.stderr.String(), want) {
			t.Errorf("settings that are wrong: %v, no %s in %s", p.err, want, p.stderr)
		}
	}
}
