package server

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/fault"
	"kindred/internal/wire"
)

// exchange is one request and its answer.
type exchange struct {
	record
	answer wire.Answer
	gone   bool // the client did not wait; there is nothing to send
	done   Audited
}

// Audited is a call of an operation that has ended, for an audit.
type Audited struct {
	Caller             *access.Caller // nil: nobody known
	Service, Operation string         // the signing name, and the name
	Input              any            // as it was decoded; nil if it could not be
	At                 time.Time
	RequestID          string
	UserAgent          string
	Error              string // name of the error in the answer
}

var exchanges = sync.Pool{New: func() any { return new(exchange) }}

// maxKept is the largest buffer that is kept for the next request, in bytes.
const maxKept = 256 << 10

// begin starts an exchange; end gives it back once its answer is sent.
func (s *Server) begin() *exchange {
	x := exchanges.Get().(*exchange)
	x.record = record{id: newRequestID(), start: s.now(), stats: s.metrics.unknown}
	x.gone, x.done = false, Audited{}
	s.metrics.inFlight.Inc()
	return x
}

func (s *Server) end(ctx context.Context, x *exchange) {
	s.metrics.inFlight.Dec()
	x.written = len(x.answer.Body)
	x.status = x.answer.Status
	if x.gone {
		x.status = statusGone
	}
	s.finish(ctx, &x.record)
	x.trace()
	if cap(x.answer.Body) <= maxKept {
		exchanges.Put(x)
	}
}

// exchange authenticates and answers a request, whose body is in req. It leaves
// the answer in x.
func (s *Server) exchange(ctx context.Context, x *exchange, req *wire.Request, authenticate func() (*access.Caller, string, error)) {
	x.read = len(req.Body)
	call := &wire.Call{}
	defer func() {
		if v := recover(); v != nil {
			s.refuse(ctx, x, call, panicked(v))
		}
	}()
	caller, service, err := authenticate()
	if err == nil && caller == nil {
		err = errors.New("server: the authenticator returned neither caller nor error")
	}
	if err != nil {
		s.refuse(ctx, x, s.router.Call(service, req), err)
		return
	}
	x.principal, x.done.Caller, x.done.Service = principal(caller), caller, service
	if call, err = s.router.Route(service, req); err != nil {
		s.refuse(ctx, x, call, err)
		return
	}
	if err := s.rates.Allow(service, call.Operation.Name, x.principal); err != nil {
		x.stats = s.ops[call.Operation].stats
		s.refuse(ctx, x, call, err)
		return
	}
	output, err := s.perform(access.WithCaller(ctx, caller), x, call)
	if err == nil {
		err = call.Encode(&x.answer, output, x.id)
	}
	if err != nil {
		s.refuse(ctx, x, call, err)
	}
}

// perform decodes the input of the operation and calls it.
func (s *Server) perform(ctx context.Context, x *exchange, call *wire.Call) (any, error) {
	op := s.ops[call.Operation]
	x.stats = op.stats
	x.done.Operation = call.Operation.Name
	input, err := call.Decode()
	if err != nil {
		return nil, err
	}
	x.done.Input = input
	if op.mount.Authorize != nil {
		if err := op.mount.Authorize(ctx, call.Operation, input); err != nil {
			return nil, err
		}
	}
	if op.method == nil {
		return nil, fault.New(fault.Unimplemented, "%s is not available in this build of Kindred", call.Operation.Name)
	}
	return op.method.call(ctx, input)
}

// refuse answers an error. The request of a client that went away has no answer,
// and what it did to the operation is nobody's fault.
func (s *Server) refuse(ctx context.Context, x *exchange, call *wire.Call, err error) {
	if e := ctx.Err(); e != nil && (errors.Is(err, e) || errors.Is(err, context.Cause(ctx))) {
		x.gone = true
		return
	}
	if call.Protocol == 0 {
		call.Protocol = api.RESTJSON
	}
	r := refuse(call, err)
	x.err, x.cause, x.defect = r.Name, r.cause, r.defect
	call.Refuse(&x.answer, &r.Error, x.id)
}

// panicked is the error of a panic. A panic's value may hold anything, so only
// its type is told, and its text when the runtime made it; the stack is told as
// functions and lines, without arguments.
func panicked(v any) error {
	text := fmt.Sprintf("panic of type %T", v)
	if e, ok := v.(runtime.Error); ok {
		text = "panic: " + e.Error()
	}
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	for {
		f, more := frames.Next()
		text += fmt.Sprintf(" < %s:%d", f.Function, f.Line)
		if !more {
			return errors.New(text)
		}
	}
}

// newRequestID makes a UUID of version 4. It tells requests apart in logs and is
// no secret.
func newRequestID() string {
	var b [16]byte
	for i, v := range [2]uint64{rand.Uint64(), rand.Uint64()} {
		for j := range 8 {
			b[i*8+j] = byte(v >> (8 * j))
		}
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[:8], b[:4])
	hex.Encode(text[9:13], b[4:6])
	hex.Encode(text[14:18], b[6:8])
	hex.Encode(text[19:23], b[8:10])
	hex.Encode(text[24:], b[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}
