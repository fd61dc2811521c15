// Package fault is the one error type that reaches a client: a kind, a sentence
// that is safe to show, and a cause that never is.
//
// Kinds speak of what went wrong, not of any AWS service; the server turns them
// into the error shapes of the service that was called. A service whose model
// has more error names (KMS, SQS) gives the name itself with [Named].
package fault

import (
	"errors"
	"fmt"
)

// Kind says what went wrong.
type Kind uint8

const (
	Internal      Kind = iota // ours to fix; the client sees a fixed text
	Invalid                   // the request breaks a rule of the API
	Exists                    // it is there already
	Denied                    // the caller may not
	NotFound                  // the named thing is not there
	Busy                      // a limit, or an update that kept losing
	Unimplemented             // known to the model, without behaviour here
)

// Error is an error with a message for the client.
type Error struct {
	Kind    Kind
	Name    string // AWS error shape name; empty: the server's name for Kind
	Message string // safe to show: no secrets, no customer data, no internals
	Cause   error  // for the log only; may be nil
}

func (e *Error) Error() string {
	if e.Cause != nil {
		return e.Message + ": " + e.Cause.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of a kind. The message is formatted as by fmt.Sprintf.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Named makes an error with an explicit AWS error name, such as
// "QueueDoesNotExist"; the status is that of the service's model.
func Named(kind Kind, name, format string, args ...any) *Error {
	return &Error{Kind: kind, Name: name, Message: fmt.Sprintf(format, args...)}
}

// Because returns a copy of e with its cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// Is reports whether err is a fault of the kind. An error that is no fault
// counts as Internal.
func Is(err error, kind Kind) bool {
	if err == nil {
		return false
	}
	var f *Error
	if errors.As(err, &f) {
		return f.Kind == kind
	}
	return kind == Internal
}
