package profile_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"strings"
	"testing"

	"kindred/internal/ingest/ingesttest"
	"kindred/internal/profile"
	"kindred/internal/store"
)

// damages spoil one thing each of what is stored of a domain; the text is of what an
// inspection has to say then.
var damages = map[string]struct {
	says  string
	spoil func(t *testing.T, w *inspected)
}{
	"an index entry is gone":        {"is , want 01", func(t *testing.T, w *inspected) { w.change(t, 'k', func(r *store.Record) { r.Value = nil }) }},
	"an index entry counts wrongly": {"is 07, want 01", func(t *testing.T, w *inspected) { w.change(t, 'k', func(r *store.Record) { r.Value = []byte{7} }) }},
	"an index entry is of nobody": {"an index entry leads to it that it does not want", func(t *testing.T, w *inspected) {
		w.change(t, 'k', func(r *store.Record) { r.Key.Sort = append([]byte{'m'}, bytes.Repeat([]byte{9}, 16)...) })
	}},
	"an index entry is of another key": {"an index entry leads to it that it does not want", func(t *testing.T, w *inspected) {
		w.change(t, 'k', func(r *store.Record) {
			r.Key.Partition = append(bytes.Clone(r.Key.Partition[:len(r.Key.Partition)-1]), 1)
		})
	}},
	"a unique key is gone": {"is , want", func(t *testing.T, w *inspected) { w.change(t, 'u', func(r *store.Record) { r.Value = nil }) }},
	"a unique key names another": {"is 09090909", func(t *testing.T, w *inspected) {
		w.change(t, 'u', func(r *store.Record) { r.Value = bytes.Repeat([]byte{9}, 16) })
	}},
	"a unique key is of nothing": {"a unique key leads to it that it does not want", func(t *testing.T, w *inspected) {
		w.change(t, 'u', func(r *store.Record) {
			r.Key.Partition = append(bytes.Clone(r.Key.Partition[:len(r.Key.Partition)-1]), 1)
		})
	}},
	"a due time is gone": {"is , want ", func(t *testing.T, w *inspected) { w.change(t, 'x', func(r *store.Record) { r.Value = nil }) }},
	"a due time is of nobody": {"a due time leads to it that it does not want", func(t *testing.T, w *inspected) {
		w.change(t, 'x', func(r *store.Record) { r.Key.Sort = bytes.Repeat([]byte{9}, 16) })
	}},
	"the way to a merge is gone": {"is , want", func(t *testing.T, w *inspected) { w.change(t, 'm', func(r *store.Record) { r.Value = nil }) }},
	"the way to a merge is of none": {"the way to a merge leads to it that it does not want", func(t *testing.T, w *inspected) {
		w.change(t, 'm', func(r *store.Record) {
			r.Key.Partition = append(bytes.Clone(r.Key.Partition[:len(r.Key.Partition)-1]), 1)
		})
	}},
	"the totals are wrong": {"the totals are", func(t *testing.T, w *inspected) {
		w.update(t, func(tx store.Tx) {
			tx.Add(store.Key{Partition: w.ID(satelliteDomain).Partition('n', 3), Sort: []byte("objects")}, 5)
		})
	}},
	"a head is stale":           {"the head is not the fold", func(t *testing.T, w *inspected) { w.stale(t, w.alone) }},
	"a merged profile is stale": {"the merged profile is not the fold", func(t *testing.T, w *inspected) { w.staleGroup(t) }},
	"a standard object cannot be found": {"nothing leads from a", func(t *testing.T, w *inspected) {
		w.changeIn(t, w.alone, 'k', func(r *store.Record) { r.Value = nil })
	}},
	"a standard key leads nowhere": {"leads to no standard object", func(t *testing.T, w *inspected) {
		w.changeIn(t, w.alone, 'k', func(r *store.Record) { r.Key.Sort[len(r.Key.Sort)-1] ^= 1 })
	}},
	"a standard object is stale": {"is not the fold", func(t *testing.T, w *inspected) { w.staleStandard(t) }},
}

// inspected is a world with a profile of its own, and a merged one.
type inspected struct {
	*ingesttest.World
	alone, root profile.ID
}

func newInspected(t *testing.T, engine ingesttest.Engine) *inspected {
	t.Helper()
	w := &inspected{World: ingesttest.NewOn(t, engine)}
	w.NewDomain(satelliteDomain)
	for name, d := range sequenceTypes {
		w.PutType(satelliteDomain, name, d)
	}
	w.alone = w.Put(satelliteDomain, "Registration", `{"no":"R1","serial":"S-77","mail":"ada@x.org","name":"Kettle","status":"new"}`)
	w.root = w.Create(satelliteDomain, `{"EmailAddress":"a@x.org","FirstName":"Jon"}`)
	other := w.Create(satelliteDomain, `{"EmailAddress":"a@x.org","LastName":"Doe"}`)
	mergeOf(t, w.World, w.root, other)
	return w
}

func (w *inspected) update(t *testing.T, fn func(store.Tx)) {
	t.Helper()
	if err := w.Domains.Store().Update(context.Background(), func(tx store.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

// changeAt changes the first record of the partitions with a prefix that keep takes: a nil
// value deletes it, another key adds one.
func (w *inspected) changeAt(t *testing.T, prefix []byte, keep func(store.Record) bool, fn func(*store.Record)) {
	t.Helper()
	list, err := w.Domains.Store().ScanPrefix(context.Background(), prefix, store.Key{}, store.MaxScan)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if !keep(r) {
			continue
		}
		r = store.Record{Key: store.Key{Partition: bytes.Clone(r.Key.Partition), Sort: bytes.Clone(r.Key.Sort)}, Value: bytes.Clone(r.Value)}
		fn(&r)
		w.update(t, func(tx store.Tx) {
			if r.Value == nil {
				tx.Delete(r.Key)
				return
			}
			tx.Put(r.Key, r.Value)
		})
		return
	}
	t.Fatalf("there is no record below %x", prefix)
}

func (w *inspected) change(t *testing.T, kind byte, fn func(*store.Record)) {
	t.Helper()
	w.changeAt(t, w.ID(satelliteDomain).Partition(kind), func(r store.Record) bool {
		return kind != 'k' || len(r.Value) == 1 && r.Value[0] == 1 && r.Key.Sort[0] == 'm'
	}, fn)
}

func (w *inspected) changeIn(t *testing.T, id profile.ID, tag byte, fn func(*store.Record)) {
	t.Helper()
	w.changeAt(t, w.ID(satelliteDomain).Partition('p', id[:]...), func(r store.Record) bool { return r.Key.Sort[0] == tag }, fn)
}

func (w *inspected) stale(t *testing.T, id profile.ID) {
	t.Helper()
	if err := profile.StaleHead(w.Ctx(), w.Domains, satelliteDomain, id); err != nil {
		t.Fatal(err)
	}
}

func (w *inspected) staleGroup(t *testing.T) {
	t.Helper()
	if err := profile.StaleGroup(w.Ctx(), w.Domains, satelliteDomain, w.root); err != nil {
		t.Fatal(err)
	}
}

func (w *inspected) staleStandard(t *testing.T) {
	t.Helper()
	if err := profile.StaleStandard(w.Ctx(), w.Domains, satelliteDomain, w.alone); err != nil {
		t.Fatal(err)
	}
}

// An inspection names each damage and nothing else, a repair mends it, and what is shown
// is what was shown before.
func TestAnInspectionFindsAndMendsEachDamage(t *testing.T) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) {
			for name, d := range damages {
				t.Run(name, func(t *testing.T) {
					w := newInspected(t, engine)
					show := func() string { return w.Show(satelliteDomain, w.alone) + w.Show(satelliteDomain, w.root) }
					before := show()
					sound(t, w.World)
					d.spoil(t, w)
					found, err := profile.Verify(w.Ctx(), w.Domains, satelliteDomain)
					if err != nil {
						t.Fatal(err)
					}
					if !strings.Contains(strings.Join(found, "\n"), d.says) {
						t.Fatalf("found %q, want %q", found, d.says)
					}
					again, err := profile.Verify(w.Ctx(), w.Domains, satelliteDomain)
					if err != nil || len(again) != len(found) {
						t.Errorf("a look has changed something: %q, %v", again, err)
					}
					if _, err := profile.Mend(w.Ctx(), w.Domains, satelliteDomain); err != nil {
						t.Fatal(err)
					}
					sound(t, w.World)
					if after := show(); after != before {
						t.Errorf("it is shown as\n%s\nbefore as\n%s", after, before)
					}
				})
			}
		})
	}
}

// What cannot be made anew is told and left alone.
func TestAnInspectionTellsOfWhatIsLost(t *testing.T) {
	w := newInspected(t, ingesttest.Memory)
	w.changeIn(t, w.alone, 'o', func(r *store.Record) { r.Value = nil })
	for range 2 {
		found, err := profile.Mend(w.Ctx(), w.Domains, satelliteDomain)
		if err != nil || len(found) != 1 || !strings.Contains(found[0], "the object of Registration is missing") {
			t.Errorf("found %q, %v", found, err)
		}
	}
	// A record that does not open ends the inspection with its place.
	w.changeIn(t, w.alone, 'h', func(r *store.Record) { r.Value[len(r.Value)-1] ^= 1 })
	_, err := profile.Verify(w.Ctx(), w.Domains, satelliteDomain)
	if err == nil || !strings.Contains(err.Error(), hex.EncodeToString(w.alone[:])) {
		t.Errorf("a damaged head: %v", err)
	}
}

// A finding has places and kinds, and nothing that is a customer's.
func TestFindingsHaveNothingOfCustomers(t *testing.T) {
	for name, d := range damages {
		w := newInspected(t, ingesttest.Memory)
		d.spoil(t, w)
		i := &profile.Inspection{Domains: w.Domains, Domain: w.ID(satelliteDomain), Found: func(f *profile.Fault) error {
			for _, secret := range []string{"ada@", "x.org", "Jon", "Doe", "Kettle", "S-77"} {
				if strings.Contains(f.Text+f.Detail, secret) {
					t.Errorf("%s: %s", name, f.Text)
				}
			}
			return nil
		}}
		if _, err := i.Run(w.Ctx()); err != nil {
			t.Error(err)
		}
	}
}
