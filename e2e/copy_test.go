package e2e_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/jackc/pgx/v5"

	"kindred/internal/store/pgstore/pgtest"
)

// TestEverythingMovesToPostgresAndBack: the data of a server are copied to a database;
// the copy is killed on its way, nobody can serve from its half, and run again it goes on
// where it was. A node on the database is the server of before, with its keys, users and
// queues. Copied back into a directory, with what came in meanwhile, it is again.
func TestEverythingMovesToPostgresAndBack(t *testing.T) {
	t.Parallel()
	pg := pgtest.New(t)
	database := pg.URL(pg.Database(t))
	s := startServer(t, withEnv("KINDRED_STORE=")) // embedded, whatever the tests are run on
	s.known.add("load.example", "Loadmann")
	s.admin.shops("shop")
	queue := s.admin.queue("orders")
	if _, err := s.admin.queues.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &queue, MessageBody: &queue}); err != nil {
		t.Fatal(err)
	}
	s.stop()
	f := newShelf(t, 12_000)
	p := f.load(s, "shop", "--direct", "--data-dir", s.dir)
	f.run(p)
	f.finish(p)
	s.start()
	before := s.admin.portrait("shop")
	stats := *s.admin.stats("shop")
	if _, err := s.kindred("", "copy", "--from", s.dir, "--to", database); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("from a server that runs: %v", err)
	}
	s.stop()

	args := []string{"copy", "--from", s.dir, "--to", database}
	first := newProcess(s.environment(), args...)
	f.run(first)
	if !under(first, func() bool { return strings.Contains(copyState(t, database), `"sort"`) }) || !first.killed() {
		t.Fatalf("the copy had ended before it could be killed: %s %s", first.stdout, first.stderr)
	}
	serving := newProcess([]string{"KINDRED_STORE=" + database, "KINDRED_ROOT_KEY_FILE=" + filepath.Join(s.dir, "root.key")},
		"serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir())
	f.run(serving)
	<-serving.exited
	if serving.err == nil || !strings.Contains(serving.stderr.String(), "copy that was not finished") {
		t.Errorf("a server on half a copy: %v %s", serving.err, serving.stderr)
	}
	if _, err := s.kindred("", "copy", "--from", filepath.Dir(s.dir), "--to", database); err == nil {
		t.Error("a directory that is none of a server was copied")
	}
	out := s.mustKindred("", args...)
	if !strings.Contains(out, "the last part of it now and compared\nSHA-256 of both ") {
		t.Errorf("the second run says %s", out)
	}
	if _, err := s.kindred("", args...); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("over data: %v", err)
	}
	s.mustKindred("", "verify", "--store", database, "--root-key-file", filepath.Join(s.dir, "root.key"))

	n := &nodes{pg: pg, url: database, root: filepath.Join(s.dir, "root.key")}
	node := n.with(t, s)
	node.known.add("load.example", "Loadmann")
	if got := *node.admin.stats("shop"); got != stats {
		t.Errorf("stats are %+v, were %+v", got, stats)
	}
	if !maps.Equal(node.admin.portrait("shop"), before) {
		t.Error("the profiles are not those that were copied")
	}
	node.admin.put("shop", "ShopAccount", fields{"id": "L-new", "points": 7, "contact": fields{"mail": "new@load.example"}, "updated": "2026-02-01T00:00:00Z"})
	queue = strings.Replace(queue, s.url, node.url, 1)
	if len(node.admin.receive(queue, 1)) != 1 {
		t.Error("the message is not in the queue")
	}
	after := node.admin.portrait("shop")
	node.stop()

	back := filepath.Join(t.TempDir(), "data")
	s.mustKindred("", "copy", "--from", database, "--to", back)
	for _, file := range []string{"root.key", "credentials"} {
		text, err := os.ReadFile(filepath.Join(s.dir, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(back, file), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s.mustKindred("", "verify", "--data-dir", back)
	again := startServer(t, withEnv("KINDRED_STORE="), func(r *server) { r.dir = back })
	again.known.add("load.example", "Loadmann")
	if !maps.Equal(again.admin.portrait("shop"), after) {
		t.Error("the profiles are not those that were copied back")
	}
}

// copyState is what a copy into a database has noted of how far it is.
func copyState(t *testing.T, url string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var value []byte
	err = conn.QueryRow(t.Context(), `SELECT value FROM kindred_record WHERE part = $1`, []byte("\xffcopy")).Scan(&value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) && !strings.Contains(err.Error(), "does not exist") {
		t.Fatal(err)
	}
	return string(bytes.Clone(value))
}
