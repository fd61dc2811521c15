package kindredclient

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// DeadLetterFilter says which dead letters are meant; what is empty means any.
type DeadLetterFilter struct {
	ObjectTypeName string `json:",omitempty"`
	// Message is the whole error text of a letter, MessageContains a part of it.
	Message         string `json:",omitempty"`
	MessageContains string `json:",omitempty"`
}

// ListDeadLettersInput asks for one page.
type ListDeadLettersInput struct {
	DeadLetterFilter
	IDs        []string `json:"Ids,omitempty"` // at most 1000
	MaxResults int      `json:",omitempty"`    // 1 to 100; 0: 25
	NextToken  string   `json:",omitempty"`
}

// DeadLetter is a record that could not be ingested, and why.
type DeadLetter struct {
	ID             string `json:"Id"`
	ObjectTypeName string
	Message        string // the error
	Body           string // the record
	SentAt         Time   // when the record first went to the queue
	ReceiveCount   int    // how often the letter was received, lists included
	State          string // QUEUED, or WAITING for its queue to take it
}

// DeadLetterTally is a number of letters with the same type and error.
type DeadLetterTally struct {
	ObjectTypeName string
	Message        string
	Count          int
}

// DeadLetters is a page of letters, and figures on all that were looked at.
type DeadLetters struct {
	Items           []DeadLetter
	NextToken       string            `json:",omitempty"`
	Counts          []DeadLetterTally // the most frequent
	Examined        int               // letters and other messages looked at
	Matched         int               // of them, letters that the filter lets through
	Foreign         int               // of them, no letters of the domain
	InFlight        int               // messages that others hold, and that were not seen
	Complete        bool              // all others were
	QueueURL        string            `json:"QueueUrl,omitempty"`
	QueueProblem    string            `json:",omitempty"` // why the queue could not be looked into
	MaxReceiveCount int               `json:",omitempty"` // after which the queue itself moves a letter away
}

// ListDeadLetters lists the dead letters of a domain, the oldest first. Each call
// counts as a receive of each letter.
func (c *Client) ListDeadLetters(ctx context.Context, domainName string, in ListDeadLettersInput) (*DeadLetters, error) {
	var out DeadLetters
	err := c.Do(ctx, http.MethodPost, "/domains/"+url.PathEscape(domainName)+"/dead-letters/list", in, &out)
	return &out, err
}

// RedriveDeadLettersInput asks for a redrive.
type RedriveDeadLettersInput struct {
	DeadLetterFilter
	IDs []string `json:"Ids,omitempty"` // at most 1000
	// Object is ingested in place of the record of the one letter that IDs has.
	// ObjectTypeName is needed then. A letter whose repaired record fails stays as
	// it is.
	Object    string `json:",omitempty"`
	DryRun    bool   `json:",omitempty"`
	Limit     int    `json:",omitempty"` // letters, 1 to 10,000; 0: 1000
	NextToken string `json:",omitempty"`
}

// RedriveResult is what became of one letter.
type RedriveResult struct {
	ID             string `json:"Id"`
	ObjectTypeName string
	SentAt         Time
	State          string // REDRIVEN, FAILED or SKIPPED
	Message        string `json:",omitempty"` // why the record could not be ingested
	Note           string `json:",omitempty"`
}

// Redrive is what became of letters.
type Redrive struct {
	DryRun          bool
	Examined        int
	Matched         int
	Redriven        int
	Failed          int
	Skipped         int               // no letters of the domain, or taken by somebody else meanwhile
	InFlight        int               // messages that others held, and that were not seen
	More            bool              // letters are left to be redriven; call again, with NextToken if there is one
	NextToken       string            `json:",omitempty"`
	Failures        []DeadLetterTally // the most frequent
	Results         []RedriveResult   // at most 1000, those that failed first
	MaxReceiveCount int               `json:",omitempty"`
}

// RedriveDeadLetters ingests dead letters of a domain again, the oldest first. One
// call takes half a minute at most.
func (c *Client) RedriveDeadLetters(ctx context.Context, domainName string, in RedriveDeadLettersInput) (*Redrive, error) {
	var out Redrive
	err := c.Do(ctx, http.MethodPost, "/domains/"+url.PathEscape(domainName)+"/dead-letters/redrive", in, &out)
	return &out, err
}

// DeadLetterFailure is a letter that could not be deleted, and why.
type DeadLetterFailure struct {
	ID      string `json:"Id"`
	Message string
}

// DeletedDeadLetters is what became of letters that were to be deleted.
type DeletedDeadLetters struct {
	Deleted  int
	NotFound []string // ids of what is not in the queue, or is held by others
	Failures []DeadLetterFailure
	InFlight int // messages that others held, and that were not seen
}

// DeleteDeadLetters gives up up to 1000 letters of a domain's queue; their records
// are gone.
func (c *Client) DeleteDeadLetters(ctx context.Context, domainName string, ids []string) (*DeletedDeadLetters, error) {
	var out DeletedDeadLetters
	in := struct{ Ids []string }{ids}
	err := c.Do(ctx, http.MethodPost, "/domains/"+url.PathEscape(domainName)+"/dead-letters/delete", in, &out)
	return &out, err
}

// Time is a time as the service writes it: seconds since 1970, to milliseconds.
type Time struct{ time.Time }

// UnmarshalJSON reads seconds.
func (t *Time) UnmarshalJSON(b []byte) error {
	seconds, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.Abs(seconds) > 1e12 {
		return fmt.Errorf("time %.40q: want seconds since 1970", b)
	}
	t.Time = time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()
	return nil
}

// MarshalJSON writes seconds.
func (t Time) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(t.UnixMilli())/1000, 'f', -1, 64), nil
}
