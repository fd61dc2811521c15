package deadletter_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/fault"
	"kindred/internal/policy"
)

func TestTwoRedrivesAtOnce(t *testing.T) {
	for _, nodes := range []int{1, 2} {
		t.Run(fmt.Sprintf("%d nodes", nodes), bubble(func(t *testing.T, d *desk) {
			d.putType("Order", true)
			d.putType("Match", false)
			const letters, bad = 120, 5
			for i := range letters {
				d.mail("Order", oldError, body(fmt.Sprint(i), "x"))
			}
			for i := range bad {
				d.mail("Match", oldError, body(fmt.Sprint(letters+i), "x"))
			}
			first, second := d.letters, d.letters
			if nodes == 2 {
				second = d.service()
			}
			var g sync.WaitGroup
			var mu sync.Mutex
			sum := 0
			for i := range 6 {
				g.Go(func() {
					s := first
					if i%2 == 1 {
						s = second
					}
					out, err := s.RedriveDeadLetters(d.root(), &redriveRequest{DomainName: "d", Limit: aws.Int(50)})
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					sum += out.Redriven
				})
			}
			g.Wait()
			for sum < letters { // a pass may have seen nothing while others held all
				n := d.redrive(&redriveRequest{}).Redriven
				if n == 0 {
					break
				}
				sum += n
			}
			if sum != letters {
				t.Errorf("%d letters redriven of %d", sum, letters)
			}
			if n := len(d.queued()); n != bad {
				t.Errorf("%d letters left, want %d", n, bad)
			}
			if p, o := d.stats(); p != letters || o != letters {
				t.Errorf("%d profiles, %d objects", p, o)
			}
		}))
	}
}

func TestACrashLeavesADuplicateAndNeverALoss(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.putType("Match", false)
		d.mail("Order", oldError, body("1", "Ann"))
		d.mail("Match", oldError, body("2", "Bob"))
		crash := errors.New("crash")
		d.queues.remove = func(context.Context) error { return crash }
		// The calls of before and after the crash: one letter was ingested, of
		// the other one there are two.
		for i, want := range []int{2, 3} {
			in := &redriveRequest{DomainName: "d", ObjectTypeName: aws.String([]string{"Order", "Match"}[i])}
			if _, err := d.letters.RedriveDeadLetters(d.root(), in); !errors.Is(err, crash) {
				t.Fatalf("error %v", err)
			}
			if n := len(d.queued()); n != want {
				t.Errorf("%d letters, want %d", n, want)
			}
		}
		if got := d.name("1"); got != "Ann" {
			t.Errorf("the record before its letter: %q", got)
		}
		d.queues.remove = nil
		d.putType("Match", true)
		if out := d.redrive(&redriveRequest{}); out.Redriven != 3 {
			t.Errorf("%+v", out)
		}
		d.wantQueued()
		if p, o := d.stats(); p != 2 || o != 2 || d.name("2") != "Bob" {
			t.Errorf("%d profiles, %d objects, %q", p, o, d.name("2"))
		}
	})(t)
}

// TestALetterThatCannotBeDeleted: the others of the call are, and the answer
// says so.
func TestALetterThatCannotBeDeleted(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.mail("Order", oldError, body("1", "Ann"))
		d.mail("Order", oldError, body("2", "Bob"))
		svc := d.service()
		d.queues.remove = nil
		d.queues.deny = func(e *sqstypes.DeleteMessageBatchRequestEntry) bool { return *e.Id == "0" }
		out, err := svc.RedriveDeadLetters(d.root(), &redriveRequest{DomainName: "d"})
		if err != nil || out.Redriven != 2 || aws.ToString(out.Results[0].Note) == "" || out.Results[1].Note != nil {
			t.Errorf("%+v, %v", out, err)
		}
		time.Sleep(time.Minute)
		d.wantQueued(body("1", "Ann") + " " + oldError)
	})(t)
}

func TestACallerWhoIsGoneLosesNothing(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		for i := range 25 {
			d.mail("Order", oldError, body(fmt.Sprint(i), "x"))
		}
		ctx, cancel := context.WithCancel(d.root())
		tries := 0
		d.try.before = func(context.Context) error {
			if tries++; tries == 2 {
				cancel()
			}
			return nil
		}
		if _, err := d.letters.RedriveDeadLetters(ctx, &redriveRequest{DomainName: "d"}); err == nil {
			t.Error("a caller who is gone gets an answer")
		}
		if n := len(d.queued()); n != 15 {
			t.Errorf("%d letters can be received", n)
		}
		if p, _ := d.stats(); p != 10 {
			t.Errorf("%d profiles", p)
		}
	})(t)
}

func TestADomainThatIsDeletedEndsTheRedrive(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.mail("Order", oldError, body("1", "x"))
		d.try.before = func(context.Context) error {
			_, err := d.DomainAPI.DeleteDomain(d.root(), &profileapi.DeleteDomainRequest{DomainName: "d"})
			return err
		}
		if _, err := d.letters.RedriveDeadLetters(d.root(), &redriveRequest{DomainName: "d"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("error %v", err)
		}
		d.wantQueued(body("1", "x") + " " + oldError)
	})(t)
}

func TestABusyDomainLeavesTheErrorAsItIs(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.mail("Order", oldError, body("1", "x"))
		d.try.before = func(context.Context) error { return fault.New(fault.Busy, "busy") }
		if out := d.redrive(&redriveRequest{}); out.Failed != 1 || *out.Results[0].Message != "busy" {
			t.Errorf("%+v", out)
		}
		d.wantQueued(body("1", "x") + " " + oldError)
		d.try.before = func(context.Context) error { return errors.New("the store is gone") }
		if _, err := d.letters.RedriveDeadLetters(d.root(), &redriveRequest{DomainName: "d"}); !fault.Is(err, fault.Internal) {
			t.Errorf("error %v", err)
		}
		d.wantQueued(body("1", "x") + " " + oldError)
	})(t)
}

func TestTooManyForAProfileAreSpaced(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		if _, err := d.DomainAPI.PutDomainSettings(d.root(), &kindredapi.PutDomainSettingsRequest{DomainName: "d", MaxObjectsPerProfilePerSecond: aws.Int(2)}); err != nil {
			t.Fatal(err)
		}
		d.putType("Order", true)
		for i := range 7 {
			d.mail("Order", "Too many objects ingested on profile per second", body("1", fmt.Sprint(i)))
		}
		began := time.Now()
		if out := d.redrive(&redriveRequest{}); out.Redriven != 7 || out.Failed != 0 {
			t.Errorf("%+v", out)
		}
		if took := time.Since(began); took < 2*time.Second || took > 5*time.Second {
			t.Errorf("took %v", took)
		}
		if got := d.name("1"); got != "6" {
			t.Errorf("the profile is of %q", got)
		}
	})(t)
}

func TestAKeyThatIsStillBroken(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		statement := policy.ServiceStatement("P", "profile.amazonaws.com", []string{"kms:GenerateDataKey", "kms:Decrypt", "kms:CreateGrant"}, "*", domainARN, account)
		text := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:root"},"Action":"kms:*","Resource":"*"},` + statement + `]}`
		key, err := d.kms.CreateKey(d.root(), &kms.CreateKeyInput{Policy: &text})
		if err != nil {
			t.Fatal(err)
		}
		id := key.KeyMetadata.Arn
		if _, err := d.DomainAPI.UpdateDomain(d.root(), &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: id}); err != nil {
			t.Fatal(err)
		}
		d.putType("Order", true)
		d.mail("Order", oldError, body("1", "Ann"))
		if _, err := d.kms.DisableKey(d.root(), &kms.DisableKeyInput{KeyId: id}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		for range 2 {
			if out := d.redrive(&redriveRequest{}); out.Failed != 1 || out.Failures[0].Message != "KMS key is invalid" {
				t.Errorf("%+v", out)
			}
			d.wantQueued(body("1", "Ann") + " KMS key is invalid")
		}
		if _, err := d.kms.EnableKey(d.root(), &kms.EnableKeyInput{KeyId: id}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if out := d.redrive(&redriveRequest{}); out.Redriven != 1 {
			t.Errorf("%+v", out)
		}
		if got := d.name("1"); got != "Ann" {
			t.Errorf("the profile is of %q", got)
		}
	})(t)
}

func TestARedriveThatHasToWaitTooLongSaysSo(t *testing.T) {
	bubble(func(t *testing.T, d *desk) {
		d.putType("Order", true)
		d.mail("Order", oldError, body("1", "x"))
		d.try.before = func(context.Context) error { time.Sleep(35 * time.Second); return nil }
		var g sync.WaitGroup
		g.Go(func() {
			if out := d.redrive(&redriveRequest{}); out.Redriven != 1 {
				t.Errorf("%+v", out)
			}
		})
		synctest.Wait()
		if _, err := d.letters.RedriveDeadLetters(d.root(), &redriveRequest{DomainName: "d"}); !fault.Is(err, fault.Busy) {
			t.Errorf("a redrive that waits: %v", err)
		}
		ctx, cancel := context.WithTimeout(d.root(), time.Second)
		defer cancel()
		if _, err := d.letters.RedriveDeadLetters(ctx, &redriveRequest{DomainName: "d"}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller who is gone while waiting: %v", err)
		}
		g.Wait()
		d.wantQueued()
	})(t)
}
