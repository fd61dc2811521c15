package server

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"

	"kindred/internal/access"
	"kindred/internal/fault"
)

// InProcess lets AWS clients of this process call the mounted services without
// network and without checking signatures: the caller of a request is what
// caller returns for its context. The service is the one that the client signed
// for. A request whose context has no caller is refused.
func (s *Server) InProcess(caller func(context.Context) *access.Caller) http.RoundTripper {
	return &inProcess{s, caller}
}

type inProcess struct {
	server *Server
	caller func(context.Context) *access.Caller
}

// RoundTrip implements http.RoundTripper.
func (p *inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	if r.Body != nil {
		defer r.Body.Close()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := p.server
	x := s.begin()
	defer s.end(ctx, x)
	var buf bytes.Buffer
	err := s.read(&buf, r, r.Body)
	req := request(r)
	if req.Host == "" {
		req.Host = r.URL.Host
	}
	req.Body = buf.Bytes()
	s.exchange(ctx, x, req, func() (*access.Caller, string, error) {
		service := claimedService(r)
		if err != nil {
			return nil, service, err
		}
		caller := p.caller(ctx)
		if caller == nil {
			return nil, service, fault.Named(fault.Denied, "MissingAuthenticationTokenException", "The context of the request has no caller")
		}
		return caller, service, nil
	})
	if x.gone {
		return nil, context.Cause(ctx)
	}
	body := bytes.Clone(x.answer.Body)
	h := http.Header{requestIDHeader: {x.id}, "Content-Length": {strconv.Itoa(len(body))}}
	for _, kv := range x.answer.Header {
		h.Set(kv[0], kv[1])
	}
	if x.answer.ContentType != "" {
		h.Set("Content-Type", x.answer.ContentType)
	}
	return &http.Response{
		Status:        strconv.Itoa(x.answer.Status) + " " + http.StatusText(x.answer.Status),
		StatusCode:    x.answer.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        h,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       r,
	}, nil
}
