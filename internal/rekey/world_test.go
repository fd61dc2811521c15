package rekey_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/job"
	"kindred/internal/policy"
	"kindred/internal/profile"
	"kindred/internal/rekey"
	"kindred/internal/resource"
	"kindred/internal/seal"
	"kindred/internal/store"
)

const (
	keyA = "arn:aws:kms:eu-central-1:111122223333:key/a"
	keyB = "arn:aws:kms:eu-central-1:111122223333:key/b"
	keyC = "arn:aws:kms:eu-central-1:111122223333:key/c"
	keyT = "arn:aws:kms:eu-central-1:111122223333:key/t"
	keyU = "arn:aws:kms:eu-central-1:111122223333:key/u"
)

// node is a process: a world with jobs and keys.
type node struct {
	*ingesttest.World
	t     *testing.T
	gate  *gate
	keys  *keyService
	jobs  *job.Jobs
	rekey *rekey.Service
}

// gate is a node's way to the store. It tells of commits, and can be shut after
// some.
type gate struct {
	store.Store
	committed chan struct{} // has one when something was committed since it was empty

	mu   sync.Mutex // guards the following
	left int        // commits until it shuts; -1: it does not
}

var errDead = errors.New("the process is gone")

func (g *gate) Update(ctx context.Context, fn func(store.Tx) error) error {
	g.mu.Lock()
	left := g.left
	if left > 0 {
		g.left--
	}
	g.mu.Unlock()
	if left == 0 {
		return errDead
	}
	err := g.Store.Update(ctx, fn)
	select {
	case g.committed <- struct{}{}:
	default:
	}
	return err
}

// dieAfter has only so many more updates reach the store.
func (g *gate) dieAfter(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = n
}

// keyService is that of the world, with states of keys and rotations.
type keyService struct {
	*ingesttest.Keys
	mu      sync.Mutex // guards the following
	status  map[string]resource.KeyStatus
	rotated map[string]bool
	refuse  error
}

func (k *keyService) Status(_ context.Context, use domain.KeyUse) (resource.KeyStatus, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.status[use.KeyID]
	if !ok {
		return s, fault.New(fault.Invalid, "no such key").Because(resource.ErrKeyMissing)
	}
	return s, k.refuse
}

func (k *keyService) Rewrap(ctx context.Context, use domain.KeyUse, wrapped []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.rotated[use.KeyID] {
		return nil, nil
	}
	plain, err := k.Unwrap(ctx, use, wrapped)
	if err != nil {
		return nil, err
	}
	return k.Wrap(use, plain)
}

func newNode(t *testing.T, s store.Store, clock *ingesttest.Clock, keys *ingesttest.Keys) *node {
	t.Helper()
	n := &node{t: t, gate: &gate{Store: s, left: -1, committed: make(chan struct{}, 1)}, keys: &keyService{Keys: keys, status: map[string]resource.KeyStatus{}, rotated: map[string]bool{}}}
	n.World = ingesttest.Over(t, n.gate, clock, keys)
	log := slog.New(slog.DiscardHandler)
	n.jobs = job.New(job.Config{Store: n.gate, Domains: n.Domains, Seal: ingesttest.Cipher(t, "job"), Now: clock.Now, Log: log})
	n.rekey = rekey.New(rekey.Config{Domains: n.Domain, Jobs: n.jobs, Keys: n.keys, Log: log})
	return n
}

// rekeyTo is the node's service anew, with a log that can be read.
func (n *node) rekeyTo(log io.Writer) {
	jobs := job.New(job.Config{Store: n.gate, Domains: n.Domains, Seal: ingesttest.Cipher(n.t, "job"), Now: n.Clock.Now, Log: slog.New(slog.DiscardHandler)})
	n.rekey = rekey.New(rekey.Config{Domains: n.Domain, Jobs: jobs, Keys: n.keys, Log: slog.New(slog.NewTextHandler(log, nil))})
}

// run has the node work on jobs until the returned function is called.
func (n *node) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := n.jobs.Run(ctx); err != nil {
			n.t.Error(err)
		}
	})
	n.jobs.Wake()
	return func() { cancel(); wg.Wait() }
}

// onBoth runs a test on both engines.
func onBoth(t *testing.T, test func(t *testing.T, n *node)) {
	t.Helper()
	for name, engine := range map[string]ingesttest.Engine{"memory": ingesttest.Memory, "pebble": ingesttest.Pebble} {
		t.Run(name, func(t *testing.T) {
			clock := ingesttest.NewClock()
			s := engine(t, clock.Now)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, newNode(t, s, clock, ingesttest.NewKeys()))
		})
	}
}

func (n *node) config() *domain.Config {
	n.t.Helper()
	c, err := n.Domains.Config(n.Ctx(), "d")
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// await waits until the store says something.
func (n *node) await(what string, done func() bool) {
	n.t.Helper()
	timeout := time.After(time.Minute)
	for !done() {
		select {
		case <-n.gate.committed:
		case <-timeout:
			n.t.Fatalf("%s: not within a minute", what)
		}
	}
}

// resealed waits for the end of a resealing.
func (n *node) resealed() {
	n.t.Helper()
	defer n.run()()
	n.await("resealing", func() bool { _, pending := n.config().Resealing(); return !pending })
}

func (n *node) job() *job.Job {
	n.t.Helper()
	c := n.config()
	r, _ := c.Resealing()
	id, err := job.ParseID(r.Job)
	if err != nil {
		n.t.Fatal(err)
	}
	j, err := n.jobs.Get(n.Ctx(), c.ID, id)
	if err != nil {
		n.t.Fatal(err)
	}
	return j
}

func (n *node) setKey(key string) {
	n.t.Helper()
	if _, err := n.Domain.UpdateDomain(n.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: &key}); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) disable(keys ...string) {
	for _, k := range keys {
		n.Keys.Disable(k)
	}
	n.Clock.Step(10 * time.Second) // until what is open in memory is stale
}

var (
	note = ingesttest.Type{Create: true, Fields: map[string]string{"id": "id", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS", "asset": "asset>_asset.AssetName"},
		Keys: map[string]string{"noteId": "UNIQUE:id", "_email": "PROFILE:mail", "noteAsset": "ASSET:asset"}}
	own = ingesttest.Type{Create: true, Fields: map[string]string{"id": "id", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS"},
		Keys: map[string]string{"ownId": "UNIQUE:id", "_email": "PROFILE:mail"}, Key: keyT}
)

func under(key string) func(*profileapi.CreateDomainRequest) {
	return func(in *profileapi.CreateDomainRequest) { in.DefaultEncryptionKey = &key }
}

func ownUnder(key string) ingesttest.Type {
	o := own
	o.Key = key
	return o
}

// fill makes profiles with an object of both types, a standard object and a manual
// fact each.
func (n *node) fill(count int) []profile.ID {
	n.t.Helper()
	n.PutType("d", "Note", note)
	n.PutType("d", "Own", own)
	ids := make([]profile.ID, count)
	for i := range ids {
		ids[i] = n.Put("d", "Note", fmt.Sprintf(`{"id":"%d","mail":"m%d@x.org","asset":"a%d"}`, i, i, i))
		n.Put("d", "Own", fmt.Sprintf(`{"id":"%d","mail":"m%d@x.org"}`, i, i))
		n.Edit("d", ids[i], fmt.Sprintf(`{"FirstName":"Ann %d"}`, i))
	}
	return ids
}

// readable checks that everything that fill made can be read and written.
func (n *node) readable(what string, ids []profile.ID) {
	n.t.Helper()
	for i, id := range ids {
		mail := fmt.Sprintf("m%d@x.org", i)
		want := fmt.Sprintf(`{"EmailAddress":"%s","FirstName":"Ann %d"}`, mail, i)
		if got := n.Show("d", id); got != want {
			n.t.Fatalf("%s: profile %d is %s, want %s", what, i, got, want)
		}
		n.Finds("d", "_email", mail, id)
		for _, typ := range []string{"Note", "Own", "_asset"} {
			if list := n.Objects("d", typ, id); len(list) == 0 {
				n.t.Fatalf("%s: profile %d has no %s", what, i, typ)
			}
		}
		if got := n.Put("d", "Own", fmt.Sprintf(`{"id":"again %d","mail":"%s"}`, i, mail)); got != id {
			n.t.Fatalf("%s: put into another profile", what)
		}
		n.Edit("d", id, fmt.Sprintf(`{"FirstName":"Ann %d"}`, i))
	}
}

// sealedWith counts the records of profiles by the data key they are sealed with.
func (n *node) sealedWith() map[uint32]int {
	n.t.Helper()
	counts := map[uint32]int{}
	prefix := profile.Partitions(n.config().ID)
	for _, rec := range ingesttest.Dump(n.t, n.Store) {
		if string(rec.Key.Partition[:min(len(prefix), len(rec.Key.Partition))]) != string(prefix) || rec.Key.Sort[0] == 'k' || rec.Key.Sort[0] == 'a' {
			continue
		}
		number, err := seal.SealedWith(rec.Value)
		if err != nil {
			n.t.Fatal(err)
		}
		counts[number]++
	}
	return counts
}

// admin may do everything.
func (n *node) admin() context.Context {
	n.t.Helper()
	all, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), policy.Options{Kind: policy.Identity})
	if err != nil {
		n.t.Fatal(err)
	}
	return access.WithCaller(context.Background(), &access.Caller{Type: access.User, Account: ingesttest.Account,
		ARN: "arn:aws:iam::111122223333:user/ann", Policies: []*policy.Policy{all}})
}

func (n *node) encryption() *kindredapi.GetDomainEncryptionResponse {
	n.t.Helper()
	out, err := n.rekey.GetDomainEncryption(n.admin(), &kindredapi.GetDomainEncryptionRequest{DomainName: "d"})
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}
