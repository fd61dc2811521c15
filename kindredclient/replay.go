package kindredclient

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Replay is a job that replays an object type, tries that, or takes it back.
type Replay struct {
	Mode           string // DRY_RUN, REPLAY, ROLL_BACK or CLEAN_UP
	ObjectTypeName string
	Job            Job
	RollsBack      string          `json:",omitempty"` // id of the job that a ROLL_BACK takes back
	Examples       []ReplayExample // of a DRY_RUN
}

// ReplayExample is a profile that a replay would change.
type ReplayExample struct {
	ProfileID string `json:"ProfileId"`
	Outcome   string // CHANGED, MADE, REMOVED, or UNCHANGED if objects of it only fail
	// Before and After are the profile in JSON as BatchGetProfile answers it.
	Before    json.RawMessage `json:",omitempty"`
	After     json.RawMessage `json:",omitempty"`
	Changes   []ReplayChange  // by field
	Keys      []ReplayKey
	Failures  []string // why objects of it would keep what they gave
	Truncated bool     `json:",omitempty"` // it is too large to be shown whole
}

// ReplayChange is what becomes of a field of a profile.
type ReplayChange struct {
	Field         string
	Before, After *string `json:",omitempty"` // nil: no value
	Reason        string  // GIVEN, CHANGED, GONE, REVEALED or TAKEN
}

// ReplayKey is a key value that a profile gets or loses.
type ReplayKey struct {
	KeyName         string
	NormalizedValue string
	Change          string // ADDED or REMOVED
	Ambiguous       bool   // it would find two profiles and finds one now
}

// ReplayObjectTypeInput says how to replay.
type ReplayObjectTypeInput struct {
	DryRun      bool `json:",omitempty"`
	MaxExamples int  `json:",omitempty"` // of a dry run, at most 100
}

// ReplayObjectType makes a job that gives the stored objects of a type what its
// mapping in force makes of them, or that tells what that would do.
func (c *Client) ReplayObjectType(ctx context.Context, domainName, objectType string, in ReplayObjectTypeInput) (*Replay, error) {
	var out Replay
	err := c.Do(ctx, http.MethodPost, replayPath(domainName, objectType), in, &out)
	return &out, err
}

// GetReplay reads a job of an object type, with the examples of a dry run.
func (c *Client) GetReplay(ctx context.Context, domainName, objectType, jobID string) (*Replay, error) {
	var out Replay
	err := c.Do(ctx, http.MethodGet, replayPath(domainName, objectType)+"/"+url.PathEscape(jobID), nil, &out)
	return &out, err
}

// RollBackReplay makes a job that takes the last replay of an object type back,
// also one that has not ended, and puts the mapping before it in force.
func (c *Client) RollBackReplay(ctx context.Context, domainName, objectType, jobID string) (*Replay, error) {
	var out Replay
	err := c.Do(ctx, http.MethodPost, replayPath(domainName, objectType)+"/"+url.PathEscape(jobID)+"/rollback", nil, &out)
	return &out, err
}

func replayPath(domainName, objectType string) string {
	return "/domains/" + url.PathEscape(domainName) + "/object-types/" + url.PathEscape(objectType) + "/replay"
}
