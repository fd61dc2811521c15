// Package kindredclient calls Kindred's own operations, those of the service
// "kindred", with signed requests. The AWS SDKs have clients for the other
// services; they work against Kindred as they are.
package kindredclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// maxAnswer bounds the body of an answer in bytes.
const maxAnswer = 32 << 20

// Client calls one server. It may be used concurrently.
type Client struct {
	// Endpoint is the server's URL, such as http://127.0.0.1:4620.
	Endpoint string
	// Region is the server's region.
	Region string
	// Credentials sign the requests.
	Credentials aws.CredentialsProvider
	// HTTP sends them; nil is http.DefaultClient.
	HTTP *http.Client
	// Service is the one that requests are signed for, where [Client.Do] calls an
	// operation of another service that speaks REST-JSON; empty is Kindred's own.
	Service string
}

// Error is an answer that is not a success.
type Error struct {
	Status    int    // HTTP
	Name      string // such as ResourceNotFoundException
	Message   string
	RequestID string
}

func (e *Error) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("the server answered with status %d", e.Status)
	}
	return e.Name + ": " + e.Message
}

// Do sends a request: path with its query string, escaped, and in as a JSON body
// (nil: none). The answer's JSON is decoded into out (nil: not read). An answer
// that is not a success is an [*Error].
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("request body: %w", err)
		}
	}
	r, err := c.sign(ctx, method, path, body)
	if err != nil {
		return err
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if answer.StatusCode/100 != 2 {
		return failure(answer, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

func (c *Client) sign(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	u, err := url.Parse(strings.TrimSuffix(c.Endpoint, "/") + path)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("endpoint %q: must be a URL such as http://127.0.0.1:4620", c.Endpoint)
	}
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	credentials, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("credentials: %w", err)
	}
	service := c.Service
	if service == "" {
		service = "kindred"
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), service, c.Region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return r, nil
}

// failure reads an error answer as the REST-JSON protocol writes it.
func failure(answer *http.Response, text []byte) error {
	e := &Error{Status: answer.StatusCode, Name: answer.Header.Get("X-Amzn-Errortype"), RequestID: answer.Header.Get("X-Amzn-Requestid")}
	var body struct {
		Type    string `json:"__type"`
		Message string // encoding/json takes "message" too
	}
	if json.Unmarshal(text, &body) == nil {
		e.Message = body.Message
		if e.Name == "" {
			e.Name = body.Type
		}
	}
	e.Name, _, _ = strings.Cut(e.Name, ":")
	if i := strings.LastIndexByte(e.Name, '#'); i >= 0 {
		e.Name = e.Name[i+1:]
	}
	return e
}
