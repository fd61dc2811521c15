package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"kindred/internal/store"
)

func number(t testing.TB, r store.Reader, partition, sort string) int {
	t.Helper()
	v := get(t, r, partition, sort)
	if v == "<nil>" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// together runs fn in n goroutines at once and waits for them.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

// testViewIsSnapshot changes what a view reads while it reads. The run that counts
// has seen all of it as it was before, or, if the engine ran it again, after.
func testViewIsSnapshot(t *testing.T, s store.Store) {
	put(t, s, "p", "a", "1")
	put(t, s, "q", "a", "1")
	update(t, s, func(tx store.Tx) { tx.Add(key("p", "n"), 1) })
	var first, saw string
	written, ranAgain := false, false
	look := func() {
		view(t, s, func(r store.Reader) {
			ranAgain = written
			first = get(t, r, "p", "a")
			if !written {
				written = true
				update(t, s, func(tx store.Tx) {
					tx.Put(key("p", "a"), []byte("2"))
					tx.Put(key("p", "b"), []byte("2"))
					tx.Clear([]byte("q"))
					tx.Add(key("r", "n"), 1)
				})
				if err := s.DropPrefix(context.Background(), []byte("q")); err != nil {
					t.Fatal(err)
				}
			}
			saw = fmt.Sprint(get(t, r, "p", "a"), "; ", show(scan(t, r, all("p"))), "; ", show(scan(t, r, all("q"))), "; ", count(t, r, "r", "n"))
		})
	}
	before, after := "1 1; p/a=1 ; q/a=1 ; 0", "2 2; p/a=2 p/b=2 ; ; 1"
	look()
	if ranAgain {
		want(t, "the last run saw", first+" "+saw, after)
	} else {
		want(t, "the only run that counts saw", first+" "+saw, before)
	}
	look()
	want(t, "afterwards", first+" "+saw, after)
}

func testNoHalfUpdates(t *testing.T, s store.Store) {
	partitions := []string{"a", "b", "c", "d"}
	var done atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		defer done.Store(true)
		for i := range 200 {
			update(t, s, func(tx store.Tx) {
				for _, p := range partitions {
					tx.Put(key(p, "v"), []byte(strconv.Itoa(i)))
					tx.Add(key(p, "n"), 1)
				}
			})
		}
	})
	for range 3 {
		wg.Go(func() {
			for !done.Load() {
				view(t, s, func(r store.Reader) {
					v, n := get(t, r, "a", "v"), count(t, r, "a", "n")
					for _, p := range partitions[1:] {
						if got := get(t, r, p, "v"); got != v {
							t.Errorf("%s has %s where a has %s", p, got, v)
						}
						if got := count(t, r, p, "n"); got != n {
							t.Errorf("%s counts %d where a counts %d", p, got, n)
						}
					}
				})
			}
		})
	}
	wg.Wait()
}

// interfere runs an update whose first run is overtaken by another, and returns
// how often it ran.
func interfere(t *testing.T, s store.Store, read func(store.Tx), other, write func(store.Tx)) (runs int) {
	t.Helper()
	update(t, s, func(tx store.Tx) {
		runs++
		read(tx)
		if runs == 1 {
			update(t, s, other)
		}
		write(tx)
	})
	return runs
}

func testConflictRunsAgain(t *testing.T, s store.Store) {
	put(t, s, "p", "n", "1")
	seen := 0
	runs := interfere(t, s,
		func(tx store.Tx) { seen = number(t, tx, "p", "n") },
		func(tx store.Tx) { tx.Put(key("p", "n"), []byte("10")) },
		func(tx store.Tx) { tx.Put(key("p", "n"), []byte(strconv.Itoa(seen+1))) })
	want(t, "runs", runs, 2)
	want(t, "value", read(t, s, "p", "n"), "11")

	// A run that only reads is checked too: its answer goes to a caller.
	runs = interfere(t, s,
		func(tx store.Tx) { seen = number(t, tx, "p", "n") },
		func(tx store.Tx) { tx.Put(key("p", "n"), []byte("20")) },
		func(store.Tx) {})
	want(t, "runs of one that only reads", runs, 2)
	want(t, "what it saw", seen, 20)

	for what, other := range map[string]func(store.Tx){
		"deleting": func(tx store.Tx) { tx.Delete(key("p", "n")) },
		"clearing": func(tx store.Tx) { tx.Clear([]byte("p")) },
	} {
		put(t, s, "p", "n", "30")
		runs = interfere(t, s,
			func(tx store.Tx) { number(t, tx, "p", "n") }, other,
			func(tx store.Tx) { tx.Put(key("q", "n"), []byte("1")) })
		want(t, "runs after "+what, runs, 2)
	}
}

func testAbsentConflicts(t *testing.T, s store.Store) {
	runs := interfere(t, s,
		func(tx store.Tx) { get(t, tx, "p", "absent") },
		func(tx store.Tx) { tx.Put(key("p", "absent"), []byte("v")) },
		func(tx store.Tx) { tx.Put(key("q", "k"), []byte("v")) })
	want(t, "runs", runs, 2)
}

func testPhantom(t *testing.T, s store.Store) {
	for _, reverse := range []bool{false, true} {
		p := fmt.Sprint("p", reverse)
		n := 0
		runs := interfere(t, s,
			func(tx store.Tx) {
				n = len(scan(t, tx, store.Span{Partition: []byte(p), Start: []byte("b"), End: []byte("d"), Reverse: reverse, Limit: 9}))
			},
			func(tx store.Tx) { tx.Put(key(p, "c"), []byte("v")) },
			func(tx store.Tx) { tx.Put(key(p, "n"), []byte(strconv.Itoa(n))) })
		want(t, "runs", runs, 2)
		want(t, "records seen", read(t, s, p, "n"), "1")
	}
}

func testBlindWrites(t *testing.T, s store.Store) {
	runs := interfere(t, s,
		func(store.Tx) {},
		func(tx store.Tx) { tx.Put(key("p", "a"), []byte("other")); tx.Put(key("p", "b"), []byte("other")) },
		func(tx store.Tx) { tx.Put(key("p", "a"), []byte("mine")) })
	want(t, "runs", runs, 1)
	view(t, s, func(r store.Reader) { want(t, "records", show(scan(t, r, all("p"))), "p/a=mine p/b=other ") })
}

// testWriteSkew: two on call, each may leave if the other stays.
func testWriteSkew(t *testing.T, s store.Store) {
	for round := range 50 {
		people := []string{fmt.Sprint("a", round), fmt.Sprint("b", round)}
		update(t, s, func(tx store.Tx) {
			for _, p := range people {
				tx.Put(key(p, "on call"), []byte("1"))
			}
		})
		together(2, func(i int) {
			update(t, s, func(tx store.Tx) {
				if number(t, tx, people[0], "on call")+number(t, tx, people[1], "on call") == 2 {
					tx.Put(key(people[i], "on call"), []byte("0"))
				}
			})
		})
		view(t, s, func(r store.Reader) {
			want(t, "people on call", number(t, r, people[0], "on call")+number(t, r, people[1], "on call"), 1)
		})
	}
}

func testStaleError(t *testing.T, s store.Store) {
	put(t, s, "p", "balance", "0")
	errBroke := errors.New("no money")
	runs := 0
	err := s.Update(context.Background(), func(tx store.Tx) error {
		runs++
		n := number(t, tx, "p", "balance")
		if runs == 1 {
			put(t, s, "p", "balance", "5")
		}
		if n == 0 {
			return errBroke
		}
		tx.Put(key("p", "balance"), []byte(strconv.Itoa(n-1)))
		return nil
	})
	wantError(t, "Update", err, nil)
	want(t, "runs", runs, 2)
	want(t, "balance", read(t, s, "p", "balance"), "4")
}

func testFindOrCreate(t *testing.T, s store.Store) {
	const goroutines = 64
	for round := range 5 {
		index := fmt.Sprint("index", round)
		ids := make([]string, goroutines)
		var created atomic.Int32
		together(goroutines, func(i int) {
			mine := false
			update(t, s, func(tx store.Tx) {
				mine = false
				if ids[i] = get(t, tx, index, "id"); ids[i] != "<nil>" {
					return
				}
				mine = true
				ids[i] = fmt.Sprint("profile", round, "-", i)
				tx.Put(key(index, "id"), []byte(ids[i]))
				tx.Put(key(ids[i], "profile"), []byte("v"))
			})
			if mine {
				created.Add(1)
			}
		})
		want(t, "created", created.Load(), int32(1))
		for _, id := range ids {
			want(t, "id", id, ids[0])
		}
		recs, err := s.ScanPrefix(context.Background(), fmt.Appendf(nil, "profile%d-", round), store.Key{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "profiles", len(recs), 1)
	}
}

func testIncrements(t *testing.T, s store.Store) {
	const goroutines, each = 32, 20
	together(goroutines, func(i int) {
		for range each {
			update(t, s, func(tx store.Tx) {
				tx.Put(key("p", "n"), []byte(strconv.Itoa(number(t, tx, "p", "n")+1)))
				tx.Add(key("q", "n"), 1)
			})
		}
	})
	want(t, "record", read(t, s, "p", "n"), strconv.Itoa(goroutines*each))
	want(t, "counter", readCount(t, s, "q", "n"), int64(goroutines*each))
}

func testBank(t *testing.T, s store.Store) {
	const accounts, start, transfers = 6, 100, 40
	account := func(i int) string { return fmt.Sprint("account", i) }
	update(t, s, func(tx store.Tx) {
		for i := range accounts {
			tx.Put(key(account(i), "balance"), []byte(strconv.Itoa(start)))
		}
	})
	sum := func(r store.Reader) (n int) {
		for i := range accounts {
			n += number(t, r, account(i), "balance")
		}
		return n
	}
	rng := seeded(t)
	seeds := rng.Perm(1000)
	together(8, func(g int) {
		x := seeds[g]
		for i := range transfers {
			x = (x*1103515245 + 12345 + i) & 0x7fffffff
			from, to, amount := (x>>4)%accounts, (x>>8)%accounts, (x>>12)%37
			if from == to {
				view(t, s, func(r store.Reader) {
					if n := sum(r); n != accounts*start {
						t.Errorf("sum is %d", n)
					}
				})
				continue
			}
			update(t, s, func(tx store.Tx) {
				have := number(t, tx, account(from), "balance")
				if have < amount {
					return
				}
				tx.Put(key(account(from), "balance"), []byte(strconv.Itoa(have-amount)))
				tx.Put(key(account(to), "balance"), []byte(strconv.Itoa(number(t, tx, account(to), "balance")+amount)))
			})
		}
	})
	view(t, s, func(r store.Reader) { want(t, "sum", sum(r), accounts*start) })
}

// testSerialisable has each update read some partitions, and append to others
// what it is and what it has read. Each partition's list is then the order of
// the updates that wrote to it; an update that read a list of some length came
// after the writers of that many and before the next. An order of all updates
// that agrees with all of this must exist.
func testSerialisable(t *testing.T, s store.Store) {
	const partitions, updates = 4, 150
	type read struct{ partition, length int }
	var mu sync.Mutex
	reads := map[string][]read{}
	rng := seeded(t)
	seeds := rng.Perm(1 << 16)
	list := func(r store.Reader, p int) []store.Record { return scan(t, r, all(fmt.Sprint("list", p))) }
	together(8, func(g int) {
		x := seeds[g]
		for i := range updates / 8 {
			x = (x*1103515245 + 12345) & 0x7fffffff
			a, b, c := (x>>4)%partitions, (x>>8)%partitions, (x>>12)%partitions
			id := fmt.Sprintf("%d.%d", g, i)
			var seen []read
			update(t, s, func(tx store.Tx) {
				seen = []read{{a, len(list(tx, a))}, {b, len(list(tx, b))}}
				n := len(list(tx, c))
				seen = append(seen, read{c, n})
				tx.Put(key(fmt.Sprint("list", c), fmt.Sprintf("%06d", n)), []byte(id))
			})
			mu.Lock()
			reads[id] = seen
			mu.Unlock()
		}
	})
	var lists [][]string
	var after map[string][]string
	view(t, s, func(r store.Reader) {
		lists, after = make([][]string, partitions), map[string][]string{}
		for p := range partitions {
			for i, rec := range list(r, p) {
				want(t, "place in its list", string(rec.Key.Sort), fmt.Sprintf("%06d", i))
				lists[p] = append(lists[p], string(rec.Value))
			}
			for i := 1; i < len(lists[p]); i++ {
				after[lists[p][i-1]] = append(after[lists[p][i-1]], lists[p][i])
			}
		}
	})
	for id, seen := range reads {
		for _, r := range seen {
			if r.length > 0 && lists[r.partition][r.length-1] != id {
				writer := lists[r.partition][r.length-1]
				after[writer] = append(after[writer], id)
			}
			if r.length < len(lists[r.partition]) && lists[r.partition][r.length] != id {
				after[id] = append(after[id], lists[r.partition][r.length])
			}
		}
	}
	if cycle := findCycle(after); cycle != "" {
		t.Fatalf("no order agrees with what the updates saw: %s", cycle)
	}
}

// findCycle returns a node of a directed graph that can be reached from itself,
// or "".
func findCycle(edges map[string][]string) string {
	const visiting, visited = 1, 2
	state := map[string]int{}
	var visit func(string) string
	visit = func(n string) string {
		switch state[n] {
		case visiting:
			return n
		case visited:
			return ""
		}
		state[n] = visiting
		for _, m := range edges[n] {
			if c := visit(m); c != "" {
				return c
			}
		}
		state[n] = visited
		return ""
	}
	for n := range edges {
		if c := visit(n); c != "" {
			return c
		}
	}
	return ""
}

// testExpect: an update takes place only if a record is, and stays, as it is expected.
func testExpect(t *testing.T, s store.Store) {
	ctx := context.Background()
	put(t, s, "p", "there", "1")
	put(t, s, "p", "empty", "")
	for what, c := range map[string]struct {
		sort  string
		value []byte
		holds bool
	}{
		"the value":           {"there", []byte("1"), true},
		"another value":       {"there", []byte("2"), false},
		"part of the value":   {"there", []byte{}, false},
		"there, not absent":   {"there", nil, false},
		"absent":              {"absent", nil, true},
		"absent, not there":   {"absent", []byte("1"), false},
		"absent, not empty":   {"absent", []byte{}, false},
		"empty":               {"empty", []byte{}, true},
		"empty, not absent":   {"empty", nil, false},
		"of another's prefix": {"ther", []byte("1"), false},
	} {
		for _, reads := range []bool{false, true} {
			after, readErr := "q"+what+fmt.Sprint(reads), error(nil)
			err := s.Update(ctx, func(tx store.Tx) error {
				k, same := key("p", c.sort), key("p", c.sort)
				tx.Put(same, []byte("own")) // which is not what it is about
				tx.Expect(k, c.value)
				if tx.Put(same, c.value); c.value == nil {
					tx.Delete(same)
				}
				copy(k.Sort, "xxxxxxxx") // the key's memory is the caller's again
				if reads {
					if _, readErr = tx.Get(ctx, key("p", "something else")); readErr != nil {
						return errors.New("of the read: another error than the update's")
					}
				}
				tx.Put(key(after, "k"), []byte("v"))
				return nil
			})
			want(t, fmt.Sprint(what, ", took place, reads ", reads), read(t, s, after, "k") == "v", c.holds)
			if c.holds {
				wantError(t, what, err, nil)
				wantError(t, what+": the read", readErr, nil)
			} else {
				wantError(t, what, err, store.ErrUnexpected)
				if reads {
					wantError(t, what+": the read", readErr, store.ErrUnexpected)
				}
			}
		}
	}

	// What the function says of a state that is not the expected one does not count.
	err := s.Update(ctx, func(tx store.Tx) error {
		tx.Expect(key("p", "there"), []byte("2"))
		return errors.New("of a state that is not")
	})
	wantError(t, "the function's own error", err, store.ErrUnexpected)
	errOwn := errors.New("own")
	err = s.Update(ctx, func(tx store.Tx) error {
		tx.Expect(key("p", "there"), []byte("1"))
		return errOwn
	})
	wantError(t, "the function's own error of the expected state", err, errOwn)

	// It takes nothing from what the reads give.
	update(t, s, func(tx store.Tx) {
		tx.Expect(key("p", "there"), []byte("1"))
		want(t, "a scan", show(scan(t, tx, all("p"))), "p/empty= p/there=1 ")
		tx.Expect(key("p", "absent"), nil)
		want(t, "a get", get(t, tx, "p", "empty")+get(t, tx, "p", "there"), "1")
		tx.Expect(key("p", "empty"), []byte{})
		lists, err := tx.Scan(ctx, all("nothing"), all("p"), store.Span{Partition: []byte("p"), Reverse: true, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "scans", show(lists[0])+show(lists[1])+show(lists[2]), "p/empty= p/there=1 p/there=1 ")
	})

	// One that held, until another update came before the end.
	runs := 0
	err = s.Update(ctx, func(tx store.Tx) error {
		runs++
		tx.Expect(key("p", "there"), []byte("1"))
		if _, err := tx.Get(ctx, key("other", "k")); err != nil {
			return err
		}
		if runs == 1 {
			put(t, s, "p", "there", "2")
		}
		tx.Put(key("q", "k"), []byte("v"))
		return nil
	})
	wantError(t, "overtaken", err, store.ErrUnexpected)
	want(t, "overtaken, took place", read(t, s, "q", "k"), "<nil>")

	// Several, of which the last is not met.
	err = s.Update(ctx, func(tx store.Tx) error {
		tx.Expect(key("p", "there"), []byte("2"))
		tx.Expect(key("elsewhere", "k"), nil)
		tx.Expect(key("p", "empty"), nil)
		tx.Put(key("q", "k"), []byte("v"))
		return nil
	})
	wantError(t, "several", err, store.ErrUnexpected)
	err = s.Update(ctx, func(tx store.Tx) error { tx.Expect(store.Key{}, nil); return nil })
	wantError(t, "of no key", err, store.ErrInvalid)
}

// testAhead: spans that were told ahead give what they would have given.
func testAhead(t *testing.T, s store.Store) {
	ctx := context.Background()
	for i := range 9 {
		put(t, s, "p", fmt.Sprint(i), "v")
	}
	put(t, s, "q", "k", "v")
	part := func(p, start, end string, reverse bool, limit int) store.Span {
		return store.Span{Partition: []byte(p), Start: []byte(start), End: []byte(end), Reverse: reverse, Limit: limit}
	}
	spans := []store.Span{part("p", "", "", false, 100), part("p", "2", "5", false, 100), part("p", "2", "5", true, 2), part("p", "2", "5", false, 2), part("q", "", "", false, 1),
		part("nothing", "", "", false, 5), part("p", "5", "2", false, 5), part("p", "", "3", true, 1)}
	wanted := ""
	view(t, s, func(r store.Reader) {
		wanted = ""
		for _, span := range spans {
			wanted += show(scan(t, r, span)) + ";"
		}
	})
	for name, before := range map[string]func(store.Tx){
		"nothing":          func(store.Tx) {},
		"writes elsewhere": func(tx store.Tx) { tx.Put(key("elsewhere", "k"), []byte("v")) },
		"an expectation":   func(tx store.Tx) { tx.Expect(key("q", "k"), []byte("v")) },
	} {
		update(t, s, func(tx store.Tx) {
			before(tx)
			tx.Ahead(ctx, spans...)
			got := ""
			for _, span := range spans {
				got += show(scan(t, tx, span)) + ";"
			}
			want(t, "after "+name, got, wanted)
			again := ""
			for i := len(spans) - 1; i >= 0; i-- { // those that were taken are read
				again = show(scan(t, tx, spans[i])) + ";" + again
			}
			want(t, "again after "+name, again, wanted)
		})
	}
	// What the run writes is laid over it, whenever it does.
	update(t, s, func(tx store.Tx) {
		tx.Delete(key("p", "0"))
		tx.Ahead(ctx, part("p", "", "", false, 3), part("q", "", "", false, 5), part("r", "", "", false, 5))
		tx.Delete(key("p", "1"))
		tx.Put(key("q", "a"), []byte("w"))
		tx.Clear([]byte("r"))
		want(t, "p", show(scan(t, tx, part("p", "", "", false, 3))), "p/2=v p/3=v p/4=v ")
		want(t, "q", show(scan(t, tx, part("q", "", "", false, 5))), "q/a=w q/k=v ")
		want(t, "r", show(scan(t, tx, part("r", "", "", false, 5))), "")
	})
	// It is a read: of what another has changed meanwhile the run hears.
	seen := ""
	runs := interfere(t, s,
		func(tx store.Tx) {
			tx.Ahead(ctx, part("new", "", "", false, 1), part("q", "", "", false, 5))
		},
		func(tx store.Tx) { tx.Put(key("new", "k"), []byte("v")) },
		func(tx store.Tx) {
			seen = show(scan(t, tx, part("new", "", "", false, 1)))
			tx.Put(key("out", "k"), []byte(seen))
		})
	want(t, "seen in the end", seen, "new/k=v ")
	if runs > 2 {
		t.Errorf("%d runs", runs)
	}
	// What is not allowed, the scan says.
	update(t, s, func(tx store.Tx) {
		tx.Ahead(ctx, store.Span{}, part("q", "", "", false, 0))
		_, err := tx.Scan(ctx, store.Span{})
		wantError(t, "of no partition", err, store.ErrInvalid)
	})
}
