package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"

	"kindred/internal/profile/lineartest"
	"kindred/internal/store/pgstore/pgtest"
	"kindred/kindredclient"
)

// skew is by how much the clock of one of the nodes is wrong: less than what signatures
// are allowed to be off.
const skew = 4 * time.Minute

var skewedProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(made, "kindred-skewed")
	return path, build(path, "-ldflags", "-X main.clockAhead="+skew.String())
})

// unsteady delays one piece in twenty of what clients send through a proxy, and breaks
// the connection at one in two hundred, before the server sees it or after. It counts.
type unsteady struct {
	mu           sync.Mutex // guards the following
	rng          *rand.Rand
	cuts, delays atomic.Int64
}

func (u *unsteady) decide([]byte) pgtest.Fate {
	u.mu.Lock()
	n, pause := u.rng.IntN(200), time.Duration(u.rng.IntN(20_000))*time.Microsecond
	u.mu.Unlock()
	switch {
	case n == 0:
		u.cuts.Add(1)
		return pgtest.CutBefore
	case n == 1:
		u.cuts.Add(1)
		return pgtest.CutAfter
	case n < 12:
		u.delays.Add(1)
		time.Sleep(pause) // that is the fault
	}
	return pgtest.Deliver
}

// TestCallsOnThreeNodesAreLinearizableThroughEveryFault: clients call three nodes of one
// database, of which two have bad connections to it, while a node is killed, another one
// is stopped for a while and goes on as if nothing had been, the clock of the third jumps,
// and the database's server dies and its standby takes over. What the clients were
// answered fits one order of their calls: nothing that was acknowledged is lost, doubled or
// half done.
func TestCallsOnThreeNodesAreLinearizableThroughEveryFault(t *testing.T) {
	t.Parallel()
	skewed, err := skewedProgram()
	if err != nil {
		t.Fatal(err)
	}
	primary := pgtest.New(t)
	database := primary.Database(t)
	standby := primary.Standby(t)
	network := &unsteady{rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))}
	var through []string
	for _, s := range []*pgtest.Server{primary, standby} {
		through = append(through, pgtest.NewProxy(t, s.Address(), network.decide).Address())
	}
	n := &nodes{pg: primary, url: primary.Either(database, primary.Address(), standby.Address()), root: filepath.Join(t.TempDir(), "root.key")}
	killed := n.with(t, nil, withArgs("--listen", freeAddress(t)))
	n.url = primary.Either(database, through...)
	stopped := n.with(t, killed, withArgs("--listen", freeAddress(t)))
	jumping := n.with(t, killed, withArgs("--listen", freeAddress(t)))

	faults := []func(){
		killed.crash,
		func() {
			stopped.signal(syscall.SIGSTOP)
			time.Sleep(2 * time.Second) // that is the fault
			stopped.signal(syscall.SIGCONT)
		},
		func() { jumping.kill(); jumping.program = skewed; jumping.start() },
		func() {
			if err := primary.Kill(); err != nil {
				t.Error(err)
			}
			standby.Promote(t)
		},
		func() { jumping.kill(); jumping.program = binary; jumping.start() }, // back again
		killed.crash,
	}
	c := newCallers(t, killed, stopped, jumping)
	due, done := make(chan struct{}, len(faults)), make(chan lineartest.Counts, 1)
	options := lineartest.Options{Seed: uint64(time.Now().UnixNano()), Cells: 72, At: 16}
	c.every(180, func() {
		select {
		case due <- struct{}{}:
		default: // there have been enough
		}
	})
	go func() { done <- lineartest.Run(t, c, options) }()
	for i := 0; ; {
		select {
		case <-due:
			if i < len(faults) {
				faults[i]()
				i++
			}
		case counts := <-done:
			t.Logf("seed %d: %+v; %d connections cut, %d delays", options.Seed, counts, network.cuts.Load(), network.delays.Load())
			if i < len(faults) || network.cuts.Load() == 0 || network.delays.Load() == 0 {
				t.Errorf("not all was tried: %d of %d faults", i, len(faults))
			}
			if counts.Done < 3*counts.Unknown {
				t.Errorf("calls came to %+v: most should be answered", counts)
			}
			return
		}
	}
}

// cards is an object type of loyalty cards, of which a field gives the first name or the
// last.
func cards(target string) *customerprofiles.PutProfileObjectTypeInput {
	return &customerprofiles.PutProfileObjectTypeInput{ObjectTypeName: aws.String("Card"), Description: aws.String("cards"), AllowProfileCreation: true,
		Fields: map[string]types.ObjectTypeField{
			"no":   {Source: aws.String("_source.no")},
			"name": {Source: aws.String("_source.name"), Target: aws.String("_profile." + target)}},
		Keys: map[string][]types.ObjectTypeKey{
			"cardNo": {{StandardIdentifiers: []types.StandardIdentifier{types.StandardIdentifierUnique, types.StandardIdentifierProfile}, FieldNames: []string{"no"}}}}}
}

// TestANodeThatIsStoppedPastItsLeaseIsReplaced: a node is stopped in the middle of a
// replay, for longer than it may hold that, another one takes it over and finishes it,
// and the first one goes on then: nothing of what it still had in hand counts.
func TestANodeThatIsStoppedPastItsLeaseIsReplaced(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	first := n.with(t, nil)
	c := first.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	c.objectType("shop", cards("FirstName"))
	const count = 6000
	var records strings.Builder
	for i := range count {
		fmt.Fprintf(&records, `{"no":"C-%d","name":"Name %d"}`+"\n", i, i)
	}
	first.mustKindred(records.String(), "ingest", "--domain", "shop", "--object-type", "Card", "--format", "jsonl", "-")
	c.objectType("shop", cards("LastName"))
	own := c.own()
	get := func(id string) *kindredclient.Replay {
		t.Helper()
		r, err := own.GetReplay(t.Context(), "shop", "Card", id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var began kindredclient.Replay
	if err := json.Unmarshal([]byte(first.mustKindred("", "replay", "start", "--domain", "shop", "--object-type", "Card", "--dry-run", "--json")), &began); err != nil {
		t.Fatal(err)
	}
	eventually(t, resealIn, func() error {
		if r := get(began.Job.ID); r.Job.State != "SUCCEEDED" {
			return fmt.Errorf("the dry run is %s", r.Job.State)
		}
		return nil
	})
	dry := get(began.Job.ID).Job.Counters

	r, err := own.ReplayObjectType(t.Context(), "shop", "Card", kindredclient.ReplayObjectTypeInput{})
	if err != nil {
		t.Fatal(err)
	}
	for get(r.Job.ID).Job.Counters["objects"] == 0 {
	}
	first.signal(syscall.SIGSTOP)
	second := n.with(t, first)
	own = second.admin.own()
	if got := get(r.Job.ID); got.Job.State != "RUNNING" || got.Job.Counters["objects"] >= count {
		t.Fatalf("the node was stopped too late: %+v", got.Job)
	}
	eventually(t, resealIn, func() error {
		if got := get(r.Job.ID); got.Job.State != "SUCCEEDED" {
			return fmt.Errorf("the job is %s: %s", got.Job.State, got.Job.Message)
		}
		return nil
	})
	before := get(r.Job.ID).Job
	first.signal(syscall.SIGCONT)
	// The node that was away finds that the job is another's, and serves as before.
	first.admin.put("shop", "Card", fields{"no": "C-0", "name": "Name 0"})
	if after := get(r.Job.ID).Job; !maps.Equal(after.Counters, before.Counters) || !maps.Equal(after.Counters, dry) || after.State != "SUCCEEDED" {
		t.Errorf("foretold %v, done %v, and in the end %v", dry, before.Counters, after.Counters)
	}
	for i := 0; i < count; i += 97 {
		p := first.admin.one("shop", "cardNo", fmt.Sprint("C-", i))
		if p.FirstName != nil || aws.ToString(p.LastName) != fmt.Sprint("Name ", i) {
			t.Errorf("card %d: %q %q", i, aws.ToString(p.FirstName), aws.ToString(p.LastName))
		}
	}
	if got := second.admin.stats("shop"); got.ProfileCount != count || got.ObjectCount != count {
		t.Errorf("%+v", got)
	}
}
