// Package remote is how a command of the kindred binary speaks with a running
// server: the flags that say where that is, the credentials that every AWS client
// finds (environment, shared files), the client, and how its answers are written.
package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"kindred/kindredclient"
)

// Where a server is that was started with no flags.
const (
	DefaultEndpoint = "http://127.0.0.1:4620"
	DefaultRegion   = "us-east-1"
)

// Timeout is how long one request of a client may take: the server gives itself up to
// half of that for the longest ones, such as a redrive.
const Timeout = 2 * time.Minute

// Server says which server is meant, and as whom it is called; what is empty is
// found as AWS's clients find it.
type Server struct {
	Endpoint    string // its URL
	Region      string
	Credentials string // a shared credentials file
}

// Flags defines the flags of the server.
func (s *Server) Flags(fs *flag.FlagSet) {
	fs.StringVar(&s.Endpoint, "endpoint", "", "`URL` of the server (AWS_ENDPOINT_URL, else "+DefaultEndpoint+")")
	fs.StringVar(&s.Region, "region", "", "the server's `region` (as for AWS clients, else "+DefaultRegion+")")
	fs.StringVar(&s.Credentials, "credentials", "", "AWS shared credentials `file`, profile default (else as for AWS clients)")
}

// Config is the configuration of a client of the server, its region and endpoint
// filled in. A credentials file that is given goes before what the environment says;
// that there is none, or that it has no profile "default" with an access key, is an
// error, as an endpoint is that is no URL.
func (s *Server) Config(ctx context.Context) (aws.Config, error) {
	// A server on this machine is no reason to ask an instance's metadata.
	options := []func(*config.LoadOptions) error{config.WithEC2IMDSClientEnableState(imds.ClientDisabled)}
	if s.Credentials != "" {
		shared, err := read(ctx, s.Credentials)
		if err != nil {
			return aws.Config{}, fmt.Errorf("--credentials: %w", err)
		}
		options = append(options, config.WithCredentialsProvider(shared))
	}
	if s.Region != "" {
		options = append(options, config.WithRegion(s.Region))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, err
	}
	endpoint := cmp.Or(s.Endpoint, aws.ToString(cfg.BaseEndpoint), DefaultEndpoint)
	if u, err := url.Parse(endpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return aws.Config{}, fmt.Errorf("endpoint %q: want a URL such as %s", endpoint, DefaultEndpoint)
	}
	cfg.Region, cfg.BaseEndpoint = cmp.Or(cfg.Region, DefaultRegion), &endpoint
	return cfg, nil
}

// read reads profile "default" of a shared credentials file.
func read(ctx context.Context, file string) (aws.CredentialsProvider, error) {
	if _, err := os.Stat(file); err != nil { // the SDK would pass over a missing file
		return nil, err
	}
	shared, err := config.LoadSharedConfigProfile(ctx, "default", func(o *config.LoadSharedConfigOptions) {
		o.CredentialsFiles, o.ConfigFiles = []string{file}, []string{}
	})
	if err != nil {
		return nil, err
	}
	if !shared.Credentials.HasKeys() {
		return nil, errors.New(file + " has no access key in profile default")
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return shared.Credentials, nil }), nil
}

// Client is a client of Kindred's own operations on the server. Errors are those of
// Config.
func (s *Server) Client(ctx context.Context) (*kindredclient.Client, error) {
	cfg, err := s.Config(ctx)
	if err != nil {
		return nil, err
	}
	return &kindredclient.Client{Endpoint: *cfg.BaseEndpoint, Region: cfg.Region, Credentials: cfg.Credentials,
		HTTP: &http.Client{Timeout: Timeout}}, nil
}

// WriteJSON writes an answer for programs to read: indented, as it came.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Parse parses flags that stand before, between and after the arguments of a
// command, and returns those. After "--" everything is an argument.
func Parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		n := fs.NArg()
		if n == 0 {
			return rest, nil
		}
		if n < len(args) && args[len(args)-n-1] == "--" {
			return append(rest, fs.Args()...), nil
		}
		rest, args = append(rest, fs.Arg(0)), fs.Args()[1:]
	}
}
