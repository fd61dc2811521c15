package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
	"github.com/aws/smithy-go"

	"kindred/internal/profile/lineartest"
	"kindred/kindredclient"
)

// TestCallsAreLinearizableThroughCrashes: a server is killed again and again while
// clients call it at the same time. What they were answered fits one order of their
// calls; a call whose answer was lost took place once or not at all.
func TestCallsAreLinearizableThroughCrashes(t *testing.T) {
	t.Parallel()
	throughCrashes(t, startServer(t, withArgs("--listen", freeAddress(t))))
}

// TestCallsOnThreeNodesAreLinearizable: the same with calls that go to three nodes of
// one database in turn, of which one is killed.
func TestCallsOnThreeNodesAreLinearizable(t *testing.T) {
	t.Parallel()
	n := newNodes(t)
	first := n.with(t, nil, withArgs("--listen", freeAddress(t)))
	throughCrashes(t, first, n.with(t, first), n.with(t, first))
}

// throughCrashes kills the first server again and again while clients call all.
func throughCrashes(t *testing.T, servers ...*server) {
	t.Helper()
	n := newCallers(t, servers...)
	options := lineartest.Options{Seed: uint64(time.Now().UnixNano()), Cells: 60, At: 16}
	killed := make(chan int, 1)
	done := make(chan struct{})
	n.every(300, func() { killed <- 1 })
	go func() {
		defer close(done)
		counts := lineartest.Run(t, n, options)
		t.Logf("seed %d: %+v", options.Seed, counts)
		if counts.Unknown == 0 || counts.Done < 5*counts.Unknown {
			t.Errorf("calls came to %+v: some should have been cut off, most answered", counts)
		}
	}()
	crashes := 0
	for {
		select {
		case <-killed:
			servers[0].crash()
			crashes++
		case <-done:
			if crashes < 2 {
				t.Errorf("the server was killed %d times", crashes)
			}
			return
		}
	}
}

// freeAddress is one on which nothing listens now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// callers call servers of one installation, which calls go to in turn.
type callers struct {
	t       testing.TB
	all     []*nodeClient
	calls   atomic.Int64
	records atomic.Int64
	step    int64
	hook    func()
}

// nodeClient calls one of them, which keeps its address for good.
type nodeClient struct {
	*client
	url string
	own *kindredclient.Client
}

const linearDomain = "linear"

// newCallers makes what the calls need.
func newCallers(t testing.TB, servers ...*server) *callers {
	t.Helper()
	n := &callers{t: t}
	for _, s := range servers {
		c := s.as(fileCredentials(servers[0].credentials()))
		n.all = append(n.all, &nodeClient{c, s.url, c.own()})
	}
	c := n.all[0]
	c.domain(linearDomain, customerprofiles.CreateDomainInput{})
	_, err := c.profiles.PutProfileObjectType(t.Context(), &customerprofiles.PutProfileObjectTypeInput{DomainName: aws.String(linearDomain),
		ObjectTypeName: aws.String("Visit"), Description: aws.String("visits"), AllowProfileCreation: true, SourcePriority: aws.Int32(1),
		Fields: map[string]types.ObjectTypeField{"no": {Source: aws.String("_source.no")}, "account": {Source: aws.String("_source.account")},
			"first": {Source: aws.String("_source.first"), Target: aws.String("_profile.FirstName")}},
		Keys: map[string][]types.ObjectTypeKey{"visit": {{StandardIdentifiers: []types.StandardIdentifier{"UNIQUE"}, FieldNames: []string{"no"}}},
			"account": {{StandardIdentifiers: []types.StandardIdentifier{"PROFILE"}, FieldNames: []string{"account"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// every has f called after each so many calls.
func (n *callers) every(calls int64, f func()) { n.step, n.hook = calls, f }

// next is the node for the next call.
func (n *callers) next() *nodeClient {
	i := n.calls.Add(1)
	if n.step > 0 && i%n.step == 0 {
		n.hook()
	}
	return n.all[i%int64(len(n.all))]
}

// outcome turns an error into what the checker knows: an answer of the service that
// refuses the call, or nothing. Then it waits for the node to be back, or the client
// would use up its calls.
func (n *callers) outcome(c *nodeClient, err error) error {
	if err == nil {
		return nil
	}
	var service smithy.APIError
	var own *kindredclient.Error
	switch {
	case errors.As(err, &service) && service.ErrorFault() == smithy.FaultClient && service.ErrorCode() != "ThrottlingException":
		return fmt.Errorf("%w: %w", lineartest.ErrRefused, err)
	case errors.As(err, &own) && (own.Name == "BadRequestException" || own.Name == "ResourceNotFoundException"):
		return fmt.Errorf("%w: %w", lineartest.ErrRefused, err)
	}
	c.awaitHealth()
	return err
}

// awaitHealth returns when the server says that it is ready, or does not for too long.
func (c *nodeClient) awaitHealth() {
	deadline := time.Now().Add(readyWithin)
	for time.Now().Before(deadline) {
		r, err := http.Get(c.url + "/healthz")
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(10 * time.Millisecond) // another process gives no signal
	}
}

func (n *callers) Create(ctx context.Context, first, key string) (id string, err error) {
	// A node may die meanwhile. A profile too many is no harm as long as no key finds it.
	insist := func(call func(c *nodeClient) error) error {
		var err error
		for range 5 {
			c := n.next()
			if err = n.outcome(c, call(c)); err == nil || errors.Is(err, lineartest.ErrRefused) {
				break
			}
		}
		return err
	}
	err = insist(func(c *nodeClient) error {
		out, err := c.profiles.CreateProfile(ctx, &customerprofiles.CreateProfileInput{DomainName: aws.String(linearDomain), FirstName: &first})
		if err == nil {
			id = *out.ProfileId
		}
		return err
	})
	if err == nil {
		err = insist(func(c *nodeClient) error {
			_, err := c.profiles.AddProfileKey(ctx, &customerprofiles.AddProfileKeyInput{DomainName: aws.String(linearDomain), ProfileId: &id,
				KeyName: aws.String("account"), Values: []string{key}})
			return err
		})
	}
	return id, err
}

func (n *callers) Put(ctx context.Context, key, first string) error {
	c := n.next()
	_, err := c.profiles.PutProfileObject(ctx, &customerprofiles.PutProfileObjectInput{DomainName: aws.String(linearDomain), ObjectTypeName: aws.String("Visit"),
		Object: object(fields{"no": fmt.Sprint(n.records.Add(1)), "account": key, "first": first})})
	return n.outcome(c, err)
}

func (n *callers) Update(ctx context.Context, id, first string) error {
	c := n.next()
	_, err := c.profiles.UpdateProfile(ctx, &customerprofiles.UpdateProfileInput{DomainName: aws.String(linearDomain), ProfileId: &id, FirstName: &first})
	return n.outcome(c, err)
}

func (n *callers) AddKey(ctx context.Context, id, key string) error {
	c := n.next()
	_, err := c.profiles.AddProfileKey(ctx, &customerprofiles.AddProfileKeyInput{DomainName: aws.String(linearDomain), ProfileId: &id,
		KeyName: aws.String("account"), Values: []string{key}})
	return n.outcome(c, err)
}

func (n *callers) Delete(ctx context.Context, id string) error {
	c := n.next()
	_, err := c.profiles.DeleteProfile(ctx, &customerprofiles.DeleteProfileInput{DomainName: aws.String(linearDomain), ProfileId: &id})
	return n.outcome(c, err)
}

func (n *callers) Merge(ctx context.Context, main, other string) error {
	c := n.next()
	_, err := c.profiles.MergeProfiles(ctx, &customerprofiles.MergeProfilesInput{DomainName: aws.String(linearDomain), MainProfileId: &main,
		ProfileIdsToBeMerged: []string{other}})
	return n.outcome(c, err)
}

func (n *callers) Unmerge(ctx context.Context, merge string) error {
	c := n.next()
	_, err := c.own.UnmergeProfiles(ctx, linearDomain, merge)
	return n.outcome(c, err)
}

func (n *callers) Standing(ctx context.Context, id string) (ids []string, err error) {
	c := n.next()
	lineage, err := c.own.GetMergeLineage(ctx, linearDomain, id, 0, "")
	if err != nil {
		return nil, n.outcome(c, err)
	}
	for _, m := range lineage.Merges {
		if m.State == "STANDING" {
			ids = append(ids, m.MergeID)
		}
	}
	return ids, nil
}

func (n *callers) Get(ctx context.Context, id string) (first string, found bool, err error) {
	c := n.next()
	out, err := c.profiles.BatchGetProfile(ctx, &customerprofiles.BatchGetProfileInput{DomainName: aws.String(linearDomain), ProfileIds: []string{id}})
	if err != nil || len(out.Profiles) == 0 {
		return "", false, n.outcome(c, err)
	}
	return *out.Profiles[0].FirstName, true, nil
}

func (n *callers) Search(ctx context.Context, key string) (map[string]string, error) {
	c := n.next()
	out, err := c.profiles.SearchProfiles(ctx, &customerprofiles.SearchProfilesInput{DomainName: aws.String(linearDomain), KeyName: aws.String("account"),
		Values: []string{key}})
	if err != nil {
		return nil, n.outcome(c, err)
	}
	found := map[string]string{}
	for _, p := range out.Items {
		found[*p.ProfileId] = *p.FirstName
	}
	return found, nil
}
