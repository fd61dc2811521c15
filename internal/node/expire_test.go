package node_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/api/profileapi"
	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/store/memstore"
)

// TestANodeRemovesWhatHasExpired: a running node sweeps by itself, and its metrics
// count what went without naming anything.
func TestANodeRemovesWhatHasExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		n, err := node.New(node.Config{Store: st, Root: rootkey.Random(), Region: "us-east-1", Account: account,
			Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx) }()
		if _, err := n.DomainAPI.CreateDomain(ctx, &profileapi.CreateDomainRequest{DomainName: "shop", DefaultExpirationDays: 1}); err != nil {
			t.Fatal(err)
		}
		typ := &profileapi.PutProfileObjectTypeRequest{DomainName: "shop", ObjectTypeName: "Visit", Description: "x", AllowProfileCreation: new(true),
			Fields: map[string]profileapi.ObjectTypeField{"id": {Source: new("_source.id")}},
			Keys:   map[string][]profileapi.ObjectTypeKey{"visitId": {{StandardIdentifiers: []string{"PROFILE", "UNIQUE"}, FieldNames: []string{"id"}}}}}
		if _, err := n.TypesAPI.PutProfileObjectType(ctx, typ); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Ingest.PutProfileObject(ctx, &profileapi.PutProfileObjectRequest{DomainName: "shop", ObjectTypeName: "Visit", Object: `{"id":"V1"}`}); err != nil {
			t.Fatal(err)
		}
		if _, err := n.Profiles.CreateProfile(ctx, &profileapi.CreateProfileRequest{DomainName: "shop"}); err != nil {
			t.Fatal(err)
		}
		profiles := func() int64 {
			d, err := n.DomainAPI.GetDomain(ctx, &profileapi.GetDomainRequest{DomainName: "shop"})
			if err != nil {
				t.Fatal(err)
			}
			return *d.Stats.ProfileCount
		}
		time.Sleep(24*time.Hour - time.Minute)
		if got := profiles(); got != 2 {
			t.Errorf("%d profiles after less than a day", got)
		}
		time.Sleep(time.Hour + 2*time.Minute)
		if got := profiles(); got != 0 {
			t.Errorf("%d profiles after more than a day", got)
		}
		answer := httptest.NewRecorder()
		n.Server.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		for _, want := range []string{`kindred_expired_total{kind="objects"} 1`, `kindred_expired_total{kind="profiles"} 2`} {
			if !strings.Contains(answer.Body.String(), want+"\n") {
				t.Errorf("metrics lack %s", want)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
}
