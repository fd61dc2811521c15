package democmd

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestTheSameSeedTellsTheSameStory(t *testing.T) {
	one, same, other := tell(1, 60, now), tell(1, 60, now), tell(2, 60, now)
	for _, s := range []*story{one, same, other} {
		s.random = nil
	}
	if !reflect.DeepEqual(one, same) {
		t.Error("twice the same seed, and two stories")
	}
	if reflect.DeepEqual(one.customers, other.customers) {
		t.Error("another seed, and the same customers")
	}
}

// Nobody in the story may be somebody: numbers and addresses are of the ranges that
// are kept for such uses.
func TestNobodyInTheStoryIsReal(t *testing.T) {
	phone := regexp.MustCompile(`^\+1\d{3}55501\d\d$`)
	email := regexp.MustCompile(`^[a-z]+(\.[a-z]+)?\d+@example\.(com|net)$`)
	s := tell(3, maxCustomers, now)
	phones := map[string]int{}
	for _, p := range s.people {
		if !phone.MatchString(p.phone) || !email.MatchString(p.email) {
			t.Fatalf("%+v", p)
		}
		phones[p.phone]++
	}
	for p, n := range phones {
		if n > 2 {
			t.Errorf("%d people have the number %s", n, p)
		}
	}
	for _, c := range s.callers(200) {
		if c.key == "_phone" && !phone.MatchString(c.value) {
			t.Fatalf("a caller's number is %s", c.value)
		}
	}
}

func TestTheStoryIsOfTheWeeksThatHavePassed(t *testing.T) {
	s := tell(4, 200, now)
	for name, records := range map[string][]record{"orders": s.orders, "cases": s.cases, "contacts": s.contacts, "devices": s.devices} {
		if len(records) < 50 {
			t.Errorf("%d %s", len(records), name)
		}
		keys := map[any]bool{}
		for _, r := range records {
			for _, key := range []string{"no", "serial", "contactId"} {
				if v, ok := r[key]; ok && keys[v] {
					t.Errorf("%s: %v is there twice", name, v)
				} else if ok {
					keys[v] = true
				}
			}
		}
	}
	oldest := now.AddDate(0, 0, -7*weeks-2)
	for _, c := range s.contacts {
		began, ended := time.UnixMilli(c["initiationTimestamp"].(int64)), time.UnixMilli(c["disconnectTimestamp"].(int64))
		if began.Before(oldest) || ended.After(now) || !ended.After(began) {
			t.Errorf("a contact from %s to %s", began, ended)
		}
		if _, err := json.Marshal(c); err != nil {
			t.Error(err)
		}
	}
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--customers 5":    "--customers: want 10 to 5000",
		"--customers 9000": "--customers",
		"--arrive -1":      "--arrive",
		"more":             `"more" is not wanted`,
		"--nothing":        "nothing",
	} {
		var out bytes.Buffer
		err := Run(context.Background(), strings.Fields(args), &out)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
	var out bytes.Buffer
	if err := Run(context.Background(), []string{"--help"}, &out); err != nil || !strings.Contains(out.String(), "-customers") {
		t.Errorf("help: %v\n%s", err, out.String())
	}
}
