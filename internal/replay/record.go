package replay

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/domain"
	"kindred/internal/job"
	"kindred/internal/profile"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// Kind is the kind of the jobs.
const Kind = "replay"

// Mode is what a job does; see the package comment.
type Mode string

// The modes.
const (
	DryRun   Mode = "DRY_RUN"
	Forward  Mode = "REPLAY"
	RollBack Mode = "ROLL_BACK"
	CleanUp  Mode = "CLEAN_UP"
)

// keep is how long a replay can be taken back.
const keep = 30 * 24 * time.Hour

// parameters are what a job is made with.
type parameters struct {
	Mode        Mode
	To          profile.Mapping // that objects get; of CleanUp: none
	Undo        profile.Mapping `json:",omitempty"` // of RollBack: the one that the replay gave
	Replay      string          `json:",omitempty"` // of RollBack: the job that is taken back
	MaxExamples int             `json:",omitempty"`
}

// cursor is where a job is.
type cursor struct {
	Last     *profile.ID               `json:",omitempty"` // the profile that was passed last
	At       *profile.ID               `json:",omitempty"` // a profile that is not done
	Within   *profile.Place            `json:",omitempty"` // and how far it is
	From     map[profile.Mapping]int64 `json:",omitempty"` // objects replaced, by the mapping they had
	Examples int                       `json:",omitempty"`
	End      bool                      `json:",omitempty"` // nothing is left but to tidy up
}

func decode[T any](b []byte) (v T, err error) {
	if b == nil {
		return v, nil
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, job.Final(fmt.Errorf("replay: %w", err))
	}
	return v, nil
}

// replayItems are the items of the configuration about replays.
const replayItems = "replay/" // + name of a type: last

// last is what is known of the replays of a type.
type last struct {
	Replay  string    `json:",omitempty"` // the job that can be taken back
	Since   time.Time `json:",omitzero"`
	DryRun  string    `json:",omitempty"` // the job that has examples
	Cleaned bool      `json:",omitempty"` // nothing of the replay is kept any more
}

func lastOf(c *domain.Config, typeName string) (l last) {
	if b := c.Item(replayItems + typeName); b != nil && json.Unmarshal(b, &l) != nil {
		return last{}
	}
	return l
}

const recordVersion = 1

// maxExample bounds the profiles that an example shows, in bytes of JSON.
const maxExample = 64 << 10

func examples(d domain.ID, id job.ID) []byte { return append(profile.Shadows(d, id), 'e') }

// putExample keeps an example. The view seals under the secret of a profile.
func putExample(view *seal.Tx, d domain.ID, id job.ID, n int, keeper profile.ID, e *kindredapi.ReplayExample) error {
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("example: %w", err)
	}
	if len(b) > maxExample {
		short := *e
		short.Before, short.After, short.Truncated = nil, nil, new(true)
		short.Changes = short.Changes[:min(len(short.Changes), 10)]
		for i := range short.Changes {
			short.Changes[i].Before, short.Changes[i].After = nil, nil
		}
		if b, err = json.Marshal(short); err != nil {
			return fmt.Errorf("example: %w", err)
		}
	}
	sort := append(binary.BigEndian.AppendUint32([]byte{recordVersion}, uint32(n)), keeper[:]...)
	view.Put(store.Key{Partition: examples(d, id), Sort: sort}, b)
	return nil
}

// readExamples reads the examples of a job whose profiles are still there.
func readExamples(ctx context.Context, r *seal.Reader, d domain.ID, id job.ID) ([]kindredapi.ReplayExample, error) {
	list := []kindredapi.ReplayExample{}
	lists, err := r.ScanPlain(ctx, store.Span{Partition: examples(d, id), Limit: store.MaxScan})
	if err != nil {
		return nil, fmt.Errorf("examples: %w", err)
	}
	for _, rec := range lists[0] {
		var keeper profile.ID
		if len(rec.Key.Sort) != 5+len(keeper) || rec.Key.Sort[0] != recordVersion {
			return nil, fmt.Errorf("example: version: %w", store.ErrCorrupt)
		}
		copy(keeper[:], rec.Key.Sort[5:])
		view, err := profile.ViewOf(ctx, r, d, keeper)
		if err != nil {
			return nil, err
		}
		if view == nil {
			continue // the profile is gone
		}
		b, err := view.Open(rec.Key, rec.Value)
		if err != nil {
			return nil, err
		}
		var e kindredapi.ReplayExample
		if err := json.Unmarshal(b, &e); err != nil {
			return nil, fmt.Errorf("example: %w", store.ErrCorrupt)
		}
		list = append(list, e)
	}
	return list, nil
}
