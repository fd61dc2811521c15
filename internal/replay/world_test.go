package replay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/cryptotest"
	"time"

	"kindred/internal/access"
	"kindred/internal/api"
	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/job"
	"kindred/internal/policy"
	"kindred/internal/profile"
	"kindred/internal/replay"
	"kindred/internal/store"
)

// node is a process: a world with jobs and replays.
type node struct {
	*ingesttest.World
	t       *testing.T
	gate    *gate
	jobs    *job.Jobs
	replays *replay.Service
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

func (g *gate) dead() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.left == 0
}

func newNode(t *testing.T, s store.Store, clock *ingesttest.Clock, keys *ingesttest.Keys) *node {
	t.Helper()
	n := &node{t: t, gate: &gate{Store: s, left: -1, committed: make(chan struct{}, 1)}}
	n.World = ingesttest.Over(t, n.gate, clock, keys)
	log := slog.New(slog.DiscardHandler)
	n.jobs = job.New(job.Config{Store: n.gate, Domains: n.Domains, Seal: ingesttest.Cipher(t, "job"), Now: clock.Now, Log: log})
	n.replays = replay.New(replay.Config{Domains: n.Domain, Types: n.TypeService, Ingest: n.Ingest, Jobs: n.jobs, Now: clock.Now, Log: log,
		Authorize: func(context.Context, *api.Operation, any) error { return nil }})
	return n
}

// on makes a node on an engine of its own.
func on(t *testing.T, engine ingesttest.Engine) *node {
	t.Helper()
	clock := ingesttest.NewClock()
	s := engine(t, clock.Now)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return newNode(t, s, clock, ingesttest.NewKeys())
}

var engines = map[string]ingesttest.Engine{"memory": ingesttest.Memory, "pebble": ingesttest.Pebble}

// another is a second node on the same store, later than the first one's leases.
func (n *node) another() *node {
	n.t.Helper()
	n.Clock.Step(2 * job.Lease)
	return newNode(n.t, n.gate.Store, n.Clock, n.Keys)
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

// start makes a job of the type Member; of a dry run with so many examples.
func (n *node) start(dry bool, examples int) *kindredapi.Replay {
	n.t.Helper()
	in := &kindredapi.ReplayObjectTypeRequest{DomainName: "d", ObjectTypeName: "Member", DryRun: &dry}
	if dry {
		in.MaxExamples = &examples
	}
	out, err := n.replays.ReplayObjectType(n.admin(), in)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

func (n *node) get(id string) *kindredapi.Replay {
	n.t.Helper()
	out, err := n.replays.GetReplay(n.admin(), &kindredapi.GetReplayRequest{DomainName: "d", ObjectTypeName: "Member", JobId: id})
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

func (n *node) rollBack(id string) (*kindredapi.Replay, error) {
	return n.replays.RollBackReplay(n.admin(), &kindredapi.RollBackReplayRequest{DomainName: "d", ObjectTypeName: "Member", JobId: id})
}

func (n *node) mustRollBack(id string) *kindredapi.Replay {
	n.t.Helper()
	out, err := n.rollBack(id)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// ended waits for the end of a job.
func (n *node) ended(id string) *kindredapi.Replay {
	n.t.Helper()
	defer n.run()()
	n.await("the end", func() bool { return job.State(n.get(id).Job.State).Ended() })
	out := n.get(id)
	if out.Job.State != "SUCCEEDED" {
		n.t.Fatalf("the job: %s", ingesttest.Compact(n.t.Fatal, out))
	}
	return out
}

var (
	member = ingesttest.Type{Create: true, Fields: map[string]string{"no": "no>_profile.AccountNumber", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS",
		"first": "first>_profile.FirstName", "tier": "tier>_profile.Attributes.tier", "serial": "serial>_asset.SerialNumber"},
		Keys: map[string]string{"memberNo": "UNIQUE:no", "_email": "PROFILE:mail", "serialNo": "ASSET:serial"}}
	// retargeted sends every record where it went.
	retargeted = ingesttest.Type{Create: true, Fields: map[string]string{"no": "no>_profile.Attributes.no", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS",
		"first": "first>_profile.LastName", "tier": "tier>_profile.Attributes.level", "serial": "serial>_asset.AssetName"},
		Keys: map[string]string{"memberNo": "UNIQUE:no", "_email": "PROFILE:mail", "serialNo": "ASSET:serial"}}
	// rerouted joins records by their household and parts those that share a mail.
	rerouted = ingesttest.Type{Create: true, Fields: map[string]string{"no": "no>_profile.AccountNumber", "mail": "mail>_profile.EmailAddress",
		"first": "first>_profile.FirstName", "house": "house>_profile.Attributes.house", "serial": "serial>_asset.SerialNumber"},
		Keys: map[string]string{"memberNo": "UNIQUE:no", "houseNo": "PROFILE:house", "serialNo": "ASSET:serial"}}
	note = ingesttest.Type{Create: true, Priority: 1, Fields: map[string]string{"id": "id", "mail": "mail|EMAIL_ADDRESS", "tier": "tier>_profile.Attributes.tier"},
		Keys: map[string]string{"noteId": "UNIQUE:id", "_email": "PROFILE:mail"}}
)

// fill makes a domain with profiles of members: some share a mail, some have notes,
// some were edited and some merged.
func (n *node) fill(count int) {
	n.t.Helper()
	cryptotest.SetGlobalRandom(n.t, 1) // so that ids, and with them the order of the work, repeat
	n.NewDomain("d")
	n.PutType("d", "Member", member)
	n.PutType("d", "Note", note)
	var ids []profile.ID
	for i := range count {
		n.Clock.Step(time.Millisecond)
		id := n.Put("d", "Member", fmt.Sprintf(`{"no":"M%d","mail":"m%d@x.org","first":"Ann %d","tier":"t%d","serial":"s%d","house":"h%d"}`, i, i/2*2, i, i, i%3, i/3))
		n.Clock.Step(time.Millisecond)
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		switch i % 10 {
		case 3:
			n.Put("d", "Note", fmt.Sprintf(`{"id":"N%d","mail":"m%d@x.org","tier":"noted"}`, i, i/2*2))
		case 5:
			n.Edit("d", id, fmt.Sprintf(`{"FirstName":"Edited %d"}`, i))
		case 9:
			last := len(ids) - 1
			if _, err := n.Profiles.MergeProfiles(n.Ctx(), &profileapi.MergeProfilesRequest{DomainName: "d", MainProfileId: ids[last].String(), ProfileIdsToBeMerged: []string{ids[last-2].String()}}); err != nil {
				n.t.Fatal(err)
			}
		}
	}
}

// portrait is all that clients see of the domain, without what is random.
func (n *node) portrait() []string {
	n.t.Helper()
	var out []string
	for _, id := range n.visible() {
		text := n.Show("d", id)
		for _, name := range []string{"Member", "Note", "_asset"} {
			var list []string
			for _, o := range n.Objects("d", name, id) {
				body := map[string]any{}
				if err := json.Unmarshal([]byte(o), &body); err != nil {
					n.t.Fatal(err)
				}
				delete(body, "AssetId")
				list = append(list, "\n  "+name+" "+ingesttest.Compact(n.t.Fatal, body))
			}
			slices.Sort(list)
			text += strings.Join(list, "")
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

// visible are the profiles that clients see.
func (n *node) visible() (ids []profile.ID) {
	n.t.Helper()
	prefix := profile.Partitions(n.ID("d"))
	seen := map[string]bool{}
	for _, rec := range ingesttest.Dump(n.t, n.Store) {
		if !bytes.HasPrefix(rec.Key.Partition, prefix) || seen[string(rec.Key.Partition)] {
			continue
		}
		seen[string(rec.Key.Partition)] = true
		if id := profile.ID(rec.Key.Partition[len(prefix):]); n.Get("d", id) != nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// stored are the records of profiles, index and unique keys, and the totals.
func (n *node) stored() map[string]string {
	n.t.Helper()
	d := n.ID("d")
	out := map[string]string{}
	for _, rec := range ingesttest.Dump(n.t, n.Store) {
		if bytes.HasPrefix(rec.Key.Partition, d.Prefix()) && !strings.ContainsRune("cjr", rune(rec.Key.Partition[len(d.Prefix())])) {
			out[fmt.Sprintf("%x/%x", rec.Key.Partition, rec.Key.Sort)] = string(rec.Value)
		}
	}
	dom, err := n.Domain.GetDomain(n.Ctx(), &profileapi.GetDomainRequest{DomainName: "d"})
	if err != nil {
		n.t.Fatal(err)
	}
	out["totals"] = ingesttest.Compact(n.t.Fatal, dom.Stats)
	return out
}
