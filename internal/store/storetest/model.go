package storetest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kindred/internal/store"
)

func testOwnWrites(t *testing.T, s store.Store) {
	for _, k := range []string{"b", "d", "f"} {
		put(t, s, "p", k, "old")
	}
	update(t, s, func(tx store.Tx) {
		tx.Put(key("p", "c"), []byte("new"))
		tx.Put(key("p", "d"), []byte("new"))
		tx.Delete(key("p", "b"))
		tx.Delete(key("p", "zz"))
		tx.Put(key("q", "c"), []byte("elsewhere"))
		want(t, "put", get(t, tx, "p", "c"), "new")
		want(t, "deleted", get(t, tx, "p", "b"), "<nil>")
		want(t, "untouched", get(t, tx, "p", "f"), "old")
		want(t, "all", show(scan(t, tx, all("p"))), "p/c=new p/d=new p/f=old ")
		span := all("p")
		span.Reverse, span.Limit = true, 2
		want(t, "last two", show(scan(t, tx, span)), "p/f=old p/d=new ")
		span = all("p")
		span.Limit = 1
		want(t, "first", show(scan(t, tx, span)), "p/c=new ")
		span.Start, span.End, span.Limit = []byte("c\x00"), []byte("f"), 9
		want(t, "middle", show(scan(t, tx, span)), "p/d=new ")
		tx.Delete(key("p", "c"))
		tx.Put(key("p", "b"), []byte("back"))
		want(t, "changed again", show(scan(t, tx, all("p"))), "p/b=back p/d=new p/f=old ")
		tx.Clear([]byte("p"))
		want(t, "cleared", show(scan(t, tx, all("p"))), "")
		want(t, "cleared", get(t, tx, "p", "f"), "<nil>")
		tx.Put(key("p", "z"), []byte("after"))
		want(t, "after clear", show(scan(t, tx, all("p"))), "p/z=after ")
		want(t, "other partition", show(scan(t, tx, all("q"))), "q/c=elsewhere ")
	})
	view(t, s, func(r store.Reader) {
		want(t, "committed", show(scan(t, r, all("p"))), "p/z=after ")
		want(t, "committed", show(scan(t, r, all("q"))), "q/c=elsewhere ")
	})
}

// model is what a store holds, by partition and sort key.
type model struct {
	records  map[string]map[string]string
	counters map[string]map[string]int64
}

func newModel() model {
	return model{map[string]map[string]string{}, map[string]map[string]int64{}}
}

func (m model) clone() model {
	c := newModel()
	for p, v := range m.records {
		c.records[p] = maps.Clone(v)
	}
	for p, v := range m.counters {
		c.counters[p] = maps.Clone(v)
	}
	return c
}

func (m model) put(p, k, v string) {
	if m.records[p] == nil {
		m.records[p] = map[string]string{}
	}
	m.records[p][k] = v
}

func (m model) add(p, k string, n int64) {
	if m.counters[p] == nil {
		m.counters[p] = map[string]int64{}
	}
	m.counters[p][k] += n
}

func (m model) clear(p string) {
	delete(m.records, p)
	delete(m.counters, p)
}

func (m model) get(p, k string) string {
	if v, ok := m.records[p][k]; ok {
		return v
	}
	return "<nil>"
}

func (m model) scan(s store.Span) string {
	var out []string
	p := string(s.Partition)
	keys := slices.Sorted(maps.Keys(m.records[p]))
	if s.Reverse {
		slices.Reverse(keys)
	}
	for _, k := range keys {
		if k >= string(s.Start) && (len(s.End) == 0 || k < string(s.End)) && len(out) < s.Limit {
			out = append(out, p+"/"+k+"="+m.records[p][k]+" ")
		}
	}
	return strings.Join(out, "")
}

// all shows every record of every partition that starts with prefix.
func (m model) all(prefix string) string {
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(m.records)) {
		if strings.HasPrefix(p, prefix) {
			b.WriteString(m.scan(all(p)))
		}
	}
	return b.String()
}

// chance makes keys and operations that often meet each other.
type chance struct {
	*rand.Rand
	n int // for values that are all different
}

func (c *chance) partition() string {
	return []string{"a", "a\x00", "a\x00\x01", "ab", "b", "\xff"}[c.IntN(6)]
}

func (c *chance) sort() string {
	return []string{"\x00", "\x01", "a", "a\x00", "b", "c", "d", "e", "\xff", "\xff\xff"}[c.IntN(10)]
}

func (c *chance) span() store.Span {
	s := store.Span{Partition: []byte(c.partition()), Reverse: c.IntN(2) == 0, Limit: 1 + c.IntN(6)}
	if c.IntN(2) == 0 {
		s.Start = []byte(c.sort())
	}
	if c.IntN(2) == 0 {
		s.End = []byte(c.sort())
	}
	return s
}

func testModel(t *testing.T, s store.Store) {
	c := &chance{Rand: seeded(t)}
	committed := newModel()
	errGiveUp := errors.New("give up")
	for range 300 {
		m := committed.clone()
		giveUp := c.IntN(5) == 0
		steps := 1 + c.IntN(20)
		if c.IntN(10) == 0 {
			steps = 200 // past what a small buffer handles in its own way
		}
		err := s.Update(context.Background(), func(tx store.Tx) error {
			for range steps {
				c.step(t, tx, m)
			}
			if giveUp {
				return errGiveUp
			}
			return nil
		})
		if giveUp {
			wantError(t, "Update", err, errGiveUp)
		} else {
			wantError(t, "Update", err, nil)
			committed = m
		}
		view(t, s, func(r store.Reader) {
			for range 5 {
				c.question(t, r, committed)
			}
		})
		prefix := []string{"", "a", "a\x00", "b", "x"}[c.IntN(5)]
		recs, err := s.ScanPrefix(context.Background(), []byte(prefix), store.Key{}, 1000)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "ScanPrefix", show(recs), committed.all(prefix))
	}
}

// step does one random thing to a transaction and its model.
func (c *chance) step(t *testing.T, tx store.Tx, m model) {
	p, k := c.partition(), c.sort()
	switch n := c.IntN(20); {
	case n < 8:
		c.n++
		v := fmt.Sprint(c.n)
		tx.Put(key(p, k), []byte(v))
		m.put(p, k, v)
	case n < 11:
		tx.Delete(key(p, k))
		delete(m.records[p], k)
	case n < 12:
		tx.Clear([]byte(p))
		m.clear(p)
	case n < 14:
		delta := c.Int64N(9) - 4
		tx.Add(key(p, k), delta)
		m.add(p, k, delta)
	default:
		c.question(t, tx, m)
	}
}

func (c *chance) question(t *testing.T, r store.Reader, m model) {
	p, k := c.partition(), c.sort()
	switch c.IntN(3) {
	case 0:
		want(t, fmt.Sprintf("Get %q %q", p, k), get(t, r, p, k), m.get(p, k))
	case 1:
		s := c.span()
		want(t, fmt.Sprintf("Scan %+v", s), show(scan(t, r, s)), m.scan(s))
	case 2:
		want(t, fmt.Sprintf("Count %q %q", p, k), count(t, r, p, k), m.counters[p][k])
	}
}
