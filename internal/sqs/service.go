package sqs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/access"
	"kindred/internal/fault"
	"kindred/internal/rootkey"
	"kindred/internal/store"
)

// Config is what a Service needs. All fields but Now and Log must be set.
type Config struct {
	Store   store.Store
	Root    *rootkey.Key
	Region  string
	Account string
	// Endpoint is the base URL of queue URLs, such as http://127.0.0.1:4620.
	Endpoint func() string
	// Now is the clock; nil is that of the system.
	Now func() time.Time
	// Log hears of what happens in the background; nil is the default logger.
	// It is never given names, bodies or attributes of messages.
	Log *slog.Logger
}

// Service is the queue service. Its methods, one for each operation of the API,
// may be called concurrently; each takes the caller from the context.
type Service struct {
	store    store.Store
	root     tink.AEAD
	region   string
	account  string
	endpoint func() string
	now      func() time.Time
	log      *slog.Logger

	maxInFlight int64         // messages of a queue
	tasks       chan struct{} // a move task was started here
	drops       chan struct{} // a space was given up here

	waiting atomic.Int64 // receives that wait

	mu     sync.Mutex // guards the following
	queues map[string]*queue
	spaces map[id]*space
}

// maxCached bounds the queues whose settings are kept opened in memory.
const maxCached = 1024

// New makes a Service. It starts nothing: call [Service.Run] for the work in the
// background.
func New(c Config) *Service {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Service{
		store:       c.Store,
		root:        c.Root.AEAD("sqs"),
		region:      c.Region,
		account:     c.Account,
		endpoint:    c.Endpoint,
		now:         c.Now,
		log:         c.Log,
		maxInFlight: maxInFlight,
		tasks:       make(chan struct{}, 1),
		drops:       make(chan struct{}, 1),
		queues:      make(map[string]*queue),
		spaces:      make(map[id]*space),
	}
}

// micros is the present time as keys and records hold it.
func (s *Service) micros() int64 { return s.now().UnixMicro() }

func (s *Service) arn(name string) string {
	return "arn:aws:sqs:" + s.region + ":" + s.account + ":" + name
}

func (s *Service) url(name string) string {
	return strings.TrimSuffix(s.endpoint(), "/") + "/" + s.account + "/" + name
}

// nameOfURL is the queue that a queue URL means. Only the end of the path
// counts, since clients reach the service by many names.
func (s *Service) nameOfURL(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", fault.Named(fault.Invalid, "InvalidAddress", "QueueUrl: must be the URL of a queue.")
	}
	rest, name, ok := cutLast(strings.TrimSuffix(u.Path, "/"))
	if !ok {
		return "", fault.Named(fault.Invalid, "InvalidAddress", "QueueUrl: must end in /ACCOUNT/NAME.")
	}
	if _, account, ok := cutLast(rest); !ok || account != s.account || !validQueueName(name) {
		return "", noQueue()
	}
	return name, nil
}

func cutLast(path string) (before, last string, ok bool) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

// nameOfARN is the queue of this region and account that an ARN names.
func (s *Service) nameOfARN(arn string) (string, bool) {
	name, ok := strings.CutPrefix(arn, s.arn(""))
	return name, ok && validQueueName(name)
}

func noQueue() error {
	return fault.Named(fault.NotFound, "QueueDoesNotExist", "The specified queue does not exist.")
}

// invalidParameter is the error of AWS for a parameter whose value breaks a rule
// that is not of the interface description.
func invalidParameter(format string, args ...any) error {
	return fault.Named(fault.Invalid, "InvalidParameterValue", format, args...)
}

func unsupported(format string, args ...any) error {
	return fault.Named(fault.Invalid, "UnsupportedOperation", format, args...)
}

// check is what a caller needs for an action, such as SendMessage, on a queue.
func (s *Service) check(action, name string) access.Check {
	return access.Check{Action: "sqs:" + action, Resource: s.arn(name), ResourceAccount: s.account}
}

// authorise asks whether the caller may do what c says on the queue. A queue
// that is not there has no policy, and then the answer is that of the caller's
// own policies, so that it shows no more than they allow.
func (s *Service) authorise(ctx context.Context, c access.Check, q *queue) error {
	if q != nil {
		c.ResourcePolicy, c.ResourceTags = q.policy, q.Tags
	}
	return access.Require(ctx, c)
}

// open finds the queue of a URL as it is in the store and authorises the action
// on it.
func (s *Service) open(ctx context.Context, action, queueURL string) (*queue, error) {
	name, err := s.nameOfURL(queueURL)
	if err != nil {
		return nil, err
	}
	return s.openName(ctx, name, s.check(action, name))
}

func (s *Service) openName(ctx context.Context, name string, c access.Check) (*queue, error) {
	q, err := s.load(ctx, name)
	if err != nil && !errors.Is(err, errNoQueue) {
		return nil, err
	}
	if err := s.authorise(ctx, c, q); err != nil {
		return nil, err
	}
	if q == nil {
		return nil, noQueue()
	}
	return q, nil
}

// recent is like openName but the queue may be of the past: for what is checked
// again by an update.
func (s *Service) recent(ctx context.Context, name string, c access.Check) (*queue, error) {
	s.mu.Lock()
	q := s.queues[name]
	s.mu.Unlock()
	if q == nil {
		return s.openName(ctx, name, c)
	}
	if s.authorise(ctx, c, q) == nil {
		return q, nil
	}
	return s.openName(ctx, name, c) // what refused may be a policy of the past
}

var (
	errNoQueue = errors.New("sqs: no such queue")
	errStale   = errors.New("sqs: the queue has changed")
)

// load reads a queue; errNoQueue if there is none.
func (s *Service) load(ctx context.Context, name string) (*queue, error) {
	var raw []byte
	err := s.store.View(ctx, func(r store.Reader) error {
		values, err := r.Get(ctx, configKey(name))
		if err == nil {
			raw = values[0]
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqs: queue settings: %w", err)
	}
	return s.parse(name, raw)
}

// parse opens the stored form of a queue, or takes it from the cache; a nil
// value is errNoQueue. It may run within an Update: the cache has no effect that
// another run could see.
func (s *Service) parse(name string, raw []byte) (*queue, error) {
	if raw == nil {
		s.forget(name)
		return nil, errNoQueue
	}
	s.mu.Lock()
	q := s.queues[name]
	s.mu.Unlock()
	if q != nil && bytes.Equal(q.raw, raw) {
		return q, nil
	}
	q, err := s.openQueue(name, raw)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queues) >= maxCached {
		clear(s.queues)
	}
	s.queues[name] = q
	return q, nil
}

func (s *Service) forget(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.queues, name)
}

// maxReloads bounds how often one call follows changes of the queue's settings.
const maxReloads = 16

// updateQueue runs an update for an action on a queue. fn is called with the
// queue exactly as it is in the store, and as the caller was authorised on it,
// and with the values of the keys that keysOf names, read in the same round.
func (s *Service) updateQueue(ctx context.Context, action, name string, keysOf func(*queue) []store.Key, fn queueUpdate) error {
	return s.updateChecked(ctx, name, s.check(action, name), keysOf, fn)
}

type queueUpdate func(tx store.Tx, q *queue, values [][]byte) error

func (s *Service) updateChecked(ctx context.Context, name string, c access.Check, keysOf func(*queue) []store.Key, fn queueUpdate) error {
	for range maxReloads {
		q, err := s.recent(ctx, name, c)
		if err != nil {
			return err
		}
		err = s.updateAs(ctx, q, keysOf, fn)
		if !errors.Is(err, errStale) {
			return storeFault(err)
		}
		s.forget(name)
	}
	return storeFault(store.ErrConflict)
}

// updateAs runs an update that ends with errStale if the queue is no longer as
// it was when q was read.
func (s *Service) updateAs(ctx context.Context, q *queue, keysOf func(*queue) []store.Key, fn queueUpdate) error {
	keys := []store.Key{configKey(q.name)}
	if keysOf != nil {
		keys = append(keys, keysOf(q)...)
	}
	return s.store.Update(ctx, func(tx store.Tx) error {
		values, err := tx.Get(ctx, keys...)
		if err != nil {
			return err
		}
		if !bytes.Equal(values[0], q.raw) {
			return errStale
		}
		return fn(tx, q, values[1:])
	})
}

// storeFault turns the store's errors into those of the API; faults pass as
// they are.
func storeFault(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return fault.Named(fault.Busy, "RequestThrottled", "The queue is busy; try again.").Because(err)
	}
	return err
}
