package domain_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"kindred/internal/api/profileapi"
	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
)

// customer is what nothing at rest may show: values as they were sent, and the
// forms that an index has of them.
var customer = []string{"Zebulon", "zebulon", "Quattlebaum", "quattlebaum", "zebulon quattlebaum", "zeb.quattlebaum@mail.example", "Zeb.Quattlebaum@Mail.Example",
	"+12065550142", "2065550142", "(206) 555-0142", "ACCOUNT-77-4411", "Hvitfeldtsgatan", "SERIAL-9931-XQ", "Aquaphone 3000", "card-ends-8821", "marmalade-tier", "LETTER-BODY-5512"}

// encodings are the forms in which a value could lie somewhere.
func encodings(s string) map[string][]byte {
	wide := func(order binary.AppendByteOrder) []byte {
		var b []byte
		for _, u := range utf16.Encode([]rune(s)) {
			b = order.AppendUint16(b, u)
		}
		return b
	}
	sum := sha256.Sum256([]byte(s))
	all := map[string][]byte{"as it is": []byte(s), "hex": []byte(hex.EncodeToString([]byte(s))), "HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(s)))),
		"URL": []byte(url.QueryEscape(s)), "UTF-16LE": wide(binary.LittleEndian), "UTF-16BE": wide(binary.BigEndian),
		"base32": []byte(strings.TrimRight(base32.StdEncoding.EncodeToString([]byte(s)), "=")),
		"digest": sum[:], "half a digest": sum[:16], "digest in hex": []byte(hex.EncodeToString(sum[:]))}
	for shift := range 3 { // base64 of the text at each offset, without the characters that depend on its neighbours
		padded := append(bytes.Repeat([]byte{'x'}, shift), s...)
		for name, e := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "base64url": base64.URLEncoding} {
			text := strings.TrimRight(e.EncodeToString(padded), "=")
			all[name+string(rune('0'+shift))] = []byte(text[(shift*4+2)/3+1 : len(text)-1])
		}
	}
	reversed := []byte(s)
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	all["reversed"] = reversed
	return all
}

func shows(t *testing.T, where string, b []byte) {
	t.Helper()
	for _, value := range customer {
		for form, text := range encodings(value) {
			if len(text) >= 6 && bytes.Contains(b, text) {
				t.Errorf("%s shows %q (%s)", where, value, form)
			}
		}
	}
}

// live leads a customer through everything that writes.
func live(t *testing.T, w *ingesttest.World) {
	t.Helper()
	ctx := context.Background()
	queue := "http://localhost/111122223333/letters"
	w.Queues.Down(queue, ingesttest.ErrDown)
	w.NewDomain("d", under(keyA), func(in *profileapi.CreateDomainRequest) { in.DeadLetterQueueUrl = &queue })
	w.PutType("d", "Crm", ingesttest.Type{Create: true, Format: "EpochMilli", Key: keyT, Fields: map[string]string{"id": "id>_profile.AccountNumber", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS",
		"tel": "tel>_profile.PhoneNumber|PHONE_NUMBER", "first": "first>_profile.FirstName|NAME", "last": "last>_profile.LastName|NAME", "street": "street>_profile.Address.Address1",
		"whole": "{{_source.first}} {{_source.last}}|NAME", "tier": "tier>_profile.Attributes.tier", "upd": "upd>_profile.SourceLastUpdatedTimestamp"},
		Keys: map[string]string{"crmId": "PROFILE,UNIQUE:id", "_email": "PROFILE,SECONDARY:mail", "_phone": ":tel", "_fullName": ":whole"}})
	w.PutType("d", "Registration", ingesttest.Type{Create: true, Fields: map[string]string{"mail": "mail|EMAIL_ADDRESS", "serial": "serial>_asset.SerialNumber", "name": "name>_asset.AssetName"},
		Keys: map[string]string{"deviceSerial": "ASSET,UNIQUE:serial", "_email": "PROFILE:mail"}})
	w.PutType("d", "Strict", ingesttest.Type{Fields: map[string]string{"id": "id", "note": "note"}, Keys: map[string]string{"strictId": "PROFILE,UNIQUE:id"}})
	p := w.Put("d", "Crm", `{"id":"ACCOUNT-77-4411","mail":"Zeb.Quattlebaum@Mail.Example","tel":"(206) 555-0142","first":"Zebulon","last":"Quattlebaum","street":"Hvitfeldtsgatan 3","tier":"marmalade-tier","upd":1700000000000,"rest":"card-ends-8821"}`)
	w.Put("d", "Registration", `{"mail":"zeb.quattlebaum@mail.example","serial":"SERIAL-9931-XQ","name":"Aquaphone 3000"}`)
	w.Edit("d", p, `{"FirstName":"Zebulon","MobilePhoneNumber":"+12065550142","Attributes":{"card":"card-ends-8821"}}`)
	if _, err := w.Profiles.AddProfileKey(ctx, &profileapi.AddProfileKeyRequest{DomainName: "d", ProfileId: p.String(), KeyName: "_email", Values: []string{"zeb.quattlebaum@mail.example"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.TryPut("d", "Strict", `{"id":"Zebulon","note":"LETTER-BODY-5512"}`); err != nil {
		t.Fatal(err) // it lies in the outbox
	}
	other := keyB
	if _, err := w.Domain.UpdateDomain(ctx, &profileapi.UpdateDomainRequest{DomainName: "d", DefaultEncryptionKey: &other}); err != nil {
		t.Fatal(err)
	}
	w.Put("d", "Crm", `{"id":"ACCOUNT-77-4411","mail":"Zeb.Quattlebaum@Mail.Example","tel":"2065550142","first":"Zebulon"}`)
	w.Finds("d", "_fullName", "zebulon quattlebaum", p)
	w.Finds("d", "_serialNumber", "SERIAL-9931-XQ", p)
}

// TestInvariant4NothingReadableAtRest: no record of the store, neither its key
// nor its value, and no file of the embedded engine shows a customer's values,
// plain, in a common encoding, or as a digest that anybody can compute.
func TestInvariant4NothingReadableAtRest(t *testing.T) {
	// The test is worth something only if it can find.
	found := 0
	for form, text := range encodings("Aquaphone 3000") {
		if bytes.Contains(append(append([]byte("before "), text...), " behind"...), text) && len(text) >= 6 {
			found++
		} else {
			t.Errorf("would not be found: %s", form)
		}
	}
	if found < 15 {
		t.Errorf("%d encodings", found)
	}
	dir := t.TempDir()
	var engine *pebblestore.Store
	t.Run("records", func(t *testing.T) {
		w := ingesttest.NewOn(t, func(t testing.TB, now func() time.Time) store.Store {
			s, err := pebblestore.Open(dir, pebblestore.Options{Clock: now, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			engine = s
			return s
		})
		live(t, w)
		if n := len(ingesttest.Dump(t, engine)); n < 20 {
			t.Errorf("only %d records", n)
		}
		for _, rec := range ingesttest.Dump(t, engine) {
			shows(t, "a partition key", rec.Key.Partition)
			shows(t, "a sort key", rec.Key.Sort)
			shows(t, "the value of "+hex.EncodeToString(rec.Key.Sort), rec.Value)
		}
	})
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		shows(t, "the file "+d.Name(), b)
		return nil
	})
	if err != nil || files < 3 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestInvariant5DomainsShareNothing: two domains with the same names, keys and
// values see nothing of each other, and changes of one leave the other's records
// alone, byte for byte.
func TestInvariant5DomainsShareNothing(t *testing.T) {
	w, ctx := ingesttest.New(t), context.Background()
	ids := map[string]profile.ID{}
	unique := map[string]string{}
	for _, d := range []string{"d", "e"} {
		w.NewDomain(d)
		w.PutType(d, "Note", note)
		ids[d] = w.Put(d, "Note", `{"id":"1","mail":"a@x.org"}`)
		w.Edit(d, ids[d], `{"FirstName":"Ann","PhoneNumber":"2065550142"}`)
		var err error
		if unique[d], err = w.TryPut(d, "Note", `{"id":"1","mail":"a@x.org"}`); err != nil {
			t.Fatal(err)
		}
	}
	places := map[string][]byte{} // of the index and of unique keys, by what follows the domain in them
	for _, rec := range ingesttest.Dump(t, w.Store) {
		p := rec.Key.Partition
		if len(p) < 10 || p[9] != 'k' && p[9] != 'u' {
			continue
		}
		if other := places[string(p[9:])]; other != nil && !bytes.Equal(other, p) {
			t.Errorf("both domains have the place %x", p[9:])
		}
		places[string(p[9:])] = p
	}
	if len(places) < 6 {
		t.Errorf("%d places", len(places))
	}
	if unique["d"] == unique["e"] {
		t.Error("the same object has one handle in both domains")
	}
	for a, b := range map[string]string{"d": "e", "e": "d"} {
		w.Finds(a, "_email", "a@x.org", ids[a])
		w.Finds(a, "_phone", "2065550142", ids[a])
		w.Finds(a, "_profileId", ids[b].String())
		if got := w.Get(a, ids[b]); got != nil {
			t.Errorf("%s reads a profile of %s", a, b)
		}
		out, err := w.Profiles.BatchGetProfile(ctx, &profileapi.BatchGetProfileRequest{DomainName: a, ProfileIds: []string{ids[b].String()}})
		none, err2 := w.Profiles.BatchGetProfile(ctx, &profileapi.BatchGetProfileRequest{DomainName: a, ProfileIds: []string{profile.NewID().String()}})
		if err != nil || err2 != nil || out.Errors[0].Code != none.Errors[0].Code ||
			strings.ReplaceAll(out.Errors[0].Message, ids[b].String(), "") != strings.ReplaceAll(none.Errors[0].Message, none.Errors[0].ProfileId, "") {
			t.Errorf("the answer for another domain's profile differs from that for none: %v %v", out, none)
		}
	}
	ours := func(name string) map[string]string {
		cfg, err := w.Domains.Config(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, rec := range ingesttest.Dump(t, w.Store) {
			if bytes.HasPrefix(rec.Key.Partition, cfg.ID.Prefix()) {
				all[string(rec.Key.Partition)+"/"+string(rec.Key.Sort)] = string(rec.Value)
			}
		}
		return all
	}
	before := ours("e")
	w.Put("d", "Note", `{"id":"2","mail":"a@x.org"}`)
	first := "Bea"
	for _, call := range []func() error{
		func() error {
			_, err := w.Profiles.UpdateProfile(ctx, &profileapi.UpdateProfileRequest{DomainName: "d", ProfileId: ids["e"].String(), FirstName: &first})
			return err
		},
		func() error {
			_, err := w.Profiles.DeleteProfile(ctx, &profileapi.DeleteProfileRequest{DomainName: "d", ProfileId: ids["e"].String()})
			return err
		},
		func() error {
			_, err := w.Profiles.DeleteProfileObject(ctx, &profileapi.DeleteProfileObjectRequest{DomainName: "d", ProfileId: ids["d"].String(), ObjectTypeName: "Note", ProfileObjectUniqueKey: unique["e"]})
			return err
		},
	} {
		if call() == nil {
			t.Error("a call in one domain on what is the other's goes well")
		}
	}
	if _, err := w.TypeService.DeleteProfileObjectType(ctx, &profileapi.DeleteProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "Note"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Domain.DeleteDomain(ctx, &profileapi.DeleteDomainRequest{DomainName: "d"}); err != nil {
		t.Fatal(err)
	}
	after := ours("e")
	if len(after) != len(before) {
		t.Errorf("the other domain has %d records, before %d", len(after), len(before))
	}
	for k, v := range before {
		if after[k] != v {
			t.Errorf("record %q of the other domain has changed", k)
		}
	}
	w.Finds("e", "_email", "a@x.org", ids["e"])
}
