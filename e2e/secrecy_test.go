package e2e_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Everything that can hold something of a customer is written: profiles, keys,
// objects of types with their own key, standard objects, contacts, messages, dead
// letters on their way and delivered, and requests that are refused. Every other
// test's server is searched too when it ends.
func TestInvariant4NothingOfACustomerIsReadableOnDiskInLogsOrInMetrics(t *testing.T) {
	t.Parallel()
	s := startServer(t, withArgs("--log-level", "debug"))
	c := s.admin
	key, own := c.key(""), c.key("")
	queue := c.deadLetters("letters", "keyed")
	open := c.deadLetters("open-letters", "plain")
	c.domain("keyed", customerprofiles.CreateDomainInput{DefaultEncryptionKey: &key, DeadLetterQueueUrl: &queue})
	c.domain("plain", customerprofiles.CreateDomainInput{DeadLetterQueueUrl: &open})
	for i, d := range []string{"keyed", "plain"} {
		typ := shopAccount()
		typ.EncryptionKey = &own
		c.objectType(d, typ)
		for _, in := range []*customerprofiles.PutProfileObjectTypeInput{registration(), repairTicket(), strict()} {
			c.objectType(d, in)
		}
		for j := range 5 {
			p := s.person()
			in := p.create()
			in.Address = &types.Address{Address1: aws.String(p.name()), City: &p.last}
			in.Attributes = map[string]string{"nickname": p.first, p.last: "x"}
			in.AdditionalInformation = aws.String("knows " + p.name())
			id := c.profile(d, in)
			q := s.person()
			if _, err := c.profiles.AddProfileKey(t.Context(), &customerprofiles.AddProfileKeyInput{DomainName: &d, ProfileId: &id, KeyName: aws.String("_phone"), Values: []string{q.phone}}); err != nil {
				t.Fatal(err)
			}
			c.put(d, "ShopAccount", s.person().account(fmt.Sprint("A-", j), fields{"note": q.name()}))
			c.put(d, "Registration", fields{"serial": fmt.Sprint("SN-", j), "mail": p.email, "model": q.last})
			c.put(d, "RepairTicket", fields{"no": fmt.Sprint("R-", j), "title": q.name() + " is angry", "mail": p.email, "serial": fmt.Sprint("SN-", j)})
			c.put(d, "CTR", s.person().voice(i*10+j, 1_790_000_000_000))
			c.put(d, "Strict", fields{"no": j, "mail": s.person().email, "text": s.person().name()}) // a dead letter
			if _, err := c.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: aws.String("call " + q.phone)}); err != nil {
				t.Fatal(err)
			}
			c.search(d, "_email", s.person().email)
			// What is refused must not show either.
			_, err := c.profiles.UpdateProfile(t.Context(), &customerprofiles.UpdateProfileInput{DomainName: &d, ProfileId: &id, FirstName: aws.String(strings.Repeat(q.first, 50))})
			refused(t, err, "BadRequestException")
			_, err = c.profiles.PutProfileObject(t.Context(), &customerprofiles.PutProfileObjectInput{DomainName: &d, ObjectTypeName: aws.String("Strict"), Object: aws.String(`{"mail":"` + q.email + `",`)})
			refused(t, err, "BadRequestException")
			a := c.send("profile", "POST", "/domains/"+d+"/profiles", `{"FirstName":["`+q.first+`"]}`)
			if a.status != 400 {
				t.Errorf("got %+v", a)
			}
			a = c.send("profile", "GET", "/domains/"+q.first+"/"+q.last, "")
			if a.status != 404 {
				t.Errorf("got %+v", a)
			}
		}
	}
	c.queuePolicy(open, "") // from now on dead letters wait
	c.put("plain", "Strict", fields{"no": "w", "mail": s.person().email})
	s.scanMetrics()
	s.kill()
	s.scan()
	s.start()
	s.restart()
	s.scan()
}

// The search itself finds what it is meant to find.
func TestInvariant4TheSearchForCustomersFindsThem(t *testing.T) {
	s := &server{t: t, dir: t.TempDir()}
	p := s.person()
	for name, text := range map[string]string{
		"plain":    "x" + p.email + "y",
		"case":     strings.ToUpper(p.email),
		"hex":      hex.EncodeToString([]byte("ab" + p.phone)),
		"base64":   base64.StdEncoding.EncodeToString([]byte(`{"n":"` + p.last + `"}`)),
		"base64+1": base64.StdEncoding.EncodeToString([]byte(`{"n": "` + p.last + `"}`)),
		"base64+2": base64.StdEncoding.EncodeToString([]byte(`{"n" : "` + p.last + `"}`)),
		"number":   "tel " + p.digits(),
	} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if s.known.find(data) == nil {
			t.Errorf("%s is not found", name)
		}
	}
	if found := s.known.find([]byte("nothing of anybody, 2065550000")); found != nil {
		t.Errorf("found %q", found)
	}
}
