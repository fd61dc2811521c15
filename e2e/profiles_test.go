package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
)

// profile makes a profile with what a person gives by hand.
func (c *client) profile(domain string, in customerprofiles.CreateProfileInput) (id string) {
	c.t.Helper()
	in.DomainName = &domain
	out, err := c.profiles.CreateProfile(c.t.Context(), &in)
	if err != nil {
		c.t.Fatal(err)
	}
	return *out.ProfileId
}

func (p person) create() customerprofiles.CreateProfileInput {
	return customerprofiles.CreateProfileInput{FirstName: &p.first, LastName: &p.last, PhoneNumber: &p.phone, EmailAddress: &p.email}
}

func TestAnAgentMakesFindsChangesAndDeletesProfiles(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	key := c.key("")
	c.domain("desk", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key})
	p := s.person()
	in := p.create()
	in.MiddleName, in.AccountNumber, in.BirthDate = aws.String("M"), aws.String("ACC-1"), aws.String("1990-05-06")
	in.Address = &types.Address{Address1: aws.String("1 Side Alley"), City: aws.String("Lund"), PostalCode: aws.String("222 22")}
	in.Attributes = map[string]string{"loyal": "yes", "size": "9"}
	in.GenderString, in.PartyTypeString, in.ProfileType = aws.String("other"), aws.String("INDIVIDUAL"), types.ProfileTypeProfile
	id := c.profile("desk", in)
	if len(id) != 32 {
		t.Errorf("the id %q has %d characters, want 32", id, len(id))
	}
	got := c.one("desk", "_fullName", p.first+" M "+p.last)
	if *got.ProfileId != id || *got.AccountNumber != "ACC-1" || *got.BirthDate != "1990-05-06" || *got.Address.City != "Lund" || got.Attributes["size"] != "9" ||
		*got.GenderString != "other" || got.BusinessName != nil || got.ShippingAddress != nil {
		t.Errorf("got %+v", got)
	}
	c.none("desk", "_fullName", p.name())

	t.Run("a change keeps what is absent and removes what is empty", func(t *testing.T) {
		_, err := c.profiles.UpdateProfile(t.Context(), &customerprofiles.UpdateProfileInput{DomainName: aws.String("desk"), ProfileId: &id,
			MiddleName: aws.String(""), BusinessName: aws.String("Heim & Co"), Address: &types.UpdateAddress{City: aws.String(""), Country: aws.String("Sverige")},
			Attributes: map[string]string{"loyal": "", "colour": "blue"}})
		if err != nil {
			t.Fatal(err)
		}
		got := c.one("desk", "_profileId", id)
		if got.MiddleName != nil || *got.BusinessName != "Heim & Co" || *got.FirstName != p.first || got.Address.City != nil || *got.Address.Country != "Sverige" ||
			*got.Address.Address1 != "1 Side Alley" || len(got.Attributes) != 2 || got.Attributes["colour"] != "blue" || got.Attributes["size"] != "9" {
			t.Errorf("got %+v, address %+v", got, got.Address)
		}
		c.one("desk", "_fullName", p.name())
		c.none("desk", "_fullName", p.first+" M "+p.last)
	})
	t.Run("a changed number is found and the old one is not", func(t *testing.T) {
		q := s.person()
		if _, err := c.profiles.UpdateProfile(t.Context(), &customerprofiles.UpdateProfileInput{DomainName: aws.String("desk"), ProfileId: &id, PhoneNumber: &q.phone, MobilePhoneNumber: &p.phone}); err != nil {
			t.Fatal(err)
		}
		c.one("desk", "_phone", q.phone)
		c.one("desk", "_phone", p.phone)
		if _, err := c.profiles.UpdateProfile(t.Context(), &customerprofiles.UpdateProfileInput{DomainName: aws.String("desk"), ProfileId: &id, PhoneNumber: &p.phone, MobilePhoneNumber: aws.String("")}); err != nil {
			t.Fatal(err)
		}
		c.none("desk", "_phone", q.phone)
		c.one("desk", "_phone", p.digits())
	})
	t.Run("values by hand stand against records unless the type has a priority", func(t *testing.T) {
		typ := shopAccount()
		c.objectType("desk", typ)
		c.put("desk", "ShopAccount", fields{"id": "ACC-2", "given": "Machine", "contact": fields{"mail": p.email}})
		if got := c.one("desk", "shopAccountId", "ACC-2"); *got.ProfileId != id || *got.FirstName != p.first || *got.AccountNumber != "ACC-1" {
			t.Errorf("a record has replaced what was given by hand: %+v", got)
		}
		typ.SourcePriority = aws.Int32(1)
		c.objectType("desk", typ)
		c.put("desk", "ShopAccount", fields{"id": "ACC-2", "given": "Machine", "contact": fields{"mail": p.email}})
		if got := c.one("desk", "shopAccountId", "ACC-2"); *got.FirstName != "Machine" || *got.LastName != p.last {
			t.Errorf("a type with a priority has not replaced the value: %+v", got)
		}
	})
	t.Run("keys are added and taken away", func(t *testing.T) {
		q := s.person()
		out, err := c.profiles.AddProfileKey(t.Context(), &customerprofiles.AddProfileKeyInput{DomainName: aws.String("desk"), ProfileId: &id, KeyName: aws.String("_phone"), Values: []string{q.phone}})
		if err != nil || *out.KeyName != "_phone" || !slices.Equal(out.Values, []string{q.phone}) {
			t.Errorf("got %+v, %v", out, err)
		}
		if got := c.one("desk", "_phone", q.digits()); *got.ProfileId != id || aws.ToString(got.PhoneNumber) != p.phone {
			t.Errorf("got %+v", got)
		}
		if _, err := c.profiles.DeleteProfileKey(t.Context(), &customerprofiles.DeleteProfileKeyInput{DomainName: aws.String("desk"), ProfileId: &id, KeyName: aws.String("_phone"), Values: []string{q.digits()}}); err != nil {
			t.Fatal(err)
		}
		c.none("desk", "_phone", q.phone)
		_, err = c.profiles.AddProfileKey(t.Context(), &customerprofiles.AddProfileKeyInput{DomainName: aws.String("desk"), ProfileId: &id, KeyName: aws.String("unheardOf"), Values: []string{"x"}})
		refused(t, err, "BadRequestException", "KeyName")
		_, err = c.profiles.AddProfileKey(t.Context(), &customerprofiles.AddProfileKeyInput{DomainName: aws.String("desk"), ProfileId: aws.String(strings.Repeat("a", 32)), KeyName: aws.String("_phone"), Values: []string{"x1"}})
		refused(t, err, "ResourceNotFoundException")
	})
	t.Run("profiles are read by id, in order, with an error for each that is not there", func(t *testing.T) {
		other := c.profile("desk", s.person().create())
		nobody := strings.Repeat("f", 32)
		out, err := c.profiles.BatchGetProfile(t.Context(), &customerprofiles.BatchGetProfileInput{DomainName: aws.String("desk"), ProfileIds: []string{other, nobody, id}})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Profiles) != 2 || *out.Profiles[0].ProfileId != other || *out.Profiles[1].ProfileId != id || len(out.Errors) != 1 || *out.Errors[0].ProfileId != nobody || *out.Errors[0].Code != "404" {
			t.Errorf("got %+v", out)
		}
	})
	t.Run("a deleted profile leaves nothing to find", func(t *testing.T) {
		if _, err := c.profiles.DeleteProfile(t.Context(), &customerprofiles.DeleteProfileInput{DomainName: aws.String("desk"), ProfileId: &id}); err != nil {
			t.Fatal(err)
		}
		for keyName, value := range map[string]string{"_phone": p.phone, "_email": p.email, "_fullName": p.name(), "_account": "ACC-1", "_profileId": id, "shopAccountId": "ACC-2"} {
			c.none("desk", keyName, value)
		}
		_, err := c.profiles.DeleteProfile(t.Context(), &customerprofiles.DeleteProfileInput{DomainName: aws.String("desk"), ProfileId: &id})
		refused(t, err, "ResourceNotFoundException")
		_, err = c.profiles.UpdateProfile(t.Context(), &customerprofiles.UpdateProfileInput{DomainName: aws.String("desk"), ProfileId: &id, FirstName: aws.String("x")})
		refused(t, err, "ResourceNotFoundException")
		checkStats(t, c.stats("desk"), 1, 0, 0)
	})
}

func TestASearchCombinesKeysAndPages(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("desk", customerprofiles.CreateDomainInput{})
	both, onlyMail := s.person(), s.person()
	idBoth := c.profile("desk", customerprofiles.CreateProfileInput{PhoneNumber: &both.phone, EmailAddress: &both.email})
	idMail := c.profile("desk", customerprofiles.CreateProfileInput{EmailAddress: &onlyMail.email, PersonalEmailAddress: &both.email})
	search := func(op types.LogicalOperator, more ...types.AdditionalSearchKey) []types.Profile {
		t.Helper()
		out, err := c.profiles.SearchProfiles(t.Context(), &customerprofiles.SearchProfilesInput{DomainName: aws.String("desk"), KeyName: aws.String("_phone"),
			Values: []string{both.digits()}, AdditionalSearchKeys: more, LogicalOperator: op})
		if err != nil {
			t.Fatal(err)
		}
		return out.Items
	}
	mail := types.AdditionalSearchKey{KeyName: aws.String("_email"), Values: []string{strings.ToUpper(both.email)}}
	for _, op := range []types.LogicalOperator{"", types.LogicalOperatorOr} {
		got := search(op, mail)
		if len(got) != 2 {
			t.Fatalf("%q finds %d profiles, want 2", op, len(got))
		}
		for _, p := range got {
			by := p.FoundByItems
			switch *p.ProfileId {
			case idBoth:
				if len(by) != 2 {
					t.Errorf("found by %+v, want both keys", by)
				}
			case idMail:
				if len(by) != 1 || *by[0].KeyName != "_email" || !slices.Equal(by[0].Values, mail.Values) {
					t.Errorf("found by %+v, want the e-mail", by)
				}
			}
		}
	}
	if got := search(types.LogicalOperatorAnd, mail); len(got) != 1 || *got[0].ProfileId != idBoth || len(got[0].FoundByItems) != 2 {
		t.Errorf("AND finds %d profiles", len(got))
	}
	if got := search(types.LogicalOperatorAnd, mail, types.AdditionalSearchKey{KeyName: aws.String("_email"), Values: []string{onlyMail.email}}); len(got) != 0 {
		t.Errorf("AND finds %d profiles, want none", len(got))
	}

	const many = 45
	want := map[string]bool{}
	for i := range many {
		want[c.profile("desk", customerprofiles.CreateProfileInput{BusinessEmailAddress: aws.String("front@desk.example"), AccountNumber: aws.String(fmt.Sprint("N", i))})] = true
	}
	in := &customerprofiles.SearchProfilesInput{DomainName: aws.String("desk"), KeyName: aws.String("_email"), Values: []string{"front@desk.example"}}
	var token *string
	sizes := []int{}
	for {
		out, err := c.profiles.SearchProfiles(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(out.Items))
		for _, p := range out.Items {
			if !want[*p.ProfileId] {
				t.Errorf("%s is found twice or should not be", *p.ProfileId)
			}
			delete(want, *p.ProfileId)
		}
		if out.NextToken == nil {
			break
		}
		token, in.NextToken = out.NextToken, out.NextToken
	}
	if len(want) != 0 || !slices.Equal(sizes, []int{20, 20, 5}) {
		t.Errorf("pages of %v, %d profiles missing", sizes, len(want))
	}
	// A token is good for the search it came from and no other.
	for name, change := range map[string]func(*customerprofiles.SearchProfilesInput){
		"other values": func(in *customerprofiles.SearchProfilesInput) { in.Values = []string{"back@desk.example"} },
		"other domain": func(in *customerprofiles.SearchProfilesInput) { in.DomainName = aws.String("desk2") },
		"forged": func(in *customerprofiles.SearchProfilesInput) {
			b := []byte(*token)
			b[len(b)/2] ^= 1
			in.NextToken = aws.String(string(b))
		},
		"invented": func(in *customerprofiles.SearchProfilesInput) { in.NextToken = aws.String("AAAA") },
	} {
		if name == "other domain" {
			c.domain("desk2", customerprofiles.CreateDomainInput{})
		}
		in := &customerprofiles.SearchProfilesInput{DomainName: aws.String("desk"), KeyName: aws.String("_email"), Values: []string{"front@desk.example"}, NextToken: token}
		change(in)
		_, err := c.profiles.SearchProfiles(t.Context(), in)
		if code, message := refusal(t, err); code != "BadRequestException" {
			t.Errorf("token with %s: %s %s", name, code, message)
		}
	}
	_, err := c.profiles.ListDomains(t.Context(), &customerprofiles.ListDomainsInput{NextToken: token})
	refused(t, err, "BadRequestException", "token")
}

func TestTagsAreReadAddedAndRemoved(t *testing.T) {
	t.Parallel()
	c := startServer(t).admin
	c.domain("desk", customerprofiles.CreateDomainInput{Tags: map[string]string{"team": "red"}})
	typ := registration()
	typ.Tags = map[string]string{"source": "web"}
	c.objectType("desk", typ)
	instance := "arn:aws:connect:" + region + ":" + account + ":instance/11111111-2222-3333-4444-555555555555"
	if _, err := c.profiles.PutIntegration(t.Context(), &customerprofiles.PutIntegrationInput{DomainName: aws.String("desk"), Uri: &instance, ObjectTypeName: aws.String("CTR"), Tags: map[string]string{"kind": "voice"}}); err != nil {
		t.Fatal(err)
	}
	for tail, want := range map[string]map[string]string{
		"domains/desk":                           {"team": "red"},
		"domains/desk/object-types/Registration": {"source": "web"},
		"domains/desk/integrations/" + instance:  {"kind": "voice"},
	} {
		resource := arn(tail)
		check := func(want map[string]string) {
			t.Helper()
			out, err := c.profiles.ListTagsForResource(t.Context(), &customerprofiles.ListTagsForResourceInput{ResourceArn: &resource})
			if err != nil {
				t.Fatalf("%s: %v", tail, err)
			}
			if fmt.Sprint(out.Tags) != fmt.Sprint(want) {
				t.Errorf("%s: tags %v, want %v", tail, out.Tags, want)
			}
		}
		check(want)
		if _, err := c.profiles.TagResource(t.Context(), &customerprofiles.TagResourceInput{ResourceArn: &resource, Tags: map[string]string{"a/b": "x y", "n": ""}}); err != nil {
			t.Fatalf("%s: %v", tail, err)
		}
		more := map[string]string{"a/b": "x y", "n": ""}
		for k, v := range want {
			more[k] = v
		}
		check(more)
		if _, err := c.profiles.UntagResource(t.Context(), &customerprofiles.UntagResourceInput{ResourceArn: &resource, TagKeys: []string{"a/b", "n", "never"}}); err != nil {
			t.Fatalf("%s: %v", tail, err)
		}
		check(want)
	}
	got, err := c.profiles.GetDomain(t.Context(), &customerprofiles.GetDomainInput{DomainName: aws.String("desk")})
	if err != nil || got.Tags["team"] != "red" {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = c.profiles.TagResource(t.Context(), &customerprofiles.TagResourceInput{ResourceArn: aws.String(arn("domains/none")), Tags: map[string]string{"a": "b"}})
	refused(t, err, "ResourceNotFoundException")
	_, err = c.profiles.TagResource(t.Context(), &customerprofiles.TagResourceInput{ResourceArn: aws.String(arn("domains/desk")), Tags: map[string]string{"aws:a": "b"}})
	refused(t, err, "BadRequestException", "tags")
	many := map[string]string{}
	for i := range 50 {
		many["k"+word(int64(i))] = "v"
	}
	_, err = c.profiles.TagResource(t.Context(), &customerprofiles.TagResourceInput{ResourceArn: aws.String(arn("domains/desk")), Tags: many})
	refused(t, err, "BadRequestException", "50")
}

func TestInvariant5DomainsShareNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	key := c.key("")
	queue := c.deadLetters("letters", "left")
	c.domain("left", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key, DeadLetterQueueUrl: &queue})
	c.domain("right", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key})
	p := s.person()
	for _, d := range []string{"left", "right"} {
		c.objectType(d, shopAccount())
	}
	left := c.put("left", "ShopAccount", p.account("A-1", nil))
	id := *c.one("left", "shopAccountId", "A-1").ProfileId
	for keyName, value := range map[string]string{"shopAccountId": "A-1", "_email": p.email, "_phone": p.phone, "_fullName": p.name(), "_profileId": id} {
		c.none("right", keyName, value)
	}
	out, err := c.profiles.BatchGetProfile(t.Context(), &customerprofiles.BatchGetProfileInput{DomainName: aws.String("right"), ProfileIds: []string{id}})
	if err != nil || len(out.Profiles) != 0 || len(out.Errors) != 1 {
		t.Errorf("a profile is read in the other domain: %v", err)
	}
	// A profile that another domain has is as unknown as one that nobody has.
	nobody := strings.Repeat("0", 32)
	for name, call := range map[string]func(id string) error{
		"update": func(id string) error {
			_, err := c.profiles.UpdateProfile(t.Context(), &customerprofiles.UpdateProfileInput{DomainName: aws.String("right"), ProfileId: &id, FirstName: aws.String("x")})
			return err
		},
		"delete": func(id string) error {
			_, err := c.profiles.DeleteProfile(t.Context(), &customerprofiles.DeleteProfileInput{DomainName: aws.String("right"), ProfileId: &id})
			return err
		},
		"add key": func(id string) error {
			_, err := c.profiles.AddProfileKey(t.Context(), &customerprofiles.AddProfileKeyInput{DomainName: aws.String("right"), ProfileId: &id, KeyName: aws.String("_phone"), Values: []string{p.phone}})
			return err
		},
		"delete object": func(id string) error {
			_, err := c.profiles.DeleteProfileObject(t.Context(), &customerprofiles.DeleteProfileObjectInput{DomainName: aws.String("right"), ProfileId: &id, ObjectTypeName: aws.String("ShopAccount"), ProfileObjectUniqueKey: &left})
			return err
		},
		"list": func(id string) error {
			_, err := c.profiles.ListProfileObjects(t.Context(), &customerprofiles.ListProfileObjectsInput{DomainName: aws.String("right"), ProfileId: &id, ObjectTypeName: aws.String("ShopAccount")})
			return err
		},
	} {
		code, message := refusal(t, call(id))
		code2, message2 := refusal(t, call(nobody))
		if code != "ResourceNotFoundException" || code != code2 || strings.ReplaceAll(message, id, "") != strings.ReplaceAll(message2, nobody, "") {
			t.Errorf("%s: %s %q for another domain's profile, %s %q for nobody's", name, code, message, code2, message2)
		}
	}
	// The same record in the other domain is another profile, under another
	// handle; and what cannot be ingested there does not end up in this queue.
	if right := c.put("right", "ShopAccount", p.account("A-1", nil)); right == left {
		t.Error("the same record has the same handle in both domains")
	}
	if got := c.one("right", "shopAccountId", "A-1"); *got.ProfileId == id {
		t.Error("both domains have the same profile")
	}
	c.objectType("right", strict())
	_, err = c.tryPut("right", "Strict", fields{"no": "1", "mail": s.person().email})
	refused(t, err, "BadRequestException", "No profile matches")
	// Nor does the deletion of one reach into the other.
	if _, err := c.profiles.DeleteDomain(t.Context(), &customerprofiles.DeleteDomainInput{DomainName: aws.String("right")}); err != nil {
		t.Fatal(err)
	}
	c.one("left", "_email", p.email)
	if got := c.receive(queue, 10); len(got) != 0 {
		t.Errorf("%d dead letters", len(got))
	}
	// A domain made again under the name has nothing of the old one.
	c.domain("right", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key})
	c.none("right", "_email", p.email)
	checkStats(t, c.stats("right"), 0, 0, 0)
	if types := c.types("right"); len(types) != 0 {
		t.Errorf("object types %v", types)
	}
}

func TestDeletingADomainFreesItsNameAndLeavesItsQueueAndKey(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	key, queue := c.key(""), c.deadLetters("letters", "shop")
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key, DeadLetterQueueUrl: &queue})
	c.objectType("shop", shopAccount())
	for i := range 30 {
		p := s.person()
		c.put("shop", "ShopAccount", p.account(fmt.Sprint("A-", i), nil))
	}
	if _, err := c.profiles.DeleteDomain(t.Context(), &customerprofiles.DeleteDomainInput{DomainName: aws.String("shop")}); err != nil {
		t.Fatal(err)
	}
	_, err := c.profiles.GetDomain(t.Context(), &customerprofiles.GetDomainInput{DomainName: aws.String("shop")})
	refused(t, err, "ResourceNotFoundException")
	_, err = c.profiles.DeleteDomain(t.Context(), &customerprofiles.DeleteDomainInput{DomainName: aws.String("shop")})
	refused(t, err, "ResourceNotFoundException")
	_, err = c.tryPut("shop", "ShopAccount", fields{"id": "A-1"})
	refused(t, err, "ResourceNotFoundException")
	if got := c.receive(queue, 1); len(got) != 0 {
		t.Errorf("%d dead letters", len(got))
	}
	c.domain("shop", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key, DeadLetterQueueUrl: &queue})
	checkStats(t, c.stats("shop"), 0, 0, 0)
	s.restart()
	checkStats(t, c.stats("shop"), 0, 0, 0)
}

// Profiles count once for the first hundred objects and once more for each
// further hundred.
func TestStatsCountProfilesObjectsAndBytes(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	c.domain("shop", customerprofiles.CreateDomainInput{})
	c.objectType("shop", shopOrder())
	c.objectType("shop", shopAccount())
	account := fields{"id": "A-1"}
	c.put("shop", "ShopAccount", account)
	total := size(account)
	for i := range 10 {
		var items []types.BatchPutProfileObjectRequestItem
		for j := range 10 {
			body := fields{"no": fmt.Sprintf("O-%d-%d", i, j), "account": "A-1"}
			total += size(body)
			items = append(items, types.BatchPutProfileObjectRequestItem{Id: aws.String(fmt.Sprint("n", j)), Object: object(body)})
		}
		out, err := c.profiles.BatchPutProfileObject(t.Context(), &customerprofiles.BatchPutProfileObjectInput{DomainName: aws.String("shop"), ObjectTypeName: aws.String("ShopOrder"), Items: items})
		if err != nil || len(out.Failed) != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	c.profile("shop", customerprofiles.CreateProfileInput{FirstName: aws.String("No")})
	got := c.stats("shop")
	checkStats(t, got, 2, 101, total)
	if got.MeteringProfileCount != 3 {
		t.Errorf("%d metered profiles, want 3", got.MeteringProfileCount)
	}
	id := *c.one("shop", "shopAccountId", "A-1").ProfileId
	list := c.objects("shop", id, "ShopOrder")
	if len(list) != 100 {
		t.Errorf("%d objects listed", len(list))
	}
	seen := map[string]bool{}
	for _, o := range list {
		seen[*o.ProfileObjectUniqueKey] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d handles, want 100", len(seen))
	}
	if _, err := c.profiles.DeleteProfile(t.Context(), &customerprofiles.DeleteProfileInput{DomainName: aws.String("shop"), ProfileId: &id}); err != nil {
		t.Fatal(err)
	}
	checkStats(t, c.stats("shop"), 1, 0, 0)
}
