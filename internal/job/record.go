package job

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// version is the first byte of every record.
const version = 1

// ref says which job.
type ref struct {
	domain domain.ID
	id     ID
}

func (k ref) partition() []byte { return k.domain.Partition('j', k.id[:]...) }

func (k ref) key() store.Key { return store.Key{Partition: k.partition(), Sort: []byte("job")} }

func (k ref) parametersKey() store.Key {
	return store.Key{Partition: k.partition(), Sort: []byte("parameters")}
}

func (k ref) notFound() error { return fault.New(fault.NotFound, "Job %s does not exist", k.id) }

// record is a job as it is stored.
type record struct {
	Job
	Unique     bool   `json:",omitempty"` // no other of its kind and subject may be open
	Reversible bool   `json:",omitempty"` // its kind had an Undoer when it was made
	Node       string `json:",omitempty"` // that took it last
	Token      uint64 // raised by each take
	Steps      uint64 // saved
	Attempts   int    `json:",omitempty"` // failed tries since the last step that was saved
}

// bound is the associated data of a record: its key, unambiguously.
func bound(k store.Key) []byte {
	b := binary.AppendUvarint(nil, uint64(len(k.Partition)))
	b = append(b, k.Partition...)
	return append(b, k.Sort...)
}

func (j *Jobs) encrypt(k store.Key, plain []byte) ([]byte, error) {
	sealed, err := j.seal.Encrypt(plain, bound(k))
	if err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	return append([]byte{version}, sealed...), nil
}

func (j *Jobs) decrypt(k store.Key, value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != version {
		return nil, fmt.Errorf("job record %x %x: %w", k.Partition, k.Sort, store.ErrCorrupt)
	}
	plain, err := j.seal.Decrypt(value[1:], bound(k))
	if err != nil {
		return nil, fmt.Errorf("job record %x %x: %w", k.Partition, k.Sort, store.ErrCorrupt)
	}
	return plain, nil
}

// open reads a job's record; the value is not nil.
func (j *Jobs) open(k ref, value []byte) (*record, error) {
	plain, err := j.decrypt(k.key(), value)
	if err != nil {
		return nil, err
	}
	r := &record{}
	if err := json.Unmarshal(plain, r); err != nil {
		return nil, fmt.Errorf("job %s: %w: %w", k.id, store.ErrCorrupt, err)
	}
	r.ID, r.Domain = k.id, k.domain
	return r, nil
}

// read reads a job inside a transaction; nil if there is none.
func (j *Jobs) read(ctx context.Context, r store.Reader, k ref) (*record, error) {
	values, err := r.Get(ctx, k.key())
	if err != nil {
		return nil, fmt.Errorf("job %s: %w", k.id, err)
	}
	if values[0] == nil {
		return nil, nil
	}
	return j.open(k, values[0])
}

func (r *record) ref() ref { return ref{r.Domain, r.ID} }

// put writes a job's record.
func (j *Jobs) put(tx store.Tx, r *record) error {
	r.UpdatedAt = tx.Now()
	plain, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("job %s: %w", r.ID, err)
	}
	k := r.ref().key()
	sealed, err := j.encrypt(k, plain)
	if err == nil {
		tx.Put(k, sealed)
	}
	return err
}

// The four ways in which a job changes its state, each with what follows for the
// indexes.

// await makes a job wait for a node, from a time on.
func (j *Jobs) await(tx store.Tx, r *record, due time.Time) error {
	again := r.State.Ended()
	r.State, r.EndedAt = Pending, time.Time{}
	j.putDue(tx, r, due)
	if again {
		if err := j.list(tx, r); err != nil {
			return err
		}
	}
	return j.put(tx, r)
}

// start gives a job to a node until its lease runs out.
func (j *Jobs) start(tx store.Tx, r *record) error {
	r.State = Running
	if r.StartedAt.IsZero() {
		r.StartedAt = tx.Now()
	}
	j.putDue(tx, r, tx.Now().Add(Lease))
	return j.put(tx, r)
}

// rest takes a job away from all nodes.
func (j *Jobs) rest(tx store.Tx, r *record) error {
	r.State = Paused
	tx.Delete(r.ref().dueKey())
	return j.put(tx, r)
}

// end ends a job.
func (j *Jobs) end(tx store.Tx, r *record, s State) error {
	r.State, r.EndedAt = s, tx.Now()
	tx.Delete(r.ref().dueKey())
	if err := j.list(tx, r); err != nil {
		return err
	}
	return j.put(tx, r)
}

// dueJobs is the partition of the jobs that a node may have to work on. The value
// of an entry is a version, the time from which on a node may take the job, in
// microseconds, and the job's kind.
var dueJobs = []byte("jobs")

func (k ref) dueKey() store.Key {
	return store.Key{Partition: dueJobs, Sort: append(append([]byte{}, k.domain[:]...), k.id[:]...)}
}

// due is an entry of the index.
type due struct {
	job  ref
	at   time.Time
	kind string
}

func (j *Jobs) putDue(tx store.Tx, r *record, at time.Time) {
	b := binary.BigEndian.AppendUint64([]byte{version}, uint64(at.UnixMicro()))
	tx.Put(r.ref().dueKey(), append(b, r.Kind...))
}

func openDue(rec store.Record) (d due, err error) {
	const head = 1 + 8
	if len(rec.Value) < head || rec.Value[0] != version || len(rec.Key.Sort) != len(d.job.domain)+len(d.job.id) {
		return d, fmt.Errorf("job index %x: %w", rec.Key.Sort, store.ErrCorrupt)
	}
	n := copy(d.job.domain[:], rec.Key.Sort)
	copy(d.job.id[:], rec.Key.Sort[n:])
	d.at = time.UnixMicro(int64(binary.BigEndian.Uint64(rec.Value[1:head]))).UTC()
	d.kind = string(rec.Value[head:])
	return d, nil
}

// entry is a job in the list of its domain: what does not change while it is
// worked on, so that making a job does not conflict with the steps of others.
type entry struct {
	Kind    string
	Subject string `json:",omitempty"`
	Ended   bool   `json:",omitempty"`
}

func listPartition(d domain.ID) []byte { return d.Partition('j') }

const listSortSize = 8 + len(ID{})

func (r *record) listKey() store.Key {
	sort := binary.BigEndian.AppendUint64(nil, uint64(r.CreatedAt.UnixMicro()))
	return store.Key{Partition: listPartition(r.Domain), Sort: append(sort, r.ID[:]...)}
}

// list writes the entry of a job.
func (j *Jobs) list(tx store.Tx, r *record) error {
	plain, err := json.Marshal(entry{r.Kind, r.Subject, r.State.Ended()})
	if err != nil {
		return fmt.Errorf("job %s: %w", r.ID, err)
	}
	k := r.listKey()
	sealed, err := j.encrypt(k, plain)
	if err == nil {
		tx.Put(k, sealed)
	}
	return err
}

// listed is the job of an entry of the list.
func listed(d domain.ID, rec store.Record) (k ref, err error) {
	if len(rec.Key.Sort) != listSortSize {
		return k, fmt.Errorf("job list %x: %w", rec.Key.Sort, store.ErrCorrupt)
	}
	k.domain = d
	copy(k.id[:], rec.Key.Sort[8:])
	return k, nil
}
