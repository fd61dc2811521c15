package erasure

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"kindred/internal/api/kindredapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// recordVersion leads the records that have a value.
const recordVersion = 1

type id [16]byte

func newID(at time.Time) (i id) {
	binary.BigEndian.PutUint64(i[:], ^uint64(at.UnixMicro()))
	_, _ = rand.Read(i[8:]) // never fails
	return i
}

func (i id) String() string { return hex.EncodeToString(i[:]) }

type hash [16]byte

func (h hash) String() string { return hex.EncodeToString(h[:]) }

func place(d domain.ID, tag byte, parts ...[]byte) store.Key {
	sort := []byte{tag}
	for _, p := range parts {
		sort = append(sort, p...)
	}
	return store.Key{Partition: d.Partition('e'), Sort: sort}
}

func reportKey(d domain.ID, i id) store.Key          { return place(d, 'r', i[:]) }
func pendingKey(d domain.ID, i id) store.Key         { return place(d, 'x', i[:]) }
func profileKey(d domain.ID, h hash, i id) store.Key { return place(d, 'h', h[:], i[:]) }

// under is the span of the records with a tag and the start of a rest.
func under(d domain.ID, limit int, tag byte, parts ...[]byte) store.Span {
	k := place(d, tag, parts...)
	end := append([]byte(nil), k.Sort...)
	for n := len(end); n > 0; n-- {
		if end[n-1]++; end[n-1] != 0 {
			end = end[:n]
			break
		}
	}
	return store.Span{Partition: k.Partition, Start: k.Sort, End: end, Limit: limit}
}

// idOf is the id at the end of a sort key.
func idOf(sort []byte) (i id, err error) {
	if len(sort) < 1+len(i) {
		return i, fmt.Errorf("erasure key: %w", store.ErrCorrupt)
	}
	copy(i[:], sort[len(sort)-len(i):])
	return i, nil
}

// report is an erasure as it is kept.
type report struct {
	ProfileHash string
	RequestedAt time.Time
	RequestedBy string    `json:",omitempty"`
	CompletedAt time.Time `json:",omitzero"`
	Erased      kindredapi.ErasedCounts
}

func bind(k store.Key) []byte { return append(append([]byte(nil), k.Partition...), k.Sort...) }

func (s *Service) encode(k store.Key, value any) ([]byte, error) {
	b, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	sealed, err := s.seal.Encrypt(b, bind(k))
	if err != nil {
		return nil, err
	}
	return append([]byte{recordVersion}, sealed...), nil
}

func (s *Service) decode(k store.Key, stored []byte, into any) error {
	if len(stored) == 0 || stored[0] != recordVersion {
		return fmt.Errorf("erasure: version: %w", store.ErrCorrupt)
	}
	b, err := s.seal.Decrypt(stored[1:], bind(k))
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("erasure: %w", store.ErrCorrupt)
	}
	return nil
}

// read reads a report; one that is not there is a NotFound fault.
func (s *Service) read(ctx context.Context, r store.Reader, d domain.ID, i id) (*report, error) {
	k := reportKey(d, i)
	v, err := r.Get(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("erasure: %w", err)
	}
	if v[0] == nil {
		return nil, fault.New(fault.NotFound, "No erasure with the ErasureId %s was made in this domain", i)
	}
	out := &report{}
	return out, s.decode(k, v[0], out)
}

// What each report says of where it reached, and where not.
var (
	stores = []string{
		"Records of the profile: removed, and their keys destroyed with them; when the erasure is complete, the files of the storage engine hold neither the secret that the keys followed from nor any other small value of theirs. " +
			"Larger sealed values, which nobody can open any more, may stay in its value files until these are rewritten.",
		"Index entries and unique keys that led to the profile: removed. They were keyed hashes and random identifiers; the engine drops their bytes when it next compacts them.",
	}
	notes = []string{
		"Dead letters, in a queue or on their way to one, are records that were not ingested. They belong to no profile and are not erased.",
		"Contacts of the embedded Amazon Connect service are its own records and are not erased.",
		"Copies made before, such as backups and snapshots of the store, are out of reach. A copy of the whole store contains the " +
			"secret of the profile's keys as well: whoever has it and the domain's data key can read the profile in it. Copies of other records alone cannot be opened any more.",
		"What a file system or disk keeps of files that were deleted is out of reach; without the domain's data key it cannot be read.",
		"The profile's id is kept in this report as a keyed hash only.",
	}
)

func (r *report) shape(domainName string, i id) *kindredapi.ErasureReport {
	out := &kindredapi.ErasureReport{ErasureId: i.String(), DomainName: domainName, ProfileHash: r.ProfileHash, RequestedAt: r.RequestedAt,
		State: "ERASING", Erased: &r.Erased, Stores: stores, Notes: notes}
	if r.RequestedBy != "" {
		out.RequestedBy = &r.RequestedBy
	}
	if !r.CompletedAt.IsZero() {
		out.State, out.CompletedAt = "ERASED", &r.CompletedAt
	}
	return out
}
