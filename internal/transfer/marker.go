package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"kindred/internal/store"
)

// marker is the record of the destination that says how far a copy is. It has a
// partition of its own, which begins like no other.
var marker = store.Key{Partition: []byte("\xffcopy"), Sort: []byte("state")}

const markerVersion = 1

// The phases of a copy, in their order.
const (
	phaseClaimed  = "claimed"  // it may not be empty
	phaseClearing = "clearing" // of what was copied before
	phaseRecords  = "records"
	phaseCounters = "counters"
	phaseCompare  = "compare"
)

// state is the value of the marker.
type state struct {
	Version int    `json:"version"`
	Owner   string `json:"owner"` // of the destination: a run of a copy
	Source  string `json:"source"`
	Phase   string `json:"phase"`
	// Partition and Sort are the last key of the phase that is copied.
	Partition []byte `json:"partition,omitempty"`
	Sort      []byte `json:"sort,omitempty"`
	Records   int64  `json:"records"`
	Counters  int64  `json:"counters"`
	Bytes     int64  `json:"bytes"`

	after store.Key // Partition and Sort
}

func isMarker(k store.Key) bool { return bytes.Equal(k.Partition, marker.Partition) }

// readMarker returns nil if there is none.
func readMarker(ctx context.Context, r store.Reader) (*state, error) {
	values, err := r.Get(ctx, marker)
	if err != nil || values[0] == nil {
		return nil, err
	}
	return parseMarker(values[0])
}

func parseMarker(value []byte) (*state, error) {
	var s state
	if err := json.Unmarshal(value, &s); err != nil {
		return nil, fmt.Errorf("%w: the state of a copy: %w", store.ErrCorrupt, err)
	}
	if s.Version != markerVersion {
		return nil, fmt.Errorf("transfer: the state of a copy has version %d, this build knows %d", s.Version, markerVersion)
	}
	s.after = store.Key{Partition: s.Partition, Sort: s.Sort}
	return &s, nil
}

func (s *state) put(tx store.Tx) {
	s.Partition, s.Sort = s.after.Partition, s.after.Sort
	value, err := json.Marshal(s)
	if err != nil {
		panic(err) // there is nothing in it that has no JSON
	}
	tx.Put(marker, value)
}
