package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// keyTrouble puts objects until the key is out of use, and takes their dead
// letters until one has the reason.
func (c *client) keyTrouble(queue, domain, reason string) {
	c.t.Helper()
	eventually(c.t, keyWithin, func() error {
		_, err := c.profiles.SearchProfiles(c.t.Context(), &customerprofiles.SearchProfilesInput{DomainName: &domain, KeyName: aws.String("_phone"), Values: []string{"2065550000"}})
		if err == nil {
			return fmt.Errorf("the domain can still be searched")
		}
		return nil
	})
	c.put(domain, "ShopAccount", fields{"id": "T-" + reason[:5]})
	if got, _ := c.letter(queue, domain, "ShopAccount"); got != reason {
		c.t.Errorf("the dead letter says %q, want %q", got, reason)
	}
}

func TestInvariant4AKeyOutOfUseStopsADomainAndItsReturnStartsItAgain(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	allowed := document(noGrants, `{"Effect":"Allow","Principal":{"Service":"profile.amazonaws.com"},"Action":["kms:GenerateDataKey","kms:Decrypt","kms:CreateGrant"],`+
		`"Resource":"*","Condition":{"ArnEquals":{"aws:SourceArn":"`+arn("domains/shop")+`"},"StringEquals":{"aws:SourceAccount":"`+account+`"}}}`)
	key := c.key(allowed)
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key, DeadLetterQueueUrl: &queue})
	c.domain("other", customerprofiles.CreateDomainInput{})
	c.objectType("shop", shopAccount())
	p := s.person()
	c.put("shop", "ShopAccount", p.account("A-1", nil))
	id := *c.one("shop", "_email", p.email).ProfileId
	works := func() error {
		if _, err := c.tryPut("shop", "ShopAccount", p.account("A-1", fields{"points": 5})); err != nil {
			return err
		}
		out, err := c.profiles.SearchProfiles(t.Context(), &customerprofiles.SearchProfilesInput{DomainName: aws.String("shop"), KeyName: aws.String("shopPoints"), Values: []string{"5"}})
		if err != nil {
			return err
		}
		if len(out.Items) != 1 || *out.Items[0].ProfileId != id {
			return fmt.Errorf("the profile is not found")
		}
		return nil
	}
	refusals := func() {
		t.Helper()
		for name, call := range map[string]func() error{
			"create": func() error {
				_, err := c.profiles.CreateProfile(t.Context(), &customerprofiles.CreateProfileInput{DomainName: aws.String("shop"), FirstName: &p.first})
				return err
			},
			"update": func() error {
				_, err := c.profiles.UpdateProfile(t.Context(), &customerprofiles.UpdateProfileInput{DomainName: aws.String("shop"), ProfileId: &id, FirstName: &p.first})
				return err
			},
			"get": func() error {
				_, err := c.profiles.BatchGetProfile(t.Context(), &customerprofiles.BatchGetProfileInput{DomainName: aws.String("shop"), ProfileIds: []string{id}})
				return err
			},
			"list objects": func() error {
				_, err := c.profiles.ListProfileObjects(t.Context(), &customerprofiles.ListProfileObjectsInput{DomainName: aws.String("shop"), ProfileId: &id, ObjectTypeName: aws.String("ShopAccount")})
				return err
			},
			"add key": func() error {
				_, err := c.profiles.AddProfileKey(t.Context(), &customerprofiles.AddProfileKeyInput{DomainName: aws.String("shop"), ProfileId: &id, KeyName: aws.String("_phone"), Values: []string{p.phone}})
				return err
			},
		} {
			code, message := refusal(t, call())
			if code != "BadRequestException" && code != "AccessDeniedException" || !strings.Contains(message, key) {
				t.Errorf("%s: %q %q, want a refusal that names the key", name, code, message)
			}
		}
		c.profile("other", p.create()) // has another key
	}
	if _, err := c.keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	c.keyTrouble(queue, "shop", keyStateText)
	refusals()
	s.restart() // nothing that was open before is of help
	refusals()
	if _, err := c.profiles.GetDomain(t.Context(), &customerprofiles.GetDomainInput{DomainName: aws.String("shop")}); err != nil {
		t.Errorf("what is no customer's can still be read: %v", err)
	}
	if _, err := c.keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	eventually(t, keyWithin, works)

	if _, err := c.keys.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: aws.String(document(noGrants))}); err != nil {
		t.Fatal(err)
	}
	c.keyTrouble(queue, "shop", noGrantText)
	refusals()
	if _, err := c.keys.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &key, Policy: &allowed}); err != nil {
		t.Fatal(err)
	}
	eventually(t, keyWithin, works)
}

func TestInvariant4AnObjectTypesOwnKeyGovernsItsObjects(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	queue := c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &queue})
	key := c.key("")
	typ := shopAccount()
	typ.EncryptionKey = &key
	c.objectType("shop", typ)
	c.objectType("shop", shopOrder())
	p := s.person()
	c.put("shop", "ShopAccount", p.account("A-1", nil))
	id := *c.one("shop", "_email", p.email).ProfileId
	if _, err := c.keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	eventually(t, keyWithin, func() error {
		_, err := c.profiles.ListProfileObjects(t.Context(), &customerprofiles.ListProfileObjectsInput{DomainName: aws.String("shop"), ProfileId: &id, ObjectTypeName: aws.String("ShopAccount")})
		if err == nil {
			return fmt.Errorf("the objects of the type can still be listed")
		}
		return nil
	})
	c.put("shop", "ShopAccount", p.account("A-2", nil))
	if reason, _ := c.letter(queue, "shop", "ShopAccount"); reason != keyStateText {
		t.Errorf("the dead letter says %q", reason)
	}
	c.put("shop", "ShopOrder", fields{"no": "O-1", "account": "A-1"})
	if got := c.objects("shop", id, "ShopOrder"); len(got) != 1 {
		t.Errorf("%d objects of a type under the domain's key", len(got))
	}
	if _, err := c.keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	eventually(t, keyWithin, func() error {
		out, err := c.profiles.ListProfileObjects(t.Context(), &customerprofiles.ListProfileObjectsInput{DomainName: aws.String("shop"), ProfileId: &id, ObjectTypeName: aws.String("ShopAccount")})
		if err == nil && len(out.Items) != 1 {
			err = fmt.Errorf("%d objects", len(out.Items))
		}
		return err
	})
	c.drained(queue)
}

// A domain that is given another key reads on what it has and writes under the
// new one.
func TestInvariant4ADomainsKeyCanBeExchanged(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	first, second := c.key(""), c.key("")
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &first})
	c.objectType("shop", shopAccount())
	old, young := s.person(), s.person()
	c.put("shop", "ShopAccount", old.account("A-1", nil))
	exchange := func(key string) {
		t.Helper()
		if _, err := c.profiles.UpdateDomain(t.Context(), &customerprofiles.UpdateDomainInput{DomainName: aws.String("shop"), DefaultEncryptionKey: &key}); err != nil {
			t.Fatal(err)
		}
	}
	exchange(second)
	c.one("shop", "_email", old.email)
	c.put("shop", "ShopAccount", young.account("A-2", nil))
	c.one("shop", "_email", young.email)
	c.put("shop", "ShopAccount", old.account("A-1", fields{"points": 3}))
	c.one("shop", "shopPoints", "3")
	s.crash()
	c.one("shop", "_email", old.email)
	if _, err := c.keys.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &second}); err != nil {
		t.Fatal(err)
	}
	eventually(t, keyWithin, func() error {
		_, err := c.profiles.SearchProfiles(t.Context(), &customerprofiles.SearchProfilesInput{DomainName: aws.String("shop"), KeyName: aws.String("_email"), Values: []string{young.email}})
		if err == nil {
			return fmt.Errorf("the domain can still be searched")
		}
		return nil
	})
	if _, err := c.keys.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &second}); err != nil {
		t.Fatal(err)
	}
	eventually(t, keyWithin, func() error {
		_, err := c.profiles.SearchProfiles(t.Context(), &customerprofiles.SearchProfilesInput{DomainName: aws.String("shop"), KeyName: aws.String("_email"), Values: []string{young.email}})
		return err
	})
	exchange("") // back to the installation's own
	for _, p := range []person{old, young} {
		c.one("shop", "_email", p.email)
	}
	checkStats(t, c.stats("shop"), 2, 2, size(old.account("A-1", fields{"points": 3}))+size(young.account("A-2", nil)))
}

// Rotation makes new material; what was wrapped with the old one still opens.
func TestInvariant4RotationNeedsNoDowntime(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	key := c.key("")
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key})
	p := s.person()
	id := c.profile("shop", p.create())
	for range 3 {
		if _, err := c.keys.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: &key}); err != nil {
			t.Fatal(err)
		}
		c.profile("shop", s.person().create())
		s.restart()
		if got := c.one("shop", "_email", p.email); *got.ProfileId != id {
			t.Errorf("got %s", *got.ProfileId)
		}
	}
}
