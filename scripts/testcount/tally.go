package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// event is a line of go test -json (go doc test2json, and go help
// buildjson for the events of builds).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build events
	Test        string
	Output      string
	Elapsed     float64 // seconds
	FailedBuild string
}

// tally counts results and prints what is worth seeing.
type tally struct {
	out                     io.Writer
	passed, failed, skipped int
	packages                map[string]*pkg
	builds                  map[string]*strings.Builder // output of builds by import path
	skips                   []string
	elapsed                 float64
}

// pkg is a package whose tests are running.
type pkg struct {
	passed, failed, skipped int
	parents                 map[string]bool             // tests with subtests
	broken                  map[string]bool             // tests with a failure below them
	output                  map[string]*strings.Builder // by test, "" for the package's own
}

func newTally(out io.Writer) *tally {
	return &tally{out: out, packages: map[string]*pkg{}, builds: map[string]*strings.Builder{}}
}

// read takes in the events of one go test. A line that is no event is shown.
func (t *tally) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				t.event(&e)
			} else {
				fmt.Fprintf(t.out, "%s", line)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("output of go test: %w", err)
		}
	}
}

func (t *tally) event(e *event) {
	switch e.Action {
	case "build-output":
		builder(t.builds, e.ImportPath).WriteString(e.Output)
		return
	case "build-fail":
		return // the packages that needed it fail, and show its output
	}
	p := t.packages[e.Package]
	if p == nil {
		p = &pkg{parents: map[string]bool{}, broken: map[string]bool{}, output: map[string]*strings.Builder{}}
		t.packages[e.Package] = p
	}
	switch e.Action {
	case "run":
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
			p.parents[e.Test[:i]] = true
		}
	case "output":
		builder(p.output, e.Test).WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(p, e)
		} else {
			t.endTest(p, e)
		}
	}
}

func builder(m map[string]*strings.Builder, key string) *strings.Builder {
	b := m[key]
	if b == nil {
		b = &strings.Builder{}
		m[key] = b
	}
	return b
}

func (t *tally) endTest(p *pkg, e *event) {
	switch {
	case e.Action == "fail":
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
			p.broken[e.Test[:i]] = true
		}
		if !p.broken[e.Test] { // a parent that fails only because of a subtest is not counted again
			p.failed++
		}
		fmt.Fprintf(t.out, "\n--- failed: %s %s\n%s\n", e.Package, e.Test, text(p.output[e.Test]))
	case e.Action == "skip":
		p.skipped++
		t.skips = append(t.skips, e.Package+" "+e.Test+reason(text(p.output[e.Test])))
	case !p.parents[e.Test]:
		p.passed++
	}
	delete(p.output, e.Test)
}

// reason is what a test said when it skipped itself: the line with the place in
// the source, without that.
func reason(output string) string {
	for line := range strings.Lines(output) {
		if _, why, ok := strings.Cut(line, "_test.go:"); ok {
			if _, why, ok = strings.Cut(why, ": "); ok {
				return ": " + strings.TrimSpace(why)
			}
		}
	}
	return ""
}

func text(b *strings.Builder) string {
	if b == nil {
		return ""
	}
	return b.String()
}

func (t *tally) endPackage(p *pkg, e *event) {
	note := ""
	if e.Action == "fail" && p.failed == 0 {
		p.failed = 1
		note = "  did not finish"
		if e.FailedBuild != "" {
			note = "  could not be built"
			fmt.Fprintf(t.out, "\n--- failed: %s\n%s\n", e.Package, text(t.builds[e.FailedBuild]))
		} else {
			fmt.Fprintf(t.out, "\n--- failed: %s\n%s%s\n", e.Package, p.running(), text(p.output[""]))
		}
	}
	t.passed += p.passed
	t.failed += p.failed
	t.skipped += p.skipped
	t.elapsed += e.Elapsed
	state := "ok    "
	switch {
	case p.failed > 0:
		state = "FAILED"
	case p.passed+p.skipped == 0:
		state = "-     "
		note = "  no tests"
	}
	fmt.Fprintf(t.out, "%s %-44s %8s  %5d passed", state, e.Package, time.Duration(e.Elapsed*float64(time.Second)).Round(10*time.Millisecond), p.passed)
	if p.failed > 0 {
		fmt.Fprintf(t.out, ", %d failed", p.failed)
	}
	if p.skipped > 0 {
		fmt.Fprintf(t.out, ", %d skipped", p.skipped)
	}
	fmt.Fprintln(t.out, note)
	delete(t.packages, e.Package)
}

// running is the output of tests that had not ended when their process did.
func (p *pkg) running() string {
	var b strings.Builder
	for test, out := range p.output {
		if test != "" {
			b.WriteString(out.String())
		}
	}
	return b.String()
}

// close prints what was skipped and the closing line.
func (t *tally) close() {
	if len(t.skips) > 0 {
		fmt.Fprintf(t.out, "\n%d skipped:\n", len(t.skips))
		for _, s := range t.skips {
			fmt.Fprintln(t.out, "  "+s)
		}
	}
	fmt.Fprintf(t.out, "\n%d passed, %d failed\n", t.passed, t.failed)
}
