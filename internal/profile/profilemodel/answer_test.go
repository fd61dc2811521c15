package profilemodel_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// answer is what a step is answered with, in words that the model and the engines
// have in common.
type answer struct {
	Err   string
	Lines []string
	// ties are lines that may be in another order among themselves: those with the same number.
	ties []int
	// profiles are those that are named, in order, so that their ids can be learned.
	profiles []string
}

// done is a step that has been made, and when.
type done struct {
	step
	at   int64
	errs []string // of its records, or of the step itself
}

// apply makes a step that may change something.
func (m *model) apply(s step) answer { return m.again(s, make([]string, max(1, len(s.Records)))) }

// again makes a step of which it is known what cannot be done.
func (m *model) again(s step, errs []string) (a answer) {
	at := m.now
	m.step, m.made = s.ID, 0
	m.now += tick
	switch s.Op {
	case "put", "batch":
		a = m.putAll(s, errs)
	case "pass":
		a = m.pass(s.Hours)
	case "delete type":
		a.Err = m.deleteType(s.Type)
	case "put type":
		a.Err = m.putType(s.Type, s.Form)
	case "rename":
		a = m.rename(s.Name)
	case "unmerge":
		if a.Err = errs[0]; a.Err == "" {
			a = m.unmerge(s.Name)
		}
		if errs[0] = a.Err; a.Err == errSeveral {
			m.rewind(s)
		}
	case "merge":
		if a.Err = m.mergeProfiles(s); a.Err == "" {
			a.profiles = []string{"M" + s.ID}
		}
	case "create":
		p := m.newProfile()
		p.expires = m.now + domainDays*day
		m.edit(p, "CREATED", s.Members)
		a.profiles = []string{p.name}
	default:
		a = m.change(s)
	}
	m.done = append(m.done, done{s, at, errs})
	return a
}

// query answers a step that changes nothing.
func (m *model) query(s step) (a answer) {
	switch s.Op {
	case "get":
		a = m.get(s.Profiles)
	case "search":
		a = m.search(s)
	case "list":
		a = m.list(s)
	case "history":
		a = m.history(s.Profiles[0])
	case "stats":
		a.Lines = []string{m.stats()}
	}
	return a
}

// change is a call on one profile.
func (m *model) change(s step) (a answer) {
	p, missing := m.visible(s.Profiles[0])
	if missing != "" {
		return answer{Err: missing}
	}
	switch s.Op {
	case "update":
		p.expires = max(p.expires, m.now+domainDays*day)
		m.edit(p, "UPDATED", s.Members)
	case "add key":
		a.Err = m.addKey(p, s.Keys[0])
	case "delete key":
		a.Err = m.deleteKey(p, s.Keys[0])
	case "delete object":
		for _, q := range m.members(p) {
			for _, o := range q.objects {
				if o.typ == s.Type && o.unique == s.Name {
					m.drop(q, o)
					q.note(m, "DELETED_BY_CUSTOMER", o.typ+"/"+o.unique)
					return a
				}
			}
		}
		a.Err = "NotFound: The profile has no object of the type " + s.Type + " with this ProfileObjectUniqueKey"
	case "delete profile":
		m.erase(p, "DELETED_BY_CUSTOMER")
	}
	return a
}

func (m *model) edit(p *profile, action string, members map[string]string) {
	for path, text := range members {
		p.edits = append(p.edits, fact{path: path, text: text, seq: m.next(), time: m.now, manual: true})
	}
	p.note(m, action, "")
}

func (m *model) addKey(p *profile, k searchKey) string {
	if k.Name == "_profileId" {
		return "Invalid: KeyName: _profileId is the id of the profile and cannot be added"
	}
	for _, value := range k.Values {
		forms, known := m.forms(k.Name, value)
		if !known {
			return unknownKey(k.Name)
		}
		for _, form := range forms {
			p.added = append(p.added, key{k.Name, form})
		}
	}
	p.note(m, "ADDED_PROFILE_KEY", "")
	return ""
}

func unknownKey(name string) string {
	return "Invalid: KeyName: no object type of the domain defines the key " + name
}

// deleteKey removes values wherever they came from, but for what follows from fields.
func (m *model) deleteKey(p *profile, k searchKey) string {
	var gone []key
	for _, value := range k.Values {
		forms, known := m.forms(k.Name, value)
		if !known {
			return unknownKey(k.Name)
		}
		for _, form := range forms {
			gone = append(gone, key{k.Name, form})
		}
	}
	in := func(k key) bool { return slices.Contains(gone, k) }
	for _, q := range m.members(p) {
		q.added = slices.DeleteFunc(q.added, in)
		for _, o := range q.objects {
			o.keys = slices.DeleteFunc(o.keys, in)
		}
	}
	p.note(m, "DELETED_PROFILE_KEY", "")
	return ""
}

// putAll ingests records in order. One that cannot be put is taken out, and the
// others are put as if it had not been there.
func (m *model) putAll(s step, errs []string) (a answer) {
	t, known := m.types[s.Type]
	if !known {
		return answer{Err: "NotFound: The object type " + s.Type + " does not exist in the domain"}
	}
	for i, record := range s.Records {
		if errs[i] != "" {
			a.Lines = append(a.Lines, errs[i])
			continue
		}
		p, err := m.put(mapRecord(s.Type, t, text(record, m.id), record))
		if errs[i] = err; err == errSeveral { // it has been put in part
			m.rewind(s)
			return m.putAll(s, errs)
		}
		if err != "" {
			a.Lines = append(a.Lines, err)
			continue
		}
		a.Lines, a.profiles = append(a.Lines, "stored"), append(a.profiles, p.name)
	}
	return a
}

// rewind takes back what a step has done so far: all that was done before is done
// again from the beginning.
func (m *model) rewind(s step) {
	again := newModel()
	again.learned, again.ids = m.learned, m.ids
	tally := m.tally
	for _, d := range m.done {
		again.now = d.at
		again.again(d.step, d.errs)
	}
	again.step, again.made, again.now = s.ID, 0, m.now
	*m = *again
	m.tally = tally
}

// id is that of a profile by its name.
func (m *model) id(name string) string {
	if id, ok := m.ids[name]; ok {
		return id
	}
	return nobody
}

// nobody is an id that no profile has.
const nobody = "ffffffffffffffffffffffffffffffff"

// get reads profiles.
func (m *model) get(names []string) (a answer) {
	for _, name := range names {
		if p, missing := m.visible(name); missing != "" {
			a.Lines = append(a.Lines, "404 "+missing)
		} else {
			a.Lines = append(a.Lines, m.show(p))
		}
	}
	return a
}

// show is a profile as JSON.
func (m *model) show(p *profile) string {
	tree := map[string]any{"ProfileId": p.name}
	for path, f := range m.stands(p, m.seq+1, nil) {
		name, rest, deep := strings.Cut(path, ".")
		if !deep {
			tree[name] = f.text
			continue
		}
		if tree[name] == nil {
			tree[name] = map[string]any{}
		}
		tree[name].(map[string]any)[rest] = f.text
	}
	return compact(tree)
}

func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// search finds the profiles that have one of the keys, or all of them.
func (m *model) search(s step) (a answer) {
	for _, p := range m.seen() {
		has := m.searchable(p)
		var by []string
		terms := 0
		for _, k := range s.Keys {
			var values []string
			for _, value := range k.Values {
				forms, _ := m.forms(k.Name, value)
				if slices.ContainsFunc(forms, func(form string) bool { return has[key{k.Name, form}] }) {
					values = append(values, value)
				}
			}
			if len(values) > 0 {
				terms++
				by = append(by, k.Name+" "+strings.Join(values, ","))
			}
		}
		if terms == 0 || s.And && terms < len(s.Keys) {
			continue
		}
		if s.And { // everything that was asked for
			by = nil
			for _, k := range s.Keys {
				by = append(by, k.Name+" "+strings.Join(k.Values, ","))
			}
		}
		a.Lines = append(a.Lines, fmt.Sprint(m.show(p), " by ", by))
	}
	a.ties = make([]int, len(a.Lines))
	return a
}

// list lists the objects of a profile.
func (m *model) list(s step) (a answer) {
	if _, known := m.types[s.Type]; !known && s.Type[0] != '_' {
		return answer{Err: "NotFound: The object type " + s.Type + " does not exist in the domain"}
	}
	p, missing := m.visible(s.Profiles[0])
	if missing != "" {
		return answer{Err: missing}
	}
	wanted := func(...map[key]bool) bool { return true }
	if len(s.Keys) > 0 {
		wanted = func(sets ...map[key]bool) bool {
			for _, value := range s.Keys[0].Values {
				forms, _ := m.forms(s.Keys[0].Name, value)
				for _, form := range forms {
					for _, keys := range sets {
						if keys[key{s.Keys[0].Name, form}] {
							return true
						}
					}
				}
			}
			return false
		}
	}
	if s.Type[0] == '_' {
		return m.listStandards(p, s.Type, wanted)
	}
	var list []*object
	for _, q := range m.members(p) {
		for _, o := range q.objects {
			if o.typ == s.Type && wanted(o.allKeys()) {
				list = append(list, o)
			}
		}
	}
	m.newestFirst(list)
	for _, o := range list {
		a.Lines = append(a.Lines, o.unique+" "+o.body)
	}
	return a
}

func (o *object) allKeys() map[key]bool {
	keys := map[key]bool{}
	for _, k := range o.keys {
		keys[k] = true
	}
	for _, part := range o.parts {
		for _, k := range part.keys {
			keys[k] = true
		}
	}
	return keys
}

// listStandards lists standard objects, the last changed first. Those that changed at once are in the order of ids that nobody knows.
func (m *model) listStandards(p *profile, kind string, wanted func(...map[key]bool) bool) (a answer) {
	type item struct {
		line string
		at   int64
	}
	var items []item
	for _, q := range m.members(p) {
		for _, s := range q.standards(kind) {
			if wanted(q.partKeys(s), q.standardKeys(s)) {
				tree := map[string]any{}
				for path, f := range q.values(s) {
					tree[path] = f.text
				}
				items = append(items, item{compact(tree), s.updated})
			}
		}
	}
	slices.SortFunc(items, func(a, b item) int { return cmp.Compare(b.at, a.at) })
	for i, it := range items {
		a.Lines = append(a.Lines, it.line)
		tie := i
		if i > 0 && items[i-1].at == it.at {
			tie = a.ties[i-1]
		}
		a.ties = append(a.ties, tie)
	}
	return a
}

// history lists what happened to a profile, the newest first. What happened at
// once may be in any order.
func (m *model) history(name string) (a answer) {
	i := slices.IndexFunc(m.profiles, func(p *profile) bool { return p.name == name })
	if i < 0 {
		_, missing := m.visible(name)
		return answer{Err: missing}
	}
	p := m.profiles[i]
	var all []happening
	if p.gone() {
		all = []happening{{p.end, "", p.ended, 0}}
	} else {
		for _, q := range m.members(m.root(p)) {
			if m.root(p) == p || q == p {
				all = append(all, m.historyOf(q, p)...)
			}
		}
	}
	slices.SortFunc(all, func(a, b happening) int { return cmp.Compare(b.at, a.at) })
	for i, h := range all {
		a.Lines = append(a.Lines, strings.TrimSpace(h.action+" "+h.object))
		tie := i
		if i > 0 && all[i-1].at == h.at {
			tie = a.ties[i-1]
		}
		a.ties = append(a.ties, tie)
	}
	return a
}

// historyOf is what the history of a profile has of one of its members: what happened since it
// has been part of it. That of one which has been merged away ends there.
func (m *model) historyOf(q, p *profile) (all []happening) {
	own := slices.Clone(q.log)
	for _, o := range q.objects {
		own = append(own, o.came...)
	}
	if q.inferred {
		own = append(own, happening{"CREATED", "", q.made, 0})
	}
	since := 0
	at := q
	if len(q.hits) > 0 {
		at = q.hits[0]
	}
	for up, g := m.above(at); up != nil; up, g = m.above(at) {
		since, at = max(since, g.seq), up
	}
	if len(q.hits) > 0 || q == p {
		since = 0
	}
	var end *happening
	for _, h := range q.log {
		if h.action == "DELETED_BY_MERGE" && m.root(p) != p {
			end = &h
		}
	}
	for _, h := range own {
		later := end != nil && cmp.Or(cmp.Compare(h.at, end.at), cmp.Compare(h.seq, end.seq)) > 0
		if h.seq < since || later || q != p && h.action == "DELETED_BY_MERGE" {
			continue
		}
		all = append(all, h)
	}
	return all
}

// stats are the counts of the domain.
func (m *model) stats() string {
	objects, bytes := 0, 0
	for _, p := range m.profiles {
		if p.gone() {
			continue
		}
		for _, o := range p.objects {
			objects, bytes = objects+1, bytes+len(o.body)
		}
	}
	return fmt.Sprintf("%d profiles, %d metered, %d objects, %d bytes", len(m.seen()), len(m.seen()), objects, bytes)
}

// pass lets time pass until some full hour and takes away what has expired by then.
func (m *model) pass(hours int) (a answer) {
	m.now = m.now - m.now%hour + int64(hours)*hour
	objects, profiles := 0, 0
	for _, root := range m.seen() {
		var ends int64
		members := m.members(root)
		for _, p := range members {
			ends = max(ends, p.expires)
		}
		if ends <= m.now {
			for _, p := range members {
				objects += len(p.objects)
			}
			profiles++
			m.tally["expired profile"]++
			m.erase(root, "EXPIRED")
			continue
		}
		for _, p := range members {
			for _, o := range slices.Clone(p.objects) {
				if o.expires <= m.now {
					m.tally["expired object"]++
					m.drop(p, o)
					objects++
				}
			}
			maps.DeleteFunc(p.residues, func(_ string, r *residue) bool { return r.expires <= m.now })
		}
	}
	return answer{Lines: []string{fmt.Sprintf("%d objects and %d profiles expire", objects, profiles)}}
}

// deleteType deletes an object type and what its objects gave. An inferred profile of which nothing is left
// goes too, unless it is merged with others.
func (m *model) deleteType(name string) string {
	if _, known := m.types[name]; !known {
		return "NotFound: The object type " + name + " does not exist in the domain"
	}
	delete(m.types, name)
	for _, p := range m.profiles {
		had := p.residues[name] != nil
		delete(p.residues, name)
		for _, o := range slices.Clone(p.objects) {
			if o.typ == name {
				m.drop(p, o)
				had = true
			}
		}
		alone := len(m.members(m.root(p))) == 1
		if had && !p.gone() && alone && p.inferred && len(p.objects)+len(p.facts())+len(p.added) == 0 {
			m.tally["nothing left"]++
			p.end, p.ended = "DELETED_BY_CUSTOMER", m.now
		}
	}
	return ""
}

func (m *model) putType(name string, form int) string {
	t := objectTypes[name][form]
	left := maxObjects
	for other, d := range m.types {
		if other != name {
			left -= d.Max
		}
	}
	if t.Max > left {
		return fmt.Sprintf("Invalid: MaxProfileObjectCount: the limits of all object types cannot exceed the %d objects of a profile; %d are left", maxObjects, left)
	}
	m.types[name] = t
	return ""
}

func (m *model) rename(name string) (a answer) {
	if name == m.domain {
		return answer{Err: "Invalid: NewDomainName: the domain has this name already"}
	}
	a.Lines = []string{"the old name: NotFound"}
	m.domain = name
	return a
}
