package e2e_test

import (
	"strconv"
	"strings"
	"testing"
)

// TestTheDemoIsAWholeContactCentre fills a server as "kindred demo" does, and looks at
// what an agent would find.
func TestTheDemoIsAWholeContactCentre(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.admin
	out := s.mustKindred("", "demo", "--customers", "60")
	for _, want := range []string{"customers", "merges", "contacts", "letters", "/agent?domain=aurora"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if n := c.stats("aurora").ProfileCount; n != 60 {
		t.Errorf("%d profiles of 60 customers, of whom 6 are there twice and merged", n)
	}
	known := c.one("aurora", "customerNo", "AO-10147")
	if known.FirstName == nil || known.Address == nil || known.Attributes["tier"] == "" {
		t.Errorf("a customer without a name, an address or a tier: %+v", known)
	}
	types := map[string]int{}
	for i := range 60 {
		p := c.search("aurora", "customerNo", "AO-"+pad(10_000+i*7))
		if len(p) != 1 {
			t.Fatalf("customer %d is %d profiles", i, len(p))
		}
		for _, objectType := range []string{"_order", "_case", "_asset", "CTR"} {
			types[objectType] += len(c.objects("aurora", *p[0].ProfileId, objectType))
		}
	}
	for objectType, n := range types {
		if n < 10 {
			t.Errorf("the customers have %d objects of %s", n, objectType)
		}
	}
	letters := s.mustKindred("", "deadletter", "list", "--domain", "aurora")
	for _, reason := range []string{"No profile matches", "more than one profile"} {
		if !strings.Contains(letters, reason) {
			t.Errorf("no dead letter says %q:\n%s", reason, letters)
		}
	}
	if _, err := s.kindred("", "demo"); err == nil {
		t.Error("a domain that is there was filled once more")
	}
	s.mustKindred("", "demo", "--customers", "60", "--arrive", "3")
}

// pad writes a number with five digits.
func pad(n int) string {
	text := "0000" + strconv.Itoa(n)
	return text[len(text)-5:]
}
