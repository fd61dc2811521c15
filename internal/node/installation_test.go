package node_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"kindred/internal/node"
	"kindred/internal/rootkey"
	"kindred/internal/store/memstore"
)

func TestAStoreKnowsItsRootKey(t *testing.T) {
	st, first := memstore.New(), rootkey.Random()
	defer st.Close()
	with := func(k *rootkey.Key) error {
		t.Helper()
		n, err := node.New(node.Config{Store: st, Root: k, Region: "us-east-1", Account: account,
			Endpoint: func() string { return "http://127.0.0.1" }, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return n.BindRootKey(context.Background())
	}
	for range 2 {
		if err := with(first); err != nil {
			t.Fatal(err)
		}
	}
	if err := with(rootkey.Random()); !errors.Is(err, node.ErrRootKey) {
		t.Errorf("another key: %v", err)
	}
	if err := with(first); err != nil {
		t.Errorf("the first key again: %v", err)
	}
}
