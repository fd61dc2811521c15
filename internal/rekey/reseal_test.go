package rekey_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/job"
	"kindred/internal/resource"
	"kindred/internal/seal"
	"kindred/internal/store"
)

// keysOf are the data keys that a domain has, as "TYPE KEY", "!" when it is in force.
func keysOf(c *domain.Config) string {
	var list []string
	for _, k := range c.DataKeys() {
		mark := ""
		if k.InForce {
			mark = "!"
		}
		list = append(list, mark+k.ObjectType+" "+k.KeyID[strings.LastIndexByte(k.KeyID, '/')+1:])
	}
	return strings.Join(list, ", ")
}

// TestInvariant4AfterResealingTheOldKeyIsNotNeeded: whatever key changes, the domain's
// or a type's, to another, to one for the first time or to none, once the job has
// ended everything is read and written without the old key.
func TestInvariant4AfterResealingTheOldKeyIsNotNeeded(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		n.NewDomain("d")
		ids := n.fill(30)
		for _, step := range []struct {
			what    string
			change  func()
			disable string
			want    string
		}{
			{"the domain gets a key", func() { n.setKey(keyA) }, "", "!Own t, ! a"},
			{"the domain gets another key", func() { n.setKey(keyB) }, keyA, "!Own t, ! b"},
			{"the type gets another key", func() { n.PutType("d", "Own", ownUnder(keyU)) }, keyT, "! b, !Own u"},
			{"the type goes back to the domain's key", func() { n.PutType("d", "Own", ownUnder("")) }, keyU, "! b"},
			{"the type gets a key again", func() { n.Keys.Enable(keyT); n.PutType("d", "Own", ownUnder(keyT)) }, "", "! b, !Own t"},
			{"both get other keys", func() { n.setKey(keyC); n.Keys.Enable(keyU); n.PutType("d", "Own", ownUnder(keyU)) }, keyB, "! c, !Own u"},
		} {
			step.change()
			n.readable(step.what+", at once", ids)
			n.resealed()
			if got := keysOf(n.config()); got != step.want {
				t.Fatalf("%s: the data keys are %q, want %q", step.what, got, step.want)
			}
			for number := range n.sealedWith() {
				if i := keyNumber(n.config(), number); i < 0 {
					t.Fatalf("%s: a record is sealed with data key %d, which is gone", step.what, number)
				}
			}
			if step.disable != "" {
				n.disable(step.disable)
			}
			n.readable(step.what+", after resealing", ids)
		}
		n.disable(keyU)
		if _, err := n.TryPut("d", "Own", `{"id":"x","mail":"m0@x.org"}`); err == nil {
			t.Error("the objects of the type were not sealed under its key")
		}
	})
}

func keyNumber(c *domain.Config, number uint32) int {
	for i, k := range c.DataKeys() {
		if k.Number == number {
			return i
		}
	}
	return -1
}

// TestResealingWhileOthersWrite: writers notice nothing, nothing of theirs is lost,
// and a change of keys in the middle is taken in.
func TestResealingWhileOthersWrite(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		n.NewDomain("d", under(keyA))
		ids := n.fill(40)
		quiet := n.Quiet()
		stop := make(chan struct{})
		var writers sync.WaitGroup
		puts := make([]int, 2)
		for w := range puts {
			writers.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					r, err := quiet.Put(n.Ctx(), "d", "Note", []string{fmt.Sprintf(`{"id":"w%d %d","mail":"m%d@x.org","asset":"more"}`, w, i, i%40)})
					if err != nil || r[0].Err != nil {
						t.Errorf("put: %v, %+v", err, r)
						return
					}
					if r[0].Profile != ids[i%40] {
						t.Errorf("put into another profile")
						return
					}
					puts[w]++
				}
			})
		}
		n.setKey(keyB)
		end := n.run()
		n.setKey(keyC)
		n.await("resealing", func() bool { _, pending := n.config().Resealing(); return !pending })
		close(stop)
		writers.Wait()
		end()
		if got := keysOf(n.config()); got != "!Own t, ! c" {
			t.Fatalf("the data keys are %q", got)
		}
		n.disable(keyA, keyB)
		n.readable("without the old keys", ids)
		objects := 0
		for _, id := range ids {
			objects += len(n.Objects("d", "Note", id))
		}
		if want := len(ids) + puts[0] + puts[1]; objects != want {
			t.Errorf("%d objects, want %d", objects, want)
		}
	})
}

// TestResealingSurvivesItsNode: another node goes on where one has been killed, or
// begins again if the keys have changed once more meanwhile.
func TestResealingSurvivesItsNode(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprint("changed again: ", again), func(t *testing.T) {
			onBoth(t, func(t *testing.T, n *node) { survive(t, n, again) })
		})
	}
}

func survive(t *testing.T, n *node, again bool) {
	n.NewDomain("d", under(keyA))
	ids := n.fill(60)
	n.setKey(keyB)
	n.gate.dieAfter(4) // take, begin, two steps
	stop := n.run()
	n.await("death", func() bool { n.gate.mu.Lock(); defer n.gate.mu.Unlock(); return n.gate.left == 0 })
	stop()
	other := newNode(t, n.Store.(*gate).Store, n.Clock, n.Keys)
	half := other.job()
	if half.Done == 0 || half.Done >= 60 {
		t.Errorf("%d of 60 profiles were done when the node died", half.Done)
	}
	if got := other.sealedWith(); got[1] == 0 || got[3] == 0 {
		t.Errorf("records by data key when the node died: %v", got)
	}
	old, total := []string{keyA}, int64(60)
	if again {
		other.setKey(keyC)
		old, total = append(old, keyB), 60+half.Done
		if got := other.job().ID; got != half.ID {
			t.Errorf("the second change has the job %s and not %s", got, half.ID)
		}
	}
	other.Clock.Step(2 * job.Lease)
	other.resealed()
	j, err := other.jobs.Get(other.Ctx(), half.Domain, half.ID)
	if err != nil {
		t.Fatal(err)
	}
	if j.State != job.Succeeded || j.Done != total || *j.Total != total {
		t.Errorf("the job is %s, %d of %d profiles, want %d", j.State, j.Done, *j.Total, total)
	}
	other.disable(old...)
	other.readable("after the node died", ids)
}

// TestResealingWaitsForAKeyThatIsOutOfUse: what cannot be opened stays as it is, its
// data key stays too, and the rest is sealed anew.
func TestResealingWaitsForAKeyThatIsOutOfUse(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		n.NewDomain("d", under(keyA))
		ids := n.fill(5)
		n.disable(keyT)
		n.PutType("d", "Own", ownUnder(keyU))
		n.setKey(keyB)
		stop := n.run()
		n.await("a try", func() bool { return n.job().Message != "" })
		j := n.job()
		if j.State.Ended() || !strings.Contains(j.Message, keyT) || j.Counters["locked"] != 5 {
			t.Errorf("the job: %+v", j)
		}
		if got := keysOf(n.config()); got != " a, Own t, !Own u, ! b" {
			t.Errorf("the data keys are %q", got)
		}
		if got := n.sealedWith(); got[2] != 5 || got[1] != 0 {
			t.Errorf("records by data key: %v", got)
		}
		out := n.encryption()
		if r := out.Reseal; r == nil || *r.RecordsLocked != 5 || *r.RecordsResealed == 0 || *r.JobId != j.ID.String() {
			t.Errorf("the answer about it: %s", ingesttest.Compact(t.Fatal, out))
		}
		n.Keys.Enable(keyT)
		n.Clock.Step(10 * time.Minute)
		n.jobs.Wake()
		n.await("resealing", func() bool { _, pending := n.config().Resealing(); return !pending })
		stop()
		n.disable(keyA, keyT)
		n.readable("after the key came back", ids)
	})
}

// TestNewTypesNeedNoResealing: there is nothing to seal anew.
func TestNewTypesNeedNoResealing(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		n.NewDomain("d", under(keyA))
		n.PutType("d", "Own", own)
		if _, pending := n.config().Resealing(); pending {
			t.Error("a new domain with a new type is to be sealed anew")
		}
		n.PutType("d", "Own", own)
		n.setKey(keyA)
		if _, pending := n.config().Resealing(); pending {
			t.Error("the same keys once more are a change")
		}
		if n.encryption().Reseal != nil {
			t.Error("it is told of")
		}
	})
}

// TestUnknownPartitionsKeepTheirKeys: records that the job knows nothing of may be
// sealed with an old data key.
func TestUnknownPartitionsKeepTheirKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		n.NewDomain("d", under(keyA))
		n.fill(2)
		err := n.Domains.Update(n.Ctx(), "d", func(c *domain.Config, tx *seal.Tx) error {
			tx.Put(store.Key{Partition: c.ID.Partition('Z'), Sort: []byte("new")}, []byte("a concept of tomorrow"))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		n.setKey(keyB)
		stop := n.run()
		n.await("the end", func() bool { return n.job().State.Ended() })
		stop()
		if j := n.job(); j.State != job.Failed {
			t.Errorf("the job is %s", j.State)
		}
		if got := keysOf(n.config()); got != " a, !Own t, ! b" {
			t.Errorf("the data keys are %q", got)
		}
		for _, k := range []string{keyA, keyB, keyT} {
			n.keys.status[k] = resource.KeyStatus{State: "Enabled", Enabled: true}
		}
		if w := n.encryption().Warnings; len(w) == 0 || !strings.Contains(w[len(w)-1], "resume") {
			t.Errorf("warnings: %q", w)
		}
		// What is found in order later goes on by itself.
		if err := n.Store.DropPrefix(n.Ctx(), n.config().ID.Partition('Z')); err != nil {
			t.Fatal(err)
		}
		if err := n.rekey.Look(n.Ctx()); err != nil {
			t.Fatal(err)
		}
		n.resealed()
	})
}

// TestLostJobsAreMadeAnew: the configuration knows what is to be done.
func TestLostJobsAreMadeAnew(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		n.NewDomain("d", under(keyA))
		n.fill(2)
		n.setKey(keyB)
		for _, k := range []string{keyA, keyB, keyT} {
			n.keys.status[k] = resource.KeyStatus{State: "Enabled", Enabled: true}
		}
		for _, prefix := range [][]byte{[]byte("jobs"), n.config().ID.Partition('j')} {
			if err := n.Store.DropPrefix(n.Ctx(), prefix); err != nil {
				t.Fatal(err)
			}
		}
		if got := n.encryption().Reseal; got == nil || got.State != "UNKNOWN" {
			t.Errorf("without the job: %+v", got)
		}
		if err := n.rekey.Look(n.Ctx()); err != nil {
			t.Fatal(err)
		}
		n.resealed()
	})
}

// TestADeletedTypeNeedsItsKeyNoMore: its data key goes with its objects.
func TestADeletedTypeNeedsItsKeyNoMore(t *testing.T) {
	onBoth(t, func(t *testing.T, n *node) {
		n.NewDomain("d", under(keyA))
		n.fill(3)
		if _, err := n.TypeService.DeleteProfileObjectType(n.Ctx(), &profileapi.DeleteProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "Own"}); err != nil {
			t.Fatal(err)
		}
		n.resealed()
		if got := keysOf(n.config()); got != "! a" {
			t.Errorf("the data keys are %q", got)
		}
		n.disable(keyT)
		n.PutType("d", "Own", ownUnder(""))
		n.Put("d", "Own", `{"id":"1","mail":"m1@x.org"}`)
	})
}
