package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"

	"kindred/internal/api/profileapi"
	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/tracing"
)

// connections is how many clients call at once.
const connections = 64

// client sends signed requests over kept connections.
type client struct {
	http  *http.Client
	url   string
	file  string // of the credentials
	sign  *v4.Signer
	creds aws.Credentials
}

func serve(b *testing.B) *client {
	b.Helper()
	return serveTraced(b, nil)
}

// serveTraced is serve with a tracer.
func serveTraced(b *testing.B, tracer *tracing.Tracer) *client {
	b.Helper()
	log, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = log.Close() })
	n := prepare(b, node.Config{Store: durable(b), Root: rootkey.Random(), Tracer: tracer, Log: slog.New(slog.NewJSONHandler(log, nil))}) // as serve logs
	file := filepath.Join(b.TempDir(), "credentials")
	if err := n.IAM.Bootstrap(context.Background(), file, true); err != nil {
		b.Fatal(err)
	}
	cfg, err := config.LoadDefaultConfig(context.Background(), config.WithSharedCredentialsFiles([]string{file}), config.WithSharedConfigProfile("default"))
	if err != nil {
		b.Fatal(err)
	}
	creds, err := cfg.Credentials.Retrieve(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Server.Serve(ctx, ln) }()
	b.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return &client{http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}, url: "http://" + ln.Addr().String(),
		file: file, sign: v4.NewSigner(), creds: creds}
}

func (c *client) call(service, method, path string, body []byte) ([]byte, error) {
	r, err := http.NewRequest(method, c.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	sum := sha256.Sum256(body)
	if err := c.sign.SignHTTP(context.Background(), c.creds, r, hex.EncodeToString(sum[:]), service, "us-east-1", time.Now()); err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != 200 {
		err = &answerError{resp.Status + " " + string(answer)}
	}
	return answer, err
}

type answerError struct{ text string }

func (e *answerError) Error() string { return e.text }

// run calls an operation from all connections, with a body for each call.
func run(b *testing.B, c *client, service, method, path string, body func(i int64) []byte) {
	var next atomic.Int64
	b.SetParallelism(connections / 2) // of two processors
	used := processorTime()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.call(service, method, path, body(next.Add(1)-1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	report(b, used, "calls/s")
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// BenchmarkWireNoop is an operation that does nothing but answer: HTTP, SigV4,
// routing, logging, metrics.
func BenchmarkWireNoop(b *testing.B) {
	c := serve(b)
	run(b, c, "kindred", "GET", "/server-info", func(int64) []byte { return nil })
}

// BenchmarkWirePut puts one new object of 1 kB a call.
func BenchmarkWirePut(b *testing.B) { runPut(b, serve(b)) }

func runPut(b *testing.B, c *client) {
	b.Helper()
	bodies := make([][]byte, b.N)
	for i := range bodies {
		bodies[i] = encode(map[string]string{"ObjectTypeName": "Member", "Object": record(uint64(i))})
	}
	run(b, c, "profile", "PUT", "/domains/bench/profiles/objects", func(i int64) []byte { return bodies[i] })
}

// stored is how many profiles there are to read.
const stored = 1000

func fill(b *testing.B, c *client) (ids []string) {
	b.Helper()
	for i := range stored {
		if _, err := c.call("profile", "PUT", "/domains/bench/profiles/objects",
			encode(map[string]string{"ObjectTypeName": "Member", "Object": record(uint64(i))})); err != nil {
			b.Fatal(err)
		}
		answer, err := c.call("profile", "POST", "/domains/bench/profiles/search",
			encode(map[string]any{"KeyName": "memberId", "Values": []string{memberID(i)}}))
		if err != nil {
			b.Fatal(err)
		}
		var out profileapi.SearchProfilesResponse
		if err := json.Unmarshal(answer, &out); err != nil || len(out.Items) != 1 {
			b.Fatal(err, len(out.Items))
		}
		ids = append(ids, *out.Items[0].ProfileId)
	}
	return ids
}

// BenchmarkWireBatchGetProfile reads one profile a call.
func BenchmarkWireBatchGetProfile(b *testing.B) {
	c := serve(b)
	ids := fill(b, c)
	bodies := make([][]byte, len(ids))
	for i, id := range ids {
		bodies[i] = encode(map[string]any{"ProfileIds": []string{id}})
	}
	run(b, c, "profile", "POST", "/domains/bench/batch-get-profiles", func(i int64) []byte { return bodies[i%stored] })
}

// BenchmarkWireSearchProfiles finds one profile by a key a call.
func BenchmarkWireSearchProfiles(b *testing.B) {
	c := serve(b)
	fill(b, c)
	bodies := make([][]byte, stored)
	for i := range bodies {
		bodies[i] = encode(map[string]any{"KeyName": "memberId", "Values": []string{memberID(i)}})
	}
	run(b, c, "profile", "POST", "/domains/bench/profiles/search", func(i int64) []byte { return bodies[i%stored] })
}
