package storecmd_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"kindred/internal/store/pgstore/pgtest"
	"kindred/internal/store/storecmd"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func run(args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	err = storecmd.Run(context.Background(), args, &out, &errs)
	return out.String(), errs.String(), err
}

func TestInit(t *testing.T) {
	server := pgtest.Shared(t)
	database := server.Database(t)
	for range 2 { // running it again changes nothing
		out, _, err := run("init", "--store", server.URL(database), "--bits", "4")
		if err != nil || !strings.Contains(out, "database "+database) || !strings.Contains(out, "is ready") {
			t.Fatalf("%q, %v", out, err)
		}
	}
	server.Exec(t, database, "INSERT INTO kindred_record VALUES (1, 'p', 's', 'v')")
	t.Setenv("KINDRED_STORE", server.URL(database))
	if _, _, err := run("init"); err != nil {
		t.Errorf("with the URL in the environment: %v", err)
	}
	for want, args := range map[string][]string{
		"cannot be changed to 5":  {"init", "--bits", "5"},
		"copy the data":           {"init", "--citus"},
		"want 1 to":               {"init", "--bits", "99"},
		"begins with postgres://": {"init", "--store", "mysql://h/d"},
		"unexpected argument":     {"init", "now"},
		"no command":              {"destroy"},
		"a command is missing":    {},
	} {
		if _, _, err := run(args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	t.Setenv("KINDRED_STORE", "")
	if _, _, err := run("init"); err == nil || !strings.Contains(err.Error(), "KINDRED_STORE") {
		t.Errorf("without a URL: %v", err)
	}
	if out, _, err := run("--help"); err != nil || !strings.Contains(out, "kindred store init") {
		t.Errorf("help: %q, %v", out, err)
	}
}
