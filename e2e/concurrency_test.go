package e2e_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/smithy-go"
)

// desk is a few profiles that many agents and applications change at once.
type desk struct {
	c    *client
	ids  []string
	next atomic.Int64
}

// open makes a profile with the account number by which records find it.
func (d *desk) open() (id, account string, err error) {
	account = fmt.Sprint("A-", d.next.Add(1)-1)
	out, err := d.c.profiles.CreateProfile(d.c.t.Context(), &customerprofiles.CreateProfileInput{DomainName: aws.String("shop"), AccountNumber: &account})
	if err != nil {
		return "", "", err
	}
	_, err = d.c.profiles.AddProfileKey(d.c.t.Context(), &customerprofiles.AddProfileKeyInput{DomainName: aws.String("shop"), ProfileId: out.ProfileId, KeyName: aws.String("shopAccountId"), Values: []string{account}})
	return *out.ProfileId, account, err
}

// act does one thing. What it meets may be gone by then.
func (d *desk) act(r *rand.Rand, orders int) error {
	ctx, n, o := d.c.t.Context(), r.IntN(len(d.ids)), r.IntN(orders)
	id := d.ids[n]
	switch r.IntN(10) {
	default: // the record may be on another profile now, and moves
		_, err := d.c.tryPut("shop", "ShopOrder", fields{"no": fmt.Sprint("O-", o), "account": fmt.Sprint("A-", n), "total": r.IntN(100)})
		return err
	case 0, 1:
		out, err := d.c.profiles.ListProfileObjects(ctx, &customerprofiles.ListProfileObjectsInput{DomainName: aws.String("shop"), ProfileId: &id, ObjectTypeName: aws.String("ShopOrder")})
		if err != nil || len(out.Items) == 0 {
			return err
		}
		_, err = d.c.profiles.DeleteProfileObject(ctx, &customerprofiles.DeleteProfileObjectInput{DomainName: aws.String("shop"), ProfileId: &id, ObjectTypeName: aws.String("ShopOrder"),
			ProfileObjectUniqueKey: out.Items[r.IntN(len(out.Items))].ProfileObjectUniqueKey})
		return err
	case 2:
		_, err := d.c.profiles.UpdateProfile(ctx, &customerprofiles.UpdateProfileInput{DomainName: aws.String("shop"), ProfileId: &id, FirstName: aws.String(fmt.Sprint("F", o)), AdditionalInformation: aws.String("")})
		return err
	case 3: // a profile that comes, takes a record and goes with it
		id, account, err := d.open()
		if err != nil {
			return err
		}
		_, err = d.c.tryPut("shop", "ShopOrder", fields{"no": fmt.Sprint("O-", o), "account": account})
		for {
			_, gone := d.c.profiles.DeleteProfile(ctx, &customerprofiles.DeleteProfileInput{DomainName: aws.String("shop"), ProfileId: &id})
			var e smithy.APIError
			if !errors.As(gone, &e) || e.ErrorCode() != "ThrottlingException" {
				return errors.Join(err, gone)
			}
		}
	}
}

func TestManyHandsOnTheSameProfilesLeaveNothingOutOfStep(t *testing.T) {
	t.Parallel()
	const profiles, orders, hands, acts = 6, 40, 16, 60
	s := startServer(t)
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	c.objectType("shop", shopAccount())
	c.objectType("shop", shopOrder())
	d := &desk{c: c}
	for range profiles {
		id, _, err := d.open()
		if err != nil {
			t.Fatal(err)
		}
		d.ids = append(d.ids, id)
	}
	seed := uint64(len(t.Name()))
	t.Logf("seed %d", seed)
	var throttled atomic.Int64
	var wg sync.WaitGroup
	for hand := range hands {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(hand)))
			for range acts {
				switch code, message := refusal(t, d.act(r, orders)); code {
				case "", "ResourceNotFoundException":
				case "ThrottlingException": // a client would try again
					throttled.Add(1)
				default:
					t.Errorf("%s: %s", code, message)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d of %d acts were throttled", throttled.Load(), hands*acts)

	owner := map[string]string{}
	var objects, bytes int64
	for n, id := range d.ids {
		if got := c.one("shop", "_account", fmt.Sprint("A-", n)); *got.ProfileId != id {
			t.Errorf("account %d is found on %s, not %s", n, *got.ProfileId, id)
		}
		list := c.objects("shop", id, "ShopOrder")
		for _, o := range list {
			no := parsed(t, o.Object)["no"].(string)
			if owner[no] != "" {
				t.Errorf("the order %s is on two profiles", no)
			}
			owner[no] = id
			objects++
			bytes += int64(len(*o.Object))
		}
		if composed := c.objects("shop", id, "_order"); len(composed) != len(list) {
			t.Errorf("account %d has %d records of orders and %d orders", n, len(list), len(composed))
		}
	}
	for o := range orders {
		no := fmt.Sprint("O-", o)
		found := c.search("shop", "shopOrderNo", no)
		switch {
		case owner[no] == "" && len(found) != 0:
			t.Errorf("the order %s is on no profile and found on %d", no, len(found))
		case owner[no] != "" && (len(found) != 1 || *found[0].ProfileId != owner[no]):
			t.Errorf("the order %s is found on %d profiles", no, len(found))
		}
	}
	checkStats(t, c.stats("shop"), profiles, objects, bytes)
}
