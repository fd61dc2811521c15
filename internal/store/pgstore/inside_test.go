package pgstore

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"kindred/internal/store/pgstore/pgtest"
)

// testServer is a server for one test.
func testServer(t *testing.T, settings ...string) *pgtest.Server {
	t.Helper()
	return pgtest.New(t, settings...)
}

// testConfig is that of a database whose server need not be durable.
func testConfig(t *testing.T, url string) *Config {
	t.Helper()
	c, err := ParseURL(url + "&kindred_unsafe=on")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// testConn is a connection to an empty database.
func testConn(t *testing.T) *pgx.Conn {
	t.Helper()
	s := pgtest.Shared(t)
	conn, err := pgx.Connect(context.Background(), s.URL(s.Database(t)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
