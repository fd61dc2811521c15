package bench

import (
	"context"
	"testing"
	"time"

	"kindred/internal/access"
	"kindred/internal/api/kindredapi"
	"kindred/internal/job"
	"kindred/internal/policy"
)

// BenchmarkReplay is the replay of the objects of BenchmarkCore under a mapping
// with two targets exchanged, until its job has ended: read, parse, map, fold,
// seal, with what there was kept for a roll-back.
func BenchmarkReplay(b *testing.B) {
	n := world(b)
	ctx := everything(b)
	list := records(0, b.N)
	for at := 0; at < len(list); at += 100 {
		some := list[at:min(at+100, len(list))]
		if _, err := n.Ingest.Put(ctx, "bench", "Member", some); err != nil {
			b.Fatal(err)
		}
	}
	in := objectType("bench")
	first, last := in.Fields["f01"], in.Fields["f02"]
	first.Target, last.Target = last.Target, first.Target
	in.Fields["f01"], in.Fields["f02"] = first, last
	if _, err := n.TypesAPI.PutProfileObjectType(ctx, in); err != nil {
		b.Fatal(err)
	}
	within, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Jobs.Run(within) }()
	c, err := n.DomainAPI.Config(ctx, "bench")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	used := processorTime()
	b.ResetTimer()
	r, err := n.Replays.ReplayObjectType(ctx, &kindredapi.ReplayObjectTypeRequest{DomainName: "bench", ObjectTypeName: "Member"})
	if err != nil {
		b.Fatal(err)
	}
	id, err := job.ParseID(r.Job.JobId)
	if err != nil {
		b.Fatal(err)
	}
	for {
		j, err := n.Jobs.Get(ctx, c.ID, id)
		if err != nil {
			b.Fatal(err)
		}
		if j.State.Ended() {
			if j.State != job.Succeeded || j.Counters["replaced"] != int64(b.N) {
				b.Fatalf("the job is %s: %v", j.State, j.Counters)
			}
			break
		}
		time.Sleep(time.Millisecond) // far below what a replay takes
	}
	report(b, used, "objects/s")
	stop()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// everything is a context whose caller may do everything.
func everything(b *testing.B) context.Context {
	b.Helper()
	all, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`), policy.Options{Kind: policy.Identity})
	if err != nil {
		b.Fatal(err)
	}
	return access.WithCaller(context.Background(), &access.Caller{Type: access.User, Account: "000000000000",
		ARN: "arn:aws:iam::000000000000:user/bench", Policies: []*policy.Policy{all}})
}
