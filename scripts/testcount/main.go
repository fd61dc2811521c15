// Command testcount runs go test once or several times and counts. It shows one
// line for each package and all that failed tests printed, and ends with the
// line
//
//	N passed, N failed
//
// Usage: testcount -- ARGUMENTS OF GO TEST [-- ARGUMENTS OF GO TEST]...
//
// A run whose first argument is exec is a command that writes the events of go
// test -json to its standard output, such as the tests of the console.
//
// Counted are tests, subtests, examples and fuzz seeds that have no subtests of
// their own. A package that cannot be built, or ends before its tests do, counts
// as one failure. The exit code is 1 when something failed.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
)

func main() {
	runs := split(os.Args[1:])
	if len(runs) == 0 {
		fmt.Fprintln(os.Stderr, "usage: testcount -- ARGUMENTS [-- ARGUMENTS]...")
		os.Exit(2)
	}
	t := newTally(os.Stdout)
	for _, args := range runs {
		if err := run(t, args); err != nil {
			fmt.Println("testcount:", err)
			t.failed++
		}
	}
	t.close()
	if t.failed > 0 {
		os.Exit(1)
	}
}

// split takes the arguments apart at each "--".
func split(args []string) (runs [][]string) {
	for len(args) > 0 && args[0] == "--" {
		args = args[1:]
		end := slices.Index(args, "--")
		if end < 0 {
			end = len(args)
		}
		runs = append(runs, args[:end])
		args = args[end:]
	}
	return runs
}

// command is what a run executes, and its name for messages.
func command(args []string) (cmd *exec.Cmd, name string) {
	if len(args) > 1 && args[0] == "exec" {
		return exec.Command(args[1], args[2:]...), args[1]
	}
	return exec.Command("go", append([]string{"test", "-json"}, args...)...), "go test"
}

// run feeds the tally with one go test, or another command that writes such
// events. That tests failed is no error of it.
func run(t *tally, args []string) error {
	before, passed := t.failed, t.passed
	cmd, name := command(args)
	cmd.Stderr = os.Stdout
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := t.read(out)
	if err := cmd.Wait(); err != nil && t.failed == before {
		return fmt.Errorf("%s: %w, though no test failed", name, err)
	}
	if name != "go test" && t.failed == before && t.passed == passed {
		return fmt.Errorf("%s: told of no test", name)
	}
	return readErr
}
