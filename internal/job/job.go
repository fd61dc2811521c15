package job

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/tink-crypto/tink-go/v2/tink"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// Bounds on jobs.
const (
	MaxRunning = 2   // jobs that a node works on at once
	MaxEnded   = 100 // ended jobs kept of a domain
	MaxOpen    = 100 // jobs of a domain that have not ended

	MaxParameters = 64 << 10 // bytes
	MaxCursor     = 64 << 10 // bytes
	MaxMessage    = 1024     // bytes; a longer one is cut
	MaxSubject    = 255      // bytes
	MaxCounters   = 16       // names of counters of one job
	maxName       = 64       // bytes of a kind, or of a counter's name
)

// ID names a job: 128 random bits, written as 32 lower-case hex digits.
type ID [16]byte

// NewID makes a random identifier.
func NewID() (id ID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads what String wrote; anything else is a fault.Invalid.
func ParseID(s string) (id ID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) || s != strings.ToLower(s) {
		return id, fault.New(fault.Invalid, "JobId: want 32 lower-case hexadecimal digits")
	}
	copy(id[:], b)
	return id, nil
}

// State is where a job stands; see the package comment.
type State string

// The states of jobs.
const (
	Pending   State = "PENDING"
	Running   State = "RUNNING"
	Paused    State = "PAUSED"
	Succeeded State = "SUCCEEDED"
	Failed    State = "FAILED"
	Cancelled State = "CANCELLED"
)

// Ended reports that no node will work on the job, unless it is resumed or
// cancelled after it failed.
func (s State) Ended() bool { return s == Succeeded || s == Failed || s == Cancelled }

// Job is a job as it stood when it was read.
type Job struct {
	ID          ID        `json:"-"`
	Domain      domain.ID `json:"-"`
	Kind        string
	Subject     string `json:",omitempty"` // such as the name of an object type
	RequestedBy string `json:",omitempty"` // ARN of the principal; empty: Kindred itself
	State       State
	// Cancelling: the job was cancelled, and its steps take back what was done.
	Cancelling bool      `json:",omitempty"`
	CreatedAt  time.Time // by the clock of the store, as all of these
	StartedAt  time.Time `json:",omitzero"` // zero: no node has worked on it
	UpdatedAt  time.Time // the last step or change of state
	EndedAt    time.Time `json:",omitzero"` // zero: it has not ended
	Done       int64     // in units of the handler's choice
	Failed     int64
	Total      *int64           `json:",omitempty"` // nil: not known
	Counters   map[string]int64 `json:",omitempty"`
	Message    string           `json:",omitempty"` // safe to show
	Parameters []byte           `json:"-"`          // what it was made with
	Cursor     []byte           `json:",omitempty"` // where the handler is
}

// Progress is what a step got done. It is saved with the step's writes.
type Progress struct {
	// Cursor is where the next step goes on, in a form of the handler's own, at
	// most MaxCursor bytes. It replaces the one before; nil is none.
	Cursor []byte
	// Done and Failed are added to the job's.
	Done, Failed int64
	// Total replaces the job's; nil leaves it.
	Total *int64
	// Counters are added to the job's of the same names, of which there are at
	// most MaxCounters, each of 1 to 64 letters and digits.
	Counters map[string]int64
	// Message replaces the job's, an earlier error's too. It must be safe to show.
	Message string
	// Finished ends the job: it has succeeded, or is cancelled if it was being
	// taken back.
	Finished bool
}

// namePattern is the form of kinds and of counters' names.
var namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

func validName(s string) bool { return len(s) <= maxName && namePattern.MatchString(s) }

// advance takes over the progress of a step. An error is a defect of the handler.
func (r *record) advance(p Progress) error {
	if len(p.Cursor) > MaxCursor {
		return Final(fmt.Errorf("job: a cursor of %d bytes; at most %d are kept", len(p.Cursor), MaxCursor))
	}
	counters := maps.Clone(r.Counters)
	for name, n := range p.Counters {
		if !validName(name) {
			return Final(fmt.Errorf("job: %.80q is no name for a counter", name))
		}
		if counters == nil {
			counters = map[string]int64{}
		}
		counters[name] += n
	}
	if len(counters) > MaxCounters {
		return Final(fmt.Errorf("job: %d counters; at most %d are kept", len(counters), MaxCounters))
	}
	r.Counters, r.Cursor, r.Message = counters, p.Cursor, cut(p.Message)
	r.Done += p.Done
	r.Failed += p.Failed
	if p.Total != nil {
		r.Total = new(*p.Total)
	}
	r.Steps++
	r.Attempts = 0
	return nil
}

// cut keeps a message within its bound, at the border of a character.
func cut(message string) string {
	if len(message) <= MaxMessage {
		return message
	}
	const mark = "..."
	n := MaxMessage - len(mark)
	for n > 0 && !utf8.RuneStart(message[n]) {
		n--
	}
	return message[:n] + mark
}

// internalText is the message of an error that is not for the client.
const internalText = "An internal error occurred; the log of the server has more"

// reason is what a job's message may say of an error.
func reason(err error) string {
	if f, ok := errors.AsType[*fault.Error](err); ok && f.Kind != fault.Internal && f.Message != "" {
		return cut(f.Message)
	}
	return internalText
}

// Config is what jobs are made of.
type Config struct {
	Store   store.Store
	Domains *domain.Domains
	Seal    tink.AEAD // for what is stored of jobs
	// Now is used to look for work that is due; whether it is, the store's time
	// decides.
	Now func() time.Time
	Log *slog.Logger
	// Stepped is told of each step on this node, by the kind of its job; nil: nobody is.
	Stepped func(kind string, failed bool, took time.Duration)
}

// Jobs keeps jobs and works on them.
type Jobs struct {
	store    store.Store
	domains  *domain.Domains
	seal     tink.AEAD
	now      func() time.Time
	log      *slog.Logger
	handlers map[string]Handler // does not change once Run or an operation is called
	wake     chan struct{}
	told     func(kind string, failed bool, took time.Duration)
	running  map[string]*atomic.Int64 // by kind; does not change as handlers do not
}

// New makes jobs without any kinds. Nothing runs until Run.
func New(c Config) *Jobs {
	return &Jobs{store: c.Store, domains: c.Domains, seal: c.Seal, now: c.Now, log: c.Log, handlers: map[string]Handler{}, wake: make(chan struct{}, 1),
		told: c.Stepped, running: map[string]*atomic.Int64{}}
}

// Register makes a kind of job known: 1 to 64 letters, digits, dashes and
// underscores, a letter first. It is called where a node is put together, before
// anything else; a name that is taken or is none panics. Jobs of a kind that a
// node does not know are left to others.
func (j *Jobs) Register(kind string, h Handler) {
	if !validName(kind) || h == nil || j.handlers[kind] != nil {
		panic(fmt.Sprintf("job: kind %q cannot be registered", kind))
	}
	j.handlers[kind] = h
	j.running[kind] = &atomic.Int64{}
}

// Kinds are the kinds that are known, in order.
func (j *Jobs) Kinds() []string { return slices.Sorted(maps.Keys(j.handlers)) }

// Running is how many jobs of a kind this node works on.
func (j *Jobs) Running(kind string) int64 {
	if n := j.running[kind]; n != nil {
		return n.Load()
	}
	return 0
}

// stepped tells of a step.
func (j *Jobs) stepped(kind string, err error, took time.Duration) {
	if j.told != nil {
		j.told(kind, err != nil, took)
	}
}

// Wake has Run look for work now and not within a second. It may be called after
// the transaction in which a job was made.
func (j *Jobs) Wake() {
	select {
	case j.wake <- struct{}{}:
	default: // it is about to
	}
}
