package main

import (
	"io"
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	for _, c := range []struct {
		name, events string
		passed       int
		failed       int
		shows        []string
		hides        string
	}{
		{"leaves are counted", `
			{"Action":"run","Package":"p","Test":"A"}
			{"Action":"run","Package":"p","Test":"A/x"}
			{"Action":"output","Package":"p","Test":"A/x","Output":"chatter\n"}
			{"Action":"pass","Package":"p","Test":"A/x"}
			{"Action":"run","Package":"p","Test":"A/y"}
			{"Action":"pass","Package":"p","Test":"A/y"}
			{"Action":"pass","Package":"p","Test":"A"}
			{"Action":"run","Package":"p","Test":"B"}
			{"Action":"pass","Package":"p","Test":"B"}
			{"Action":"pass","Package":"p","Elapsed":1.5}`, 3, 0, []string{"ok     p ", "1.5s", "3 passed, 0 failed\n"}, "chatter"},
		{"a failing subtest is one failure", `
			{"Action":"run","Package":"p","Test":"A"}
			{"Action":"run","Package":"p","Test":"A/x"}
			{"Action":"output","Package":"p","Test":"A/x","Output":"    a_test.go:3: got 1\n"}
			{"Action":"fail","Package":"p","Test":"A/x"}
			{"Action":"fail","Package":"p","Test":"A"}
			{"Action":"fail","Package":"p"}`, 0, 1, []string{"failed: p A/x", "got 1", "FAILED p ", "0 passed, 1 failed\n"}, ""},
		{"a parent may fail by itself", `
			{"Action":"run","Package":"p","Test":"A"}
			{"Action":"run","Package":"p","Test":"A/x"}
			{"Action":"pass","Package":"p","Test":"A/x"}
			{"Action":"fail","Package":"p","Test":"A"}
			{"Action":"fail","Package":"p"}`, 1, 1, []string{"1 passed, 1 failed\n"}, "did not finish"},
		{"a build failure is one failure", `
			{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:1:1: undefined: x\n"}
			{"ImportPath":"p [p.test]","Action":"build-fail"}
			{"Action":"start","Package":"p"}
			{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`, 0, 1, []string{"undefined: x", "could not be built", "0 passed, 1 failed\n"}, ""},
		{"a process that dies is one failure and shows what ran", `
			{"Action":"run","Package":"p","Test":"A"}
			{"Action":"output","Package":"p","Test":"A","Output":"panic: boom\n"}
			{"Action":"output","Package":"p","Output":"FAIL\tp\n"}
			{"Action":"fail","Package":"p"}`, 0, 1, []string{"panic: boom", "FAIL\tp", "did not finish"}, ""},
		{"skips are named with their reason", `
			{"Action":"run","Package":"p","Test":"A"}
			{"Action":"output","Package":"p","Test":"A","Output":"    a_test.go:9: no client: here\n"}
			{"Action":"skip","Package":"p","Test":"A"}
			{"Action":"pass","Package":"p"}`, 0, 0, []string{"1 skipped:\n  p A: no client: here\n", "0 passed, 0 failed\n"}, ""},
		{"a line that is no event is shown", "go: downloading x\n" + `{"Action":"skip","Package":"p"}`, 0, 0,
			[]string{"go: downloading x\n", "no tests"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			tally := newTally(&out)
			if err := tally.read(strings.NewReader(strings.TrimSpace(c.events) + "\n")); err != nil {
				t.Fatal(err)
			}
			tally.close()
			if tally.passed != c.passed || tally.failed != c.failed {
				t.Errorf("%d passed, %d failed, want %d and %d", tally.passed, tally.failed, c.passed, c.failed)
			}
			for _, s := range c.shows {
				if !strings.Contains(out.String(), s) {
					t.Errorf("does not show %q:\n%s", s, out.String())
				}
			}
			if c.hides != "" && strings.Contains(out.String(), c.hides) {
				t.Errorf("shows %q:\n%s", c.hides, out.String())
			}
		})
	}
}

func TestSplit(t *testing.T) {
	for args, want := range map[string]int{"": 0, "x": 0, "--": 1, "-- -race ./a -- ./b": 2} {
		if got := split(strings.Fields(args)); len(got) != want {
			t.Errorf("%q: %q, want %d runs", args, got, want)
		}
	}
}

func TestRunCountsWhatACommandTells(t *testing.T) {
	for _, c := range []struct {
		name, script   string
		passed, failed int
		err            string
	}{
		{"events", `echo '{"Action":"run","Package":"c","Test":"A"}'; echo '{"Action":"pass","Package":"c","Test":"A"}'; echo '{"Action":"pass","Package":"c"}'`, 1, 0, ""},
		{"a failure", `echo '{"Action":"fail","Package":"c","Test":"A"}'; echo '{"Action":"fail","Package":"c"}'; exit 1`, 0, 1, ""},
		{"nothing", `true`, 0, 0, "told of no test"},
		{"an end before its tests", `exit 3`, 0, 0, "exit status 3, though no test failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tally := newTally(io.Discard)
			err := run(tally, []string{"exec", "sh", "-c", c.script})
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if tally.passed != c.passed || tally.failed != c.failed {
				t.Errorf("%d passed, %d failed, want %d and %d", tally.passed, tally.failed, c.passed, c.failed)
			}
		})
	}
}
