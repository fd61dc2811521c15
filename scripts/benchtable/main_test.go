package main

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	const input = `goos: linux
BenchmarkCore-2         	    1000	   1200.5 ns/op	  500 objects/s
BenchmarkCore-2         	    1000	   1000 ns/op	  600 objects/s
BenchmarkCore-2         	    1000	   1100 ns/op	  550 objects/s
BenchmarkCoreBaseline-2 	    1000	   100 ns/op	  1000 objects/s
BenchmarkWirePut-2      	    1000	   100 ns/op	  39 calls/s
BenchmarkWireNoop-2     	    1000	   100 ns/op	  100 calls/s
BenchmarkSeal/1kB-2     	  200000	   50 ns/op
BenchmarkSeal/1kB-2     	  200000	   51 ns/op
PASS
ok  	kindred/bench	3.1s
`
	var progress, out strings.Builder
	table, err := read(strings.NewReader(input), &progress)
	if err != nil {
		t.Fatal(err)
	}
	if err := table.write(&out); err != nil {
		t.Fatal(err)
	}
	const want = `      benchmark   runs   ns/op   objects/s   calls/s
           Core      3    1100         550          
   CoreBaseline      1     100        1000          
        WirePut      1     100                    39
       WireNoop      1     100                   100
       Seal/1kB      2    50.5                      

Core / CoreBaseline: 0.55, promised 0.5
WirePut / WireNoop: 0.39, promised 0.4  NOT KEPT
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if got := progress.String(); got != "goos: linux\nPASS\nok  \tkindred/bench\t3.1s\n" {
		t.Errorf("progress is %q", got)
	}
}

func TestNoTable(t *testing.T) {
	for input, want := range map[string]string{
		"PASS\n": "no benchmark",
		"BenchmarkA-2 10 5 ns/op\n--- FAIL: BenchmarkB\nFAIL\n": "failed",
	} {
		if _, err := read(strings.NewReader(input), &strings.Builder{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", input, err, want)
		}
	}
}
