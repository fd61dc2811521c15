package ingestcmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"kindred/internal/api/kindredapi"
	"kindred/internal/api/profileapi"
	"kindred/internal/bulk"
	"kindred/internal/store"
	"kindred/internal/store/pebblestore"
)

// inputs writes the same three states of 60 customers in all formats, with two
// records that fail.
func inputs(t testing.TB, dir string) (files []string) {
	var lines, array, rows strings.Builder
	array.WriteString("[")
	rows.WriteString("id,name\n")
	for i := range 60 {
		fmt.Fprintf(&lines, "{\"id\":\"%d\",\"name\":\"first\"}\n", i)
		fmt.Fprintf(&array, "{\n\"id\": \"%d\",\n\"name\": \"second\"},", i)
		fmt.Fprintf(&rows, "%d,third\n", i)
	}
	lines.WriteString("{\"name\":\"nobody\"}\n{\"id\":\n")
	array.WriteString(`{"id":"60","name":"second"}]`)
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return []string{write(t, dir, "a.jsonl", lines.String()), write(t, dir, "b.json", array.String()),
		write(t, dir, "c.csv.zst", string(z.EncodeAll([]byte(rows.String()), nil)))}
}

// checkIngested checks the outcome of the inputs.
func checkIngested(t *testing.T, w *world) {
	t.Helper()
	if got, want := strings.Join(w.names(62), " "), strings.Repeat("third ", 60)+"second -"; got != want {
		t.Errorf("profiles %s", got)
	}
	if n := w.objects(); n != 61 {
		t.Errorf("%d objects", n)
	}
}

func checkFailed(t *testing.T, dir, out string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "2 records failed") {
		t.Errorf("got %v", err)
	}
	for _, want := range []string{"181 records ingested, 2 failed\n", "1  The UNIQUE key or PROFILE key does not exist", "1  Object: not a JSON object: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	failed, err := os.ReadFile(filepath.Join(dir, "a.jsonl.failed.jsonl"))
	if err != nil || string(failed) != "{\"name\":\"nobody\"}\n{\"id\":\n" {
		t.Errorf("%v, %q", err, failed)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.jsonl.kindred-checkpoint")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the checkpoint is still there: %v", err)
	}
}

func TestThroughTheAPI(t *testing.T) {
	w, flags := serve(t)
	dir := t.TempDir()
	args := append([]string{"--domain", "d", "--workers", "1"}, inputs(t, dir)...)
	out, err := run(append(append(args, "--object-type", "T"), flags...)...)
	checkFailed(t, dir, out, err)
	checkIngested(t, w)

	// Repaired, the failures go in.
	again := write(t, dir, "again.jsonl", "{\"id\":\"61\",\"name\":\"mended\"}\n")
	if out, err := run(append([]string{"--domain", "d", "--object-type", "T", again}, flags...)...); err != nil || !strings.HasPrefix(out, "1 records ingested, 0 failed\n") {
		t.Errorf("%s, %v", out, err)
	}
	if got := w.names(62)[61]; got != "mended" {
		t.Error(got)
	}
}

func TestSeveralWorkers(t *testing.T) {
	w, flags := serve(t)
	var text strings.Builder
	for i := range 300 {
		fmt.Fprintf(&text, "%d,N%d\n", i, i)
	}
	var out bytes.Buffer
	t.Chdir(t.TempDir())
	args := append([]string{"--domain", "d", "--object-type", "T", "--format", "csv", "-"}, flags...)
	if err := Run(context.Background(), args, strings.NewReader("id,name\n"+text.String()), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for i, name := range w.names(300) {
		if name != fmt.Sprint("N", i) {
			t.Errorf("%d is %s", i, name)
		}
	}
}

// TestARenamedDomain: a load that was cut off goes on under the new name of its
// domain, and not in a new domain of the old name.
func TestARenamedDomain(t *testing.T) {
	w, flags := serve(t)
	const records = 3000
	var text strings.Builder
	for i := range records {
		fmt.Fprintf(&text, "{\"id\":\"%d\",\"name\":\"N\"}\n", i)
	}
	args := append([]string{"--object-type", "T", write(t, t.TempDir(), "a.jsonl", text.String())}, flags...)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, append(args, "--domain", "d"), nil, io.Discard, io.Discard) }()
	for w.objects() < 50 && ctx.Err() == nil {
		runtime.Gosched()
	}
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "goes on from there") {
		t.Fatalf("the load ended with %v", err)
	}
	if _, err := w.DomainAPI.RenameDomain(t.Context(), &kindredapi.RenameDomainRequest{DomainName: "d", NewDomainName: "e"}); err != nil {
		t.Fatal(err)
	}
	if _, err := run(append(args, "--domain", "d")...); err == nil || !strings.Contains(err.Error(), "another domain") && !strings.Contains(err.Error(), "ResourceNotFoundException") {
		t.Errorf("the old name: %v", err)
	}
	w.create()
	if _, err := run(append(args, "--domain", "d")...); err == nil || !strings.Contains(err.Error(), "another domain that had this name") {
		t.Errorf("a new domain of the old name: %v", err)
	}
	out, err := run(append(args, "--domain", "e")...)
	if err != nil || !strings.HasPrefix(out, fmt.Sprint(records, " records ingested, 0 failed")) {
		t.Errorf("the new name: %s, %v", out, err)
	}
	all, err := w.DomainAPI.GetDomain(t.Context(), &profileapi.GetDomainRequest{DomainName: "e"})
	if err != nil || *all.Stats.ObjectCount != records || w.objects() != 0 {
		t.Errorf("%+v, and %d in the new domain of the old name, %v", all.Stats, w.objects(), err)
	}
}

func TestTheCallAsAWholeFails(t *testing.T) {
	_, flags := serve(t)
	file := write(t, t.TempDir(), "a.jsonl", "{\"id\":\"1\"}\n{\"id\":\"2\"}\n")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--domain", "missing", "--object-type", "T"}, "ResourceNotFoundException"},
		{[]string{"--domain", "d", "--object-type", "missing"}, "ResourceNotFoundException"},
		{[]string{"--domain", "d", "--object-type", "T", "--region", "eu-west-1"}, "403"},
	} {
		_, err := run(append(append(c.args, "--checkpoint", "none", file), flags...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.args, err)
		}
	}
	began := time.Now()
	if _, err := run("--domain", "d", "--object-type", "T", "--endpoint", "http://127.0.0.1:1", flags[2], flags[3], file); err == nil || time.Since(began) > 30*time.Second {
		t.Errorf("a server that is not there: %v after %v", err, time.Since(began))
	}
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "a.jsonl", "{}\n")
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"--domain: required", "--object-type: required", "no file"}},
		{[]string{"--domain", "d", "--object-type", "T", "--format", "xml", "--workers", "100", file}, []string{"--format: want", "--workers: want 1 to 64"}},
		{[]string{"--domain", "d", "--object-type", "T", file, "-"}, []string{"standard input cannot be one of several"}},
		{[]string{"--domain", "d", "--object-type", "T", "--checkpoint", "x", "-"}, []string{"--checkpoint: standard input"}},
		{[]string{"--domain", "d", "--object-type", "T", "--direct", "--workers", "2", "--account-id", "1", "--region", "x", "--endpoint", "http://x", file},
			[]string{"--workers: --direct", "--account-id", "--region", "--endpoint and --credentials"}},
		{[]string{"--domain", "d", "--object-type", "T", "--direct", "--data-dir", dir, file}, []string{"not the data of a server"}},
		{[]string{"--domain", "d", "--object-type", "T", "--failed", file, file}, []string{"is one of the files"}},
		{[]string{"--domain", "d", "--object-type", "T", filepath.Join(dir, "none")}, []string{"no such file"}},
		{[]string{"--domain", "d", "--object-type", "T", dir}, []string{"not a regular file"}},
		{[]string{"--nonsense"}, []string{"nonsense"}},
	} {
		_, err := run(c.args...)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v, want %q", c.args, err, want)
			}
		}
	}
	out, err := run("--help")
	if err != nil || !strings.Contains(out, "Use --workers 1 where") || !strings.Contains(out, "-data-dir") {
		t.Errorf("help: %v\n%s", err, out)
	}
}

func TestDirect(t *testing.T) {
	data, dir := dataDir(t), t.TempDir()
	args := append([]string{"--direct", "--data-dir", data, "--domain", "d", "--object-type", "T"}, inputs(t, dir)...)
	out, err := run(args...)
	checkFailed(t, dir, out, err)
	inDir(t, data, func(w *world) { checkIngested(t, w) })
}

func TestDirectIsForStoppedServers(t *testing.T) {
	data := dataDir(t)
	st, err := pebblestore.Open(filepath.Join(data, "store"), pebblestore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	file := write(t, t.TempDir(), "a.jsonl", "{\"id\":\"1\"}\n")
	if _, err := run("--direct", "--data-dir", data, "--domain", "d", "--object-type", "T", file); !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "a server is running") {
		t.Errorf("got %v", err)
	}
}

// TestMain is also the process that TestDirectSurvivesKill kills.
func TestMain(m *testing.M) {
	if args := os.Getenv("INGESTCMD_ARGS"); args != "" {
		if err := Run(context.Background(), strings.Split(args, "\n"), os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestDirectSurvivesKill kills the command with SIGKILL when its checkpoint has
// come some way, starts it again, and compares with a run that was left alone.
func TestDirectSurvivesKill(t *testing.T) {
	const records, ids = 6000, 500
	var text strings.Builder
	for i := range records {
		if i%100 == 99 {
			text.WriteString("{\"name\":\"nobody\"}\n")
			continue
		}
		fmt.Fprintf(&text, "{\"id\":\"%d\",\"name\":\"N%d\"}\n", i%ids, i)
	}
	type outcome struct{ names, failed, stdout string }
	work := func(kills int) (o outcome) {
		data, dir := dataDir(t), t.TempDir()
		file := write(t, dir, "a.jsonl", text.String())
		args := strings.Join([]string{"--direct", "--data-dir", data, "--domain", "d", "--object-type", "T", file}, "\n")
		for k := 0; ; k++ {
			var stdout bytes.Buffer
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "INGESTCMD_ARGS="+args)
			cmd.Stdout = &stdout
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- cmd.Wait() }()
			if k < kills && killOnProgress(t, cmd, done, data) {
				continue
			}
			if err := <-done; err == nil {
				t.Error("failures are not in the exit code")
			}
			o.stdout, _, _ = strings.Cut(stdout.String(), "in ")
			break
		}
		failed, err := os.ReadFile(file + ".failed.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		o.failed = string(failed)
		inDir(t, data, func(w *world) { o.names = fmt.Sprint(w.objects(), w.names(ids)) })
		return o
	}
	calm := work(0)
	if !strings.Contains(calm.stdout, "5940 records ingested, 60 failed") {
		t.Errorf("undisturbed: %s", calm.stdout)
	}
	if got := work(2); got != calm {
		t.Errorf("killed: %+v\nundisturbed: %+v", got, calm)
	}
}

// killOnProgress kills the process once it has written to its store. It reports
// false if the process had ended before.
func killOnProgress(t *testing.T, cmd *exec.Cmd, done <-chan error, data string) bool {
	t.Helper()
	before := size(t, data)
	for tick := time.NewTicker(time.Millisecond); ; {
		select {
		case <-done:
			t.Fatal("it ended before it could be killed")
		case <-tick.C:
			if size(t, data) < before+500<<10 {
				continue
			}
			tick.Stop()
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			<-done
			return true
		}
	}
}

// size is how large the files of a directory are, those that come and go aside.
func size(t *testing.T, dir string) (n int64) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}

func TestInterruptibleInput(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	from, to := io.Pipe()
	defer to.Close()
	in := &interruptible{ctx: ctx, r: from}
	go func() { _, _ = to.Write([]byte("hello")) }()
	b := make([]byte, 3)
	for _, want := range []string{"hel", "lo"} {
		if n, err := in.Read(b); err != nil || string(b[:n]) != want {
			t.Fatalf("%q, %v", b[:n], err)
		}
	}
	cancel()
	if _, err := in.Read(b); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	in = &interruptible{ctx: context.Background(), r: strings.NewReader("x")}
	if text, err := io.ReadAll(in); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
}

var _ bulk.Sink = (*api)(nil)

// TestDirectWithManyFailures ingests records of which most find no profile.
func TestDirectWithManyFailures(t *testing.T) {
	data, dir := dataDir(t), t.TempDir()
	inDir(t, data, func(w *world) {
		_, err := w.TypesAPI.PutProfileObjectType(context.Background(), &profileapi.PutProfileObjectTypeRequest{DomainName: "d", ObjectTypeName: "Order", Description: "x",
			Fields: map[string]profileapi.ObjectTypeField{"o": {Source: new("_source.order")}, "id": {Source: new("_source.id")}},
			Keys: map[string][]profileapi.ObjectTypeKey{
				"o": {{StandardIdentifiers: []string{"UNIQUE"}, FieldNames: []string{"o"}}},
				"k": {{StandardIdentifiers: []string{"PROFILE"}, FieldNames: []string{"id"}}}}})
		if err != nil {
			t.Fatal(err)
		}
	})
	var customers, orders strings.Builder
	for i := range 50 {
		fmt.Fprintf(&customers, "{\"id\":\"%d\",\"name\":\"N\"}\n", i)
	}
	for i := range 2000 {
		fmt.Fprintf(&orders, "{\"order\":\"%d\",\"id\":\"%d\"}\n", i, i%1000)
	}
	args := []string{"--direct", "--data-dir", data, "--domain", "d", "--object-type"}
	if _, err := run(append(args, "T", write(t, dir, "customers.jsonl", customers.String()))...); err != nil {
		t.Fatal(err)
	}
	out, err := run(append(args, "Order", write(t, dir, "orders.jsonl", orders.String()))...)
	if err == nil || !strings.HasPrefix(out, "100 records ingested, 1900 failed\n") {
		t.Errorf("%s, %v", out, err)
	}
	inDir(t, data, func(w *world) {
		if n := w.objects(); n != 150 {
			t.Errorf("%d objects", n)
		}
	})
}
