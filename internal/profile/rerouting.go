package profile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"kindred/internal/store"
)

// route is where an object belongs by the keys of its new mapping.
type route struct {
	resolution
	stays bool
}

// whereTo finds the profile of an object by its new keys, in the order in which an
// ingestion tries them. A key that others, objects or people, have given to the
// profile that it is in keeps it there; one that finds one other profile moves it
// there. If no key decides, it stays if it made its profile, is there by keys that
// all are still tried, is all there is in it, or may make none; else it makes a
// profile of its own.
func (w *replaying) whereTo(lookup []Key, k *contribution) (to route, err error) {
	c := w.c
	spans := make([]store.Span, len(lookup))
	keys := make([]store.Key, len(lookup))
	for i, key := range lookup {
		if key.Name == profileIDKey {
			id, _ := ParseID(key.Value)
			keys[i] = store.Key{Partition: partition(w.cfg.ID, id), Sort: headSort}
			spans[i] = store.Span{Partition: keys[i].Partition, Start: headSort, End: after(headSort), Limit: 1}
			continue
		}
		h := w.tx.Ring().Identify(identKey, key.Name, key.Value)
		keys[i] = indexKey(w.cfg.ID, h, matching, c.id)
		spans[i] = store.Span{Partition: keys[i].Partition, Start: []byte{matching}, End: []byte{matching + 1}, Limit: 3}
	}
	own, err := w.tx.GetPlain(w.ctx, keys...)
	if err != nil {
		return to, fmt.Errorf("index: %w", err)
	}
	lists, err := w.tx.ScanPlain(w.ctx, spans...)
	if err != nil {
		return to, fmt.Errorf("index: %w", err)
	}
	var none ID
	anchored := k.created || w.Keeps(k.mapping)
	for i, key := range lookup {
		if key.Name == profileIDKey {
			if id, _ := ParseID(key.Value); len(lists[i]) > 0 {
				to.found, to.stays = id, w.mine(id)
				return to, nil
			}
			continue
		}
		had := slices.Contains(k.keys, key)
		gave, err := othersGive(own[i], had)
		if err != nil {
			return to, err
		}
		if had && anchored && !gave {
			continue // it finds the object itself, which says nothing of others
		}
		others := slices.DeleteFunc(lists[i], func(rec store.Record) bool { return bytes.Equal(rec.Key.Sort[1:], c.id[:]) })
		mine := gave || slices.ContainsFunc(others, func(rec store.Record) bool { return w.mine(ID(rec.Key.Sort[1:])) })
		switch {
		case mine:
			if to.stays = true; !gave && len(others) == 1 {
				to.found = ID(others[0].Key.Sort[1:])
			}
			return to, nil
		case len(others) == 1:
			to.found = ID(others[0].Key.Sort[1:])
			return to, nil
		case len(others) > 1 && to.one == none:
			if to.one, to.hits, err = shared(w.ctx, w.tx, w.cfg, others, spans[i]); err != nil {
				return to, err
			}
		}
	}
	if to.one != none {
		return to, nil
	}
	m, err := c.loadManual()
	if err != nil {
		return to, err
	}
	alone := c.group == nil && c.head.objects == 1 && len(w.all) == 1 && len(m.facts)+len(m.keys) == 0
	to.stays = anchored || alone || !w.Create || c.satellite()
	return to, nil
}

// mine reports whether an id is of the profile that clients see the object in.
func (w *replaying) mine(id ID) bool {
	return id == w.c.id || w.c.group != nil && slices.Contains(w.c.group.all(), id)
}

// othersGive reports whether a profile has a key, given the count in its index entry:
// from others than an object that has it too, or from that as well.
func othersGive(count []byte, butOne bool) (bool, error) {
	if count == nil {
		return false, nil
	}
	n, size := binary.Uvarint(count)
	if size <= 0 {
		return false, fmt.Errorf("index count: %w", store.ErrCorrupt)
	}
	if butOne {
		n--
	}
	return n > 0, nil
}

// move puts an object into another profile, or one of its own.
func (w *replaying) move(in *Object, k *contribution, to *route, lookup []Key) error {
	if err := w.flush(); err != nil {
		return err
	}
	fresh := to.one == (ID{}) && to.found == ID{}
	if !fresh && to.one == (ID{}) { // what refuses the object must do so before it has left
		d, err := loadBase(w.ctx, w.tx, w.cfg, to.found)
		if err != nil {
			return err
		}
		if _, _, err := w.givenParts(d, in, k, nil, false); err != nil {
			return err
		}
	}
	was, err := w.leave(k)
	if err != nil {
		return err
	}
	var d *change
	switch {
	case fresh:
		d = begin(w.ctx, w.tx, w.cfg, NewID())
		d.head.inferred = true
	case to.one != ID{}:
		d, err = to.openMerged(w.ctx, w.tx, w.cfg, w.id)
	default:
		d, err = loadBase(w.ctx, w.tx, w.cfg, to.found)
	}
	if err != nil {
		return err
	}
	if t := w.touch(d); d.fresh && d.group == nil {
		t.Keeper, t.secret = w.source.Keeper, w.source.secret
	}
	if err := d.makeRoom(in, nil); err != nil {
		return err
	}
	arrives := *k
	arrives.versions = nil
	arrives.created = d.fresh
	if d.satellite() {
		in.way = in.path(lookup, w.Create, to.found, to.found == d.id)
		arrives.created = w.Create
	}
	n, err := w.given(d, in, &arrives)
	if err != nil {
		return err
	}
	parts, made, err := w.givenParts(d, in, &arrives, nil, n.created)
	if err != nil {
		return err
	}
	n.parts = parts
	if err := d.renumber(n); err != nil {
		return err
	}
	if w.Undo == nil {
		n.before = was
	}
	if err := w.arrive(d, n, made, in.Body); err != nil {
		return err
	}
	w.replaced(k)
	w.Count(CountMoved, 1)
	if err := w.keys(d, nil, n.keys, lookup); err != nil {
		return err
	}
	return w.again()
}

// leave takes an object out of its profile, which goes if it was made by ingestion
// and nothing is left of it.
func (w *replaying) leave(k *contribution) (*former, error) {
	if err := w.again(); err != nil {
		return nil, err
	}
	c := w.c
	w.source = w.touch(c)
	was := c.formerly(k)
	rest := slices.DeleteFunc(slices.Clone(w.all), func(o *contribution) bool { return o.origin == k.origin })
	if err := c.leave([]*contribution{k}, rest); err != nil {
		return nil, err
	}
	if err := w.keys(c, k.keys, nil, nil); err != nil {
		return nil, err
	}
	empty, err := c.empty()
	if err != nil {
		return nil, err
	}
	if empty && len(rest) == 0 {
		if err := c.vanish(emptied); err != nil {
			return nil, err
		}
		w.Count(CountRemoved, 1)
		t := w.touch(c)
		t.Removed, t.after = true, nil
		return was, nil
	}
	c.head.forgotten = c.now // what was here before cannot be told any more
	if err := c.finish(); err != nil {
		return nil, err
	}
	w.stands(c)
	return was, nil
}

// arrive writes a contribution that comes from another profile, with its object.
func (w *replaying) arrive(d *change, n *contribution, made []*standardObject, body []byte) error {
	if d.fresh && d.group == nil {
		w.Count(CountMade, 1)
		w.touch(d).Made = true
	}
	all, err := d.contributions()
	if err != nil {
		return err
	}
	if err := d.swapParts(nil, n.parts, made, all); err != nil {
		return err
	}
	d.recount(matching, nil, n.keys)
	d.tx.PutWith(d.tx.Ring().TypeKey(n.origin.Type), d.key(objectSort(n.origin, n.order)), body)
	d.save(n)
	d.tx.PutPlain(uniqueKey(w.cfg.ID, n.origin), d.id[:])
	d.head.objects++
	d.head.bytes += int64(n.size)
	d.head.counts.add(n.origin.Type, 1)
	d.head.expires = max(d.head.expires, n.expires)
	d.due(n.expires)
	if err := d.refold(append(all, n)); err != nil {
		return err
	}
	if err := d.finish(); err != nil {
		return err
	}
	w.stands(d)
	return nil
}

// restore makes an object again what it was before it was replayed, in the profile
// in which it was.
func (w *replaying) restore(k *contribution, body []byte) error {
	b := k.before
	n := *b.was
	n.expires = k.expires
	if b.home == w.id {
		n.versions = k.versions
		w.replaced(k)
		if err := w.exchange(k, &n, nil, body); err != nil {
			return err
		}
		return w.keys(w.c, k.keys, n.keys, nil)
	}
	n.versions = nil
	if err := w.flush(); err != nil {
		return err
	}
	d, err := w.home(b)
	if err != nil {
		return err
	}
	if d == nil { // it is gone for another reason: the object stays where it is
		if n.way = k.way; n.way == nil {
			n.created = k.created
		}
		if n.seq, n.parts = k.seq, nil; len(b.was.parts) > 0 {
			n.parts = k.parts
		}
		for i := range n.facts {
			n.facts[i].Seq = k.seq
		}
		w.replaced(k)
		if err := w.exchange(k, &n, nil, body); err != nil {
			return err
		}
		return w.keys(w.c, k.keys, n.keys, nil)
	}
	if _, err := w.leave(k); err != nil {
		return err
	}
	if !d.fresh { // what was read may be what has just been changed
		if d, err = loadBase(w.ctx, w.tx, w.cfg, b.home); err != nil {
			return err
		}
		d.head.forgotten = d.now
	}
	w.touch(d)
	places := []uint64{n.seq}
	for _, f := range n.facts {
		places = append(places, f.Seq)
	}
	for i := range n.parts {
		for _, f := range n.parts[i].facts {
			places = append(places, f.Seq)
		}
	}
	d.head.seq = max(d.head.seq, slices.Max(places))
	if err := w.arrive(d, &n, nil, body); err != nil {
		return err
	}
	w.replaced(k)
	w.Count(CountMoved, 1)
	if err := w.keys(d, nil, n.keys, nil); err != nil {
		return err
	}
	return w.again()
}

// home opens the profile in which an object was; one that went because a replay
// left nothing in it is made anew. Nil: it has gone for another reason.
func (w *replaying) home(b *former) (*change, error) {
	heads, err := readHeads(w.ctx, &w.tx.Reader, w.cfg.ID, []ID{b.home})
	if err != nil {
		return nil, err
	}
	if heads[0] != nil {
		return loadBase(w.ctx, w.tx, w.cfg, b.home)
	}
	grave := goneKey(w.tx.Ring(), w.cfg.ID, b.home)
	v, err := w.tx.GetPlain(w.ctx, grave)
	if err != nil || v[0] == nil {
		return nil, err
	}
	e, err := decodeEntry(logSort(1), v[0])
	if err != nil || e.action != emptied {
		return nil, err
	}
	w.tx.Delete(grave)
	d := begin(w.ctx, w.tx, w.cfg, b.home)
	d.head.inferred, d.head.created = true, b.made
	return d, nil
}
