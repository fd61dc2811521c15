package wire_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"kindred/internal/api/profileapi"
	"kindred/internal/wire"
)

// object is a record of about 1 kB, as applications send them.
func object() string {
	fields := map[string]any{"id": "c-1029384756", "email": "jane.doe@example.com", "phone": "+1 (206) 555-0100"}
	for i := range 17 {
		fields[fmt.Sprintf("attribute%02d", i)] = strings.Repeat("value ", 5)
	}
	b, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func request(method, path string, body any) *wire.Request {
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return &wire.Request{Method: method, Path: path, Body: b, Header: http.Header{"Content-Type": {"application/json"}}}
}

func benchmarkDecode(b *testing.B, req *wire.Request) {
	r := wire.NewRouter(profileapi.Service())
	b.ReportAllocs()
	b.SetBytes(int64(len(req.Body)))
	for b.Loop() {
		c, err := r.Route("profile", req)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Decode(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodePutProfileObject(b *testing.B) {
	benchmarkDecode(b, request("PUT", "/domains/contact-centre/profiles/objects",
		map[string]string{"ObjectTypeName": "CRM-Contact", "Object": object()}))
}

func BenchmarkDecodeBatchGetProfile(b *testing.B) {
	benchmarkDecode(b, request("POST", "/domains/contact-centre/batch-get-profiles",
		map[string]any{"ProfileIds": []string{"0123456789abcdef0123456789abcdef"}}))
}

// fullProfile has about 30 fields.
func fullProfile() *profileapi.Profile {
	p := new(profileapi.Profile)
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Type() == reflect.TypeFor[*string]() {
			text := "value of " + v.Type().Field(i).Name
			f.Set(reflect.ValueOf(&text))
		}
	}
	city := "Seattle"
	p.Address = &profileapi.Address{City: &city, Country: &city, PostalCode: &city}
	p.Attributes = map[string]string{"tier": "gold", "since": "2011", "language": "en"}
	return p
}

func BenchmarkEncodeProfile(b *testing.B) {
	r := wire.NewRouter(profileapi.Service())
	c, err := r.Route("profile", request("POST", "/domains/d/batch-get-profiles", nil))
	if err != nil {
		b.Fatal(err)
	}
	out := &profileapi.BatchGetProfileResponse{Profiles: []profileapi.Profile{*fullProfile()}}
	var a wire.Answer
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Encode(&a, out, ""); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(a.Body)))
}
