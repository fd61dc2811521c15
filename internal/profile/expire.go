package profile

import (
	"encoding/binary"
	"math"
	"time"

	"kindred/internal/domain"
	"kindred/internal/store"
)

// When something of a profile expires is known from the day it comes. A profile
// has one entry in an index of due times, at the first full hour by which
// something of it will have expired. Its partitions lead with the hour, so that
// what is due lies together, and end with a shard, so that no single one takes
// all of an hour; the sort key is the id of the profile and the value is empty.
//
// The head names the hour of the entry. The entry is never later than the
// earliest due time, but may be earlier: an object that comes again is due later
// than it was, and the entry that waits for it is left to the sweep, which finds
// nothing expired and puts the entry where it belongs then.

func dueKey(d domain.ID, hour uint32, id ID) store.Key {
	return store.Key{Partition: append(d.Partition('x', binary.BigEndian.AppendUint32(nil, hour)...), id[0]), Sort: id[:]}
}

// dueHour is the first full hour since 1970 that is not before a time in
// microseconds. It is at least 1: 0 stands for no entry.
func dueHour(at int64) uint32 {
	const hour = int64(time.Hour / time.Microsecond)
	n := at / hour
	if at%hour > 0 {
		n++
	}
	return uint32(min(max(n, 1), math.MaxUint32))
}

// due notes that something of the profile expires at a time.
func (c *change) due(at int64) {
	if c.soonest == 0 || at < c.soonest {
		c.soonest = at
	}
}

// schedule sees to it that the entry of the profile is not later than what has
// been noted, and that a new profile has one.
func (c *change) schedule() {
	at := c.soonest
	if at == 0 {
		at = c.head.expires
	}
	if hour := dueHour(at); c.head.due == 0 || c.soonest != 0 && hour < c.head.due {
		c.reschedule(hour)
	}
}

// reschedule moves the entry of the profile to an hour.
func (c *change) reschedule(hour uint32) {
	if c.head.due == hour {
		return
	}
	c.unschedule()
	c.head.due = hour
	c.tx.PutPlain(dueKey(c.cfg.ID, hour, c.id), nil)
}

// unschedule removes the entry of the profile.
func (c *change) unschedule() {
	if c.head.due != 0 {
		c.dropLead(dueKey(c.cfg.ID, c.head.due, c.id))
		c.head.due = 0
	}
}

// ends is when the group expires as a whole: when all of its members have.
func (g *group) ends() (int64, error) {
	heads, err := readHeads(g.root.ctx, &g.root.tx.Reader, g.root.cfg.ID, g.all())
	if err != nil {
		return 0, err
	}
	var last int64
	for _, h := range heads {
		if h != nil {
			last = max(last, h.expires)
		}
	}
	return last, nil
}

// expire removes what has expired: the whole profile when nothing has renewed it,
// or any member of its group, for its period, else the objects and residues whose time has come, with all
// they gave. It reports how many objects and profiles went.
func (c *change) expire() (objects, profiles int, err error) {
	now := c.tx.Now().UnixMicro()
	ends, whole := c.head.expires, c
	if g := c.group; g != nil {
		whole = g.root
		if ends, err = g.ends(); err != nil {
			return 0, 0, err
		}
	}
	if ends <= now {
		return whole.counted(), 1, whole.erase(expired)
	}
	all, err := c.contributions()
	if err != nil {
		return 0, 0, err
	}
	var gone, rest []*contribution
	next := ends
	for _, k := range all {
		if k.expires <= now {
			gone = append(gone, k)
			continue
		}
		rest, next = append(rest, k), min(next, k.expires)
	}
	if len(gone) > 0 {
		if err := c.leave(gone, rest); err != nil {
			return 0, 0, err
		}
	}
	c.reschedule(dueHour(next))
	return c.objects - c.head.objects, 0, c.finish()
}
