package replay_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/job"
	"kindred/internal/profile"
	"kindred/internal/rekey"
	"kindred/internal/store"
)

// TestADryRunForetellsTheReplay: it changes not one byte of profiles, index and
// totals, and its counts are those of the replay that follows.
func TestADryRunForetellsTheReplay(t *testing.T) {
	for name, engine := range engines {
		for what, to := range map[string]ingesttest.Type{"other targets": retargeted, "other keys": rerouted} {
			t.Run(name+", "+what, func(t *testing.T) {
				n := on(t, engine)
				n.fill(300)
				n.PutType("d", "Member", to)
				before, seen := n.stored(), n.portrait()
				dry := n.ended(n.start(true, 7).Job.JobId)
				if diff := cmp.Diff(before, n.stored()); diff != "" {
					t.Errorf("the dry run has changed something: %s", diff)
				}
				if diff := cmp.Diff(seen, n.portrait()); diff != "" {
					t.Errorf("clients see another thing: %s", diff)
				}
				if len(dry.Examples) != 7 {
					t.Errorf("%d examples", len(dry.Examples))
				}
				real := n.ended(n.start(false, 0).Job.JobId)
				if diff := cmp.Diff(dry.Job.Counters, real.Job.Counters); diff != "" || dry.Job.FailedCount != real.Job.FailedCount {
					t.Errorf("foretold %d failures, %d came: %s", dry.Job.FailedCount, real.Job.FailedCount, diff)
				}
				for _, counter := range []string{"objects", "replaced", "fieldsChanged", "profilesChanged"} {
					if real.Job.Counters[counter] == 0 {
						t.Errorf("no %s: %v", counter, real.Job.Counters)
					}
				}
				if moved := real.Job.Counters["moved"]; (moved > 0) != (what == "other keys") {
					t.Errorf("%d objects have moved: %v", moved, real.Job.Counters)
				}
				if left := n.ofDryRuns(); left != 0 {
					t.Errorf("%d records of the dry run are left after the next replay", left)
				}
			})
		}
	}
}

// ofDryRuns counts what is stored of dry runs.
func (n *node) ofDryRuns() (count int) {
	d := n.ID("d")
	for _, rec := range ingesttest.Dump(n.t, n.Store) {
		if strings.HasPrefix(string(rec.Key.Partition), string(d.Partition('r'))) {
			count++
		}
	}
	return count
}

// undisturbed is what a domain is after a replay, and after its roll-back.
func undisturbed(t *testing.T, to ingesttest.Type) (replayed, back []string, counters map[string]int64) {
	t.Helper()
	n := on(t, ingesttest.Memory)
	n.fill(300)
	before := n.portrait()
	n.PutType("d", "Member", to)
	r := n.ended(n.start(false, 0).Job.JobId)
	replayed = n.portrait()
	n.ended(n.mustRollBack(r.Job.JobId).Job.JobId)
	back = n.portrait()
	if diff := cmp.Diff(before, back); diff != "" {
		t.Errorf("rolled back: %s", diff)
	}
	return replayed, back, r.Job.Counters
}

// TestAReplaySurvivesItsNode: wherever a node dies, in a replay or in its roll-back,
// another goes on, and the end is that of a replay that nothing disturbed.
func TestAReplaySurvivesItsNode(t *testing.T) {
	for what, to := range map[string]ingesttest.Type{"other targets": retargeted, "other keys": rerouted} {
		replayed, back, counters := undisturbed(t, to)
		for name, engine := range engines {
			for _, commits := range []int{2, 4} {
				t.Run(fmt.Sprintf("%s, %s, %d commits", what, name, commits), func(t *testing.T) {
					n := on(t, engine)
					n.fill(300)
					n.PutType("d", "Member", to)
					id := n.start(false, 0).Job.JobId
					n = n.killedAfter(commits)
					r := n.ended(id)
					if diff := cmp.Diff(counters, r.Job.Counters); diff != "" {
						t.Errorf("counters: %s", diff)
					}
					if diff := cmp.Diff(replayed, n.portrait()); diff != "" {
						t.Errorf("replayed: %s", diff)
					}
					undo := n.mustRollBack(id).Job.JobId
					n = n.killedAfter(commits)
					n.ended(undo)
					if diff := cmp.Diff(back, n.portrait()); diff != "" {
						t.Errorf("rolled back: %s", diff)
					}
				})
			}
		}
	}
}

// killedAfter has the node die after some commits and returns another.
func (n *node) killedAfter(commits int) *node {
	n.t.Helper()
	n.gate.dieAfter(commits)
	stop := n.run()
	n.await("death", n.gate.dead)
	stop()
	return n.another()
}

// TestRollBackInTheMiddle: a replay that is paused, or at work, can be taken back.
func TestRollBackInTheMiddle(t *testing.T) {
	for _, pause := range []bool{true, false} {
		t.Run(fmt.Sprint("paused: ", pause), func(t *testing.T) {
			n := on(t, ingesttest.Memory)
			n.fill(300)
			before := n.portrait()
			n.PutType("d", "Member", rerouted)
			id := n.start(false, 0).Job.JobId
			n = n.killedAfter(4) // take, begin, two steps of three
			if pause {
				j, _ := job.ParseID(id)
				if _, err := n.jobs.Pause(n.Ctx(), n.ID("d"), j); err != nil {
					t.Fatal(err)
				}
			}
			if done := n.get(id).Job; done.Counters["replaced"] == 0 || done.DoneCount >= 150 {
				t.Fatalf("not in the middle: %+v", done)
			}
			back := n.mustRollBack(id)
			if got := n.get(id).Job.State; got != "CANCELLED" {
				t.Errorf("the replay is %s", got)
			}
			n.ended(back.Job.JobId)
			if diff := cmp.Diff(before, n.portrait()); diff != "" {
				t.Errorf("rolled back: %s", diff)
			}
			out, err := n.TypeService.GetProfileObjectType(n.Ctx(), &profileapi.GetProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "Member"})
			if err != nil || len(out.Fields) != len(member.Fields) || out.Keys["_email"] == nil {
				t.Errorf("the type in force: %v %v", out, err)
			}
		})
	}
}

// TestPausedAndResumed: a replay that was paused goes on where it was.
func TestPausedAndResumed(t *testing.T) {
	replayed, _, counters := undisturbed(t, rerouted)
	n := on(t, ingesttest.Pebble)
	n.fill(300)
	n.PutType("d", "Member", rerouted)
	id := n.start(false, 0).Job.JobId
	n = n.killedAfter(3)
	j, _ := job.ParseID(id)
	for _, steer := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := n.jobs.Pause(ctx, n.ID("d"), j); return err },
		func(ctx context.Context) error { _, err := n.jobs.Resume(ctx, n.ID("d"), j); return err },
	} {
		if err := steer(n.Ctx()); err != nil {
			t.Fatal(err)
		}
	}
	r := n.ended(id)
	if diff := cmp.Diff(counters, r.Job.Counters); diff != "" {
		t.Errorf("counters: %s", diff)
	}
	if diff := cmp.Diff(replayed, n.portrait()); diff != "" {
		t.Errorf("replayed: %s", diff)
	}
}

// TestWhatCameSince: objects ingested after the replay are mapped by the old mapping
// when it is rolled back, and keep what earlier versions gave.
func TestWhatCameSince(t *testing.T) {
	n := on(t, ingesttest.Memory)
	n.NewDomain("d")
	n.PutType("d", "Member", member)
	a := n.Put("d", "Member", `{"no":"1","mail":"a@x.org","first":"Ann","tier":"gold"}`)
	b := n.Put("d", "Member", `{"no":"2","mail":"b@x.org","first":"Bea"}`)
	n.Clock.Step(time.Second)
	n.PutType("d", "Member", retargeted)
	id := n.start(false, 0).Job.JobId
	n.ended(id)
	n.Put("d", "Member", `{"no":"1","mail":"a@x.org","first":"Anna"}`) // came again
	n.Put("d", "Member", `{"no":"3","mail":"b@x.org","first":"Bob","tier":"iron"}`)
	n.Edit("d", a, `{"LastName":"Lund"}`)
	if got, want := n.Show("d", a), `{"Attributes":{"level":"gold","no":"1"},"EmailAddress":"a@x.org","LastName":"Lund"}`; got != want {
		t.Errorf("replayed: %s, want %s", got, want)
	}
	n.ended(n.mustRollBack(id).Job.JobId)
	for id, want := range map[string]string{
		n.Show("d", a): `{"AccountNumber":"1","Attributes":{"tier":"gold"},"EmailAddress":"a@x.org","FirstName":"Anna","LastName":"Lund"}`,
		n.Show("d", b): `{"AccountNumber":"3","Attributes":{"tier":"iron"},"EmailAddress":"b@x.org","FirstName":"Bob"}`,
	} {
		if id != want {
			t.Errorf("rolled back: %s, want %s", id, want)
		}
	}
}

// TestObjectsThatCannotBeMapped keep what they gave and are counted by reason.
func TestObjectsThatCannotBeMapped(t *testing.T) {
	n := on(t, ingesttest.Memory)
	n.NewDomain("d")
	n.PutType("d", "Member", member)
	a := n.Put("d", "Member", `{"no":"1","mail":"a@x.org","first":"Ann"}`)
	n.Put("d", "Member", `{"no":"2","mail":"b@x.org","house":"7"}`)
	before := n.Show("d", a)
	to := rerouted
	to.Keys = map[string]string{"memberNo": "UNIQUE:house", "houseNo": "PROFILE:house", "serialNo": "ASSET:serial"}
	n.PutType("d", "Member", to)
	r := n.ended(n.start(false, 0).Job.JobId)
	want := map[string]int64{"objects": 2, "failedMissingKey": 1, "failedUniqueKeyChanged": 1, "fieldsChanged": 0}
	if diff := cmp.Diff(want, r.Job.Counters); diff != "" || r.Job.FailedCount != 2 {
		t.Errorf("%d failed: %s", r.Job.FailedCount, diff)
	}
	if got := n.Show("d", a); got != before {
		t.Errorf("now %s, was %s", got, before)
	}
}

// TestExamples: what a dry run shows, and that it goes with its profile and with
// the keys.
func TestExamples(t *testing.T) {
	n := on(t, ingesttest.Memory)
	n.NewDomain("d")
	n.PutType("d", "Member", member)
	a := n.Put("d", "Member", `{"no":"1","mail":"a@x.org","first":"Ann","house":"7"}`)
	n.Clock.Step(time.Second)
	n.Put("d", "Member", `{"no":"2","mail":"a@x.org","first":"Bea","house":"8"}`)
	n.Clock.Step(time.Second)
	n.Put("d", "Member", `{"no":"3","mail":"a@x.org","first":"Cid"}`)
	n.PutType("d", "Member", rerouted)
	id := n.start(true, 100).Job.JobId
	r := n.ended(id)
	var texts []string
	for _, e := range r.Examples {
		if e.Outcome == "MADE" {
			e.ProfileId = "new"
			e.After.ProfileId = nil
		} else if e.ProfileId != a.String() {
			t.Errorf("an example of %s", e.ProfileId)
		} else {
			e.ProfileId, e.Before.ProfileId, e.After.ProfileId = "a", nil, nil
		}
		texts = append(texts, ingesttest.Compact(t.Fatal, e))
	}
	if len(texts) != 2 || !strings.Contains(texts[0], `"Failures":["MissingKey"]`) || !strings.Contains(texts[0], `"Outcome":"CHANGED"`) ||
		!strings.Contains(texts[0], `{"Ambiguous":false,"Change":"ADDED","KeyName":"houseNo","NormalizedValue":"7"}`) ||
		!strings.Contains(texts[1], `"After":{"AccountNumber":"2","Attributes":{"house":"8"},"EmailAddress":"a@x.org","FirstName":"Bea"}`) ||
		!strings.Contains(texts[1], `{"After":"8","Field":"Attributes.house","Reason":"GIVEN"}`) {
		t.Errorf("examples:\n%s", strings.Join(texts, "\n"))
	}
	if _, err := n.Profiles.DeleteProfile(n.Ctx(), &profileapi.DeleteProfileRequest{DomainName: "d", ProfileId: a.String()}); err != nil {
		t.Fatal(err)
	}
	if got := n.get(id).Examples; len(got) != 0 {
		t.Errorf("examples of a profile that is gone: %v", got)
	}
}

// TestRefusals: what cannot be asked for.
func TestRefusals(t *testing.T) {
	n := on(t, ingesttest.Memory)
	n.fill(4)
	n.PutType("d", "Member", retargeted)
	ask := func(in kindredapi.ReplayObjectTypeRequest) error {
		in.DomainName = "d"
		_, err := n.replays.ReplayObjectType(n.admin(), &in)
		return err
	}
	n.IsFault(ask(kindredapi.ReplayObjectTypeRequest{ObjectTypeName: "None"}), fault.NotFound, "None")
	n.IsFault(ask(kindredapi.ReplayObjectTypeRequest{ObjectTypeName: "Member", MaxExamples: new(3)}), fault.Invalid, "MaxExamples")
	first := n.start(false, 0).Job.JobId
	n.IsFault(ask(kindredapi.ReplayObjectTypeRequest{ObjectTypeName: "Member", DryRun: new(true)}), fault.Exists, first)
	n.ended(first)
	dry := n.start(true, 1).Job.JobId
	n.ended(dry)
	_, err := n.rollBack(dry)
	n.IsFault(err, fault.Invalid, "DRY_RUN")
	_, err = n.replays.GetReplay(n.admin(), &kindredapi.GetReplayRequest{DomainName: "d", ObjectTypeName: "Note", JobId: dry})
	n.IsFault(err, fault.NotFound, "Note")
	n.PutType("d", "Member", rerouted)
	_, err = n.rollBack(first)
	n.IsFault(err, fault.Invalid, "has changed since")
	second := n.start(false, 0).Job.JobId
	n.ended(second)
	_, err = n.rollBack(first)
	n.IsFault(err, fault.Invalid, "30 days")
	_, err = n.replays.ReplayObjectType(n.Ctx(), &kindredapi.ReplayObjectTypeRequest{DomainName: "d", ObjectTypeName: "Member"})
	n.IsFault(err, fault.Denied, "")
}

// TestAMappingThatChangesEndsAReplay, and another goes on from there.
func TestAMappingThatChangesEndsAReplay(t *testing.T) {
	n := on(t, ingesttest.Memory)
	n.fill(300)
	n.PutType("d", "Member", retargeted)
	id := n.start(false, 0).Job.JobId
	n = n.killedAfter(3)
	n.PutType("d", "Member", rerouted)
	stop := n.run()
	n.await("the end", func() bool { return job.State(n.get(id).Job.State).Ended() })
	stop()
	if j := n.get(id).Job; j.State != "FAILED" || !strings.Contains(*j.Message, "has changed since") {
		t.Errorf("the job is %s: %v", j.State, j.Message)
	}
	n.ended(n.start(false, 0).Job.JobId)
	again := n.ended(n.start(false, 0).Job.JobId)
	if got := maps.Collect(maps.All(again.Job.Counters)); got["objects"] != 0 {
		t.Errorf("not all objects have the new mapping: %v", got)
	}
}

// TestOldReplaysAreForgotten: after 30 days nothing is kept for a roll-back.
func TestOldReplaysAreForgotten(t *testing.T) {
	n := on(t, ingesttest.Memory)
	n.fill(200)
	size := n.size()
	n.PutType("d", "Member", retargeted)
	id := n.start(false, 0).Job.JobId
	n.ended(id)
	seen, kept := n.portrait(), n.size()
	if kept < size*5/4 {
		t.Errorf("%d bytes after the replay, %d before: what there was is not kept", kept, size)
	}
	n.Clock.Step(31 * 24 * time.Hour)
	if err := n.replays.Sweep(n.Ctx()); err != nil {
		t.Fatal(err)
	}
	_, err := n.rollBack(id)
	n.IsFault(err, fault.Invalid, "30 days")
	stop := n.run()
	n.await("cleaning up", func() bool { return n.size() < kept*7/8 })
	stop()
	if diff := cmp.Diff(seen, n.portrait()); diff != "" {
		t.Errorf("cleaned up: %s", diff)
	}
}

// size is that of the values of profiles.
func (n *node) size() (bytes int) {
	for k, v := range n.stored() {
		if k != "totals" {
			bytes += len(v)
		}
	}
	return bytes
}

// TestInvariant4WhatADryRunKeeps is sealed, and goes with the profile that it is
// of.
func TestInvariant4WhatADryRunKeeps(t *testing.T) {
	n := on(t, ingesttest.Memory)
	n.fill(300)
	n.PutType("d", "Member", rerouted)
	n.start(true, 100)
	n = n.killedAfter(4)
	if n.ofDryRuns() < 100 {
		t.Fatalf("%d records of the dry run", n.ofDryRuns())
	}
	for _, rec := range ingesttest.Dump(t, n.Store) {
		for _, text := range []string{"@x.org", "Ann ", "houseNo"} {
			if bytes.Contains(rec.Value, []byte(text)) || bytes.Contains(rec.Key.Sort, []byte(text)) {
				t.Fatalf("%q is readable in %q/%q", text, rec.Key.Partition, rec.Key.Sort)
			}
		}
	}
	of := func(id profile.ID) (count int) {
		for _, rec := range ingesttest.Dump(t, n.Store) {
			if d := n.ID("d"); bytes.HasPrefix(rec.Key.Partition, d.Partition('r')) && bytes.HasSuffix(rec.Key.Partition, id[:]) {
				count++
			}
		}
		return count
	}
	gone := 0
	for _, id := range n.visible()[:20] {
		if of(id) == 0 {
			continue
		}
		gone++
		if _, err := n.Profiles.DeleteProfile(n.Ctx(), &profileapi.DeleteProfileRequest{DomainName: "d", ProfileId: id.String()}); err != nil {
			t.Fatal(err)
		}
		if left := of(id); left != 0 {
			t.Errorf("%d records of a dry run are left of a profile that is gone", left)
		}
	}
	if gone == 0 {
		t.Error("the dry run has passed none of the profiles")
	}
}

// TestKeysThatChange: what dry runs keep is not sealed anew but removed, and a
// replay goes on.
func TestKeysThatChange(t *testing.T) {
	n := on(t, ingesttest.Memory)
	rekey.New(rekey.Config{Domains: n.Domain, Jobs: n.jobs, Log: slog.New(slog.DiscardHandler)})
	n.fill(100)
	n.PutType("d", "Member", rerouted)
	id := n.start(true, 100).Job.JobId
	if got := n.ended(id); len(got.Examples) == 0 {
		t.Fatal("no examples")
	}
	key := "arn:aws:kms:eu-central-1:111122223333:key/a"
	if _, err := n.Domain.UpdateDomain(n.Ctx(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: &key}); err != nil {
		t.Fatal(err)
	}
	stop := n.run()
	n.await("resealing", func() bool {
		c, err := n.Domains.Config(n.Ctx(), "d")
		if err != nil {
			t.Fatal(err)
		}
		_, pending := c.Resealing()
		return !pending
	})
	stop()
	if got := n.get(id); len(got.Examples) != 0 || got.Job.Counters["objects"] != 100 {
		t.Errorf("after the change of keys: %d examples, %v", len(got.Examples), got.Job.Counters)
	}
	n.ended(n.start(false, 0).Job.JobId)
}

// TestADryRunWhileOthersWrite comes to its end, whatever is changed under it.
func TestADryRunWhileOthersWrite(t *testing.T) {
	n := on(t, ingesttest.Memory)
	n.fill(300)
	n.PutType("d", "Member", rerouted)
	id := n.start(true, 5).Job.JobId
	n = n.killedAfter(4)
	for i := range 300 {
		if i%2 == 0 {
			n.Put("d", "Member", fmt.Sprintf(`{"no":"M%d","mail":"m%d@x.org","first":"Again","house":"h%d"}`, i, i, i/4))
		}
	}
	for i, p := range n.visible() {
		if i%7 == 0 {
			if _, err := n.Profiles.DeleteProfile(n.Ctx(), &profileapi.DeleteProfileRequest{DomainName: "d", ProfileId: p.String()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Of one profile that is not passed yet, what was laid over it does not fit.
	run, err := job.ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	var last store.Key
	for _, rec := range ingesttest.Dump(t, n.Store) {
		if bytes.HasPrefix(rec.Key.Partition, profile.Partitions(n.ID("d"))) && bytes.HasPrefix(rec.Key.Sort, []byte("oMember")) && bytes.Compare(rec.Key.Partition, last.Partition) > 0 {
			last = rec.Key
		}
	}
	err = n.Store.Update(n.Ctx(), func(tx store.Tx) error {
		tx.Put(store.Key{Partition: profile.Shadow(n.ID("d"), run, last.Partition), Sort: append([]byte{'w'}, last.Sort...)}, []byte{0})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	before := n.stored()
	r := n.ended(id)
	if diff := cmp.Diff(before, n.stored()); diff != "" {
		t.Errorf("the dry run has changed something: %s", diff)
	}
	if r.Job.Counters["profilesSkipped"] == 0 || r.Job.Counters["replaced"] < 128 {
		t.Errorf("counted: %v", r.Job.Counters)
	}
}
