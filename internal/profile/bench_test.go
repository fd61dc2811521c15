package profile_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
)

// benchType maps twenty fields and three keys.
func benchType() ingesttest.Type {
	d := ingesttest.Type{Create: true, Fields: map[string]string{"id": "id>_profile.AccountNumber", "mail": "mail>_profile.EmailAddress|EMAIL_ADDRESS",
		"tel": "tel>_profile.PhoneNumber|PHONE_NUMBER", "first": "first>_profile.FirstName|NAME", "last": "last>_profile.LastName|NAME"},
		Keys: map[string]string{"benchId": "PROFILE,UNIQUE:id", "_email": "PROFILE,SECONDARY:mail", "_phone": ":tel"}}
	for i := range 15 {
		d.Fields[fmt.Sprint("f", i)] = fmt.Sprintf("f%d>_profile.Attributes.f%d", i, i)
	}
	return d
}

// benchBody is a record of about 1 kB.
func benchBody(id, mail int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":"ID-%d","mail":"someone.%d@example.org","tel":"+1206%07d","first":"Someone","last":"Number %d"`, id, mail, 2000000+id%7000000, id)
	for i := range 15 {
		fmt.Fprintf(&b, `,"f%d":"a value of some length, field number %d"`, i, i)
	}
	b.WriteString("}")
	return b.String()
}

func benchWorld(b *testing.B) *ingesttest.World {
	b.Helper()
	w := ingesttest.New(b)
	w.NewDomain("d")
	w.PutType("d", "Bench", benchType())
	return w
}

// BenchmarkPut is the whole of one record's way in but for the wire and the
// disk: parse, map, find the profile, fold, seal, commit in memory.
func BenchmarkPut(b *testing.B) {
	put := func(b *testing.B, w *ingesttest.World, body string) {
		r, err := w.Ingest.Put(context.Background(), "d", "Bench", []string{body})
		if err != nil || r[0].Err != nil {
			b.Fatal(err, r)
		}
	}
	b.Run("new profile", func(b *testing.B) {
		w := benchWorld(b)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			put(b, w, benchBody(i, i))
			i++
		}
	})
	for _, n := range []int{10, 100} {
		b.Run(fmt.Sprintf("joining a profile of up to %d objects", n), func(b *testing.B) {
			w := benchWorld(b)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				put(b, w, benchBody(i, i/n))
				i++
			}
		})
	}
	b.Run("joining a full profile", func(b *testing.B) {
		w := benchWorld(b)
		i := 0
		next := func() {
			w.Clock.Step(1e7) // below the limit for one profile in a second
			put(b, w, benchBody(i, 0))
			i++
		}
		for range profile.MaxObjects {
			next()
		}
		b.ReportAllocs()
		for b.Loop() {
			next()
		}
	})
	b.Run("the same record again", func(b *testing.B) {
		w := benchWorld(b)
		b.ReportAllocs()
		for b.Loop() {
			w.Clock.Step(1e7) // below the limit for one profile in a second
			put(b, w, benchBody(1, 1))
		}
	})
}
