package profilemodel_test

import (
	"fmt"
	"maps"
	"slices"

	"kindred/internal/ingest/ingesttest"
)

// Bounds of the sequences, so low that profiles are full at times.
const (
	maxObjects = 5
	maxBytes   = 450
	domainDays = 9
)

const (
	hour = int64(3600 * 1000000) // microseconds
	day  = 24 * hour
	tick = 1000 // what passes with each step
)

// model is what clients see of a domain.
type model struct {
	domain   string
	done     []done
	types    map[string]ingesttest.Type
	profiles []*profile // all there ever were, in the order in which they came
	merges   []*merge   // in order
	now      int64      // microseconds
	seq      int        // of what happened last
	made     int        // how many profiles the present step has made
	step     string     // that is being made, for names
	// What nobody can compute is learned from answers: the ids of profiles, by name, and the
	// unique keys of objects, by type and unique value.
	ids, learned map[string]string
	tally        map[string]int // how often what is rare has happened
}

// profile is one that a call or a record has made. What is merged goes on
// as it was; clients see all that is merged as the main one.
type profile struct {
	name     string
	end      string // how it came to its end; empty while it is there
	ended    int64
	inferred bool // made by a record
	fresh    bool // the record that makes it is being put
	made     int64
	expires  int64
	edits    []fact
	added    []key
	objects  []*object
	residues map[string]*residue // of evicted objects, by type
	log      []happening
	// hits are the profiles on whose being one a satellite depends: one that holds
	// the records that were let in only because those were merged.
	hits []*profile
}

func (p *profile) gone() bool { return p.end != "" }

// object is a record that is stored, with what it has given over all the times it came.
type object struct {
	typ, unique, body string
	created           bool // it has made its profile
	order             int64
	source, expires   int64
	came              []happening // each time
	keys              []key
	facts             map[string]fact
	parts             map[string]*part
	way               *way // of one in a satellite
}

// part is what an object gives to a standard object.
type part struct {
	of    *standard
	keys  []key
	facts map[string]fact
}

// standard is a standard object below a profile: what the parts of it say.
type standard struct{ updated int64 }

// residue are the values that evicted objects of a type gave.
type residue struct {
	facts                []fact
	first, last, expires int64
}

// happening is something in the history of a profile.
type happening struct {
	action, object string // the object with its type, if it is about one
	at             int64
	seq            int
}

func newModel() *model {
	m := &model{now: ingesttest.NewClock().Now().UnixMicro(), domain: "chain", types: map[string]ingesttest.Type{}, ids: map[string]string{}, tally: map[string]int{}, learned: map[string]string{}}
	for name, forms := range objectTypes {
		m.types[name] = forms[0]
	}
	return m
}

func (m *model) next() int { m.seq++; return m.seq }

// newProfile makes a profile, named for the step that does.
func (m *model) newProfile() *profile {
	p := &profile{name: "P" + m.step, made: m.now, residues: map[string]*residue{}}
	if m.made++; m.made > 1 {
		p.name += fmt.Sprint(".", m.made)
	}
	m.profiles = append(m.profiles, p)
	return p
}

// facts are all that were given to a profile itself.
func (p *profile) facts() []fact {
	facts := slices.Clone(p.edits)
	for _, o := range p.objects {
		facts = append(facts, slices.Collect(maps.Values(o.facts))...)
	}
	for _, r := range p.residues {
		facts = append(facts, r.facts...)
	}
	return facts
}

// overruled is the place of the last edit of a path.
func (p *profile) overruled(path string) int {
	last := 0
	for _, f := range p.edits {
		if f.path == path {
			last = max(last, f.seq)
		}
	}
	return last
}

func (p *profile) note(m *model, action, object string) {
	p.log = append(p.log, happening{action, object, m.now, m.next()})
}

// above is the profile that one has been merged into.
func (m *model) above(p *profile) (*profile, *merge) {
	for _, g := range m.merges {
		if !g.undone && slices.Contains(g.merged, p) {
			return g.main, g
		}
	}
	return nil, nil
}

// root is the profile that clients see of one.
func (m *model) root(p *profile) *profile {
	if len(p.hits) > 0 {
		p = p.hits[0]
	}
	for {
		up, _ := m.above(p)
		if up == nil {
			return p
		}
		p = up
	}
}

// members are all that clients see as one profile.
func (m *model) members(root *profile) (list []*profile) {
	for _, p := range m.profiles {
		if !p.gone() && m.root(p) == root {
			list = append(list, p)
		}
	}
	return list
}

// seen are the profiles that clients see.
func (m *model) seen() (list []*profile) {
	for _, p := range m.profiles {
		if !p.gone() && m.root(p) == p {
			list = append(list, p)
		}
	}
	return list
}

// visible finds a profile that clients see by the name that a step gives it.
func (m *model) visible(name string) (*profile, string) {
	for _, p := range m.seen() {
		if p.name == name {
			return p, ""
		}
	}
	return nil, "NotFound: No profile with the ProfileId " + name + " exists in this domain"
}

// matching are the keys of a profile, merged with others or not, by which
// records find it.
func (p *profile) matching() map[key]bool {
	keys := map[key]bool{}
	for _, k := range p.added {
		keys[k] = true
	}
	for _, o := range p.objects {
		for _, k := range o.keys {
			keys[k] = true
		}
	}
	for k, match := range fold(p.facts()).predefinedKeys() {
		if match {
			keys[k] = true
		}
	}
	return keys
}

// searchable are the keys by which searches find what clients see.
func (m *model) searchable(root *profile) map[key]bool {
	keys := map[key]bool{{"_profileId", root.name}: true}
	for k := range m.stands(root, m.seq+1, nil).predefinedKeys() {
		keys[k] = true
	}
	for _, p := range m.members(root) {
		maps.Copy(keys, p.matching())
		for k := range fold(p.facts()).predefinedKeys() {
			keys[k] = true
		}
		for _, s := range p.standards("") {
			for k := range p.standardKeys(s) {
				keys[k] = true
			}
		}
	}
	return keys
}

// standards are the standard objects of a kind below a profile; of all kinds if
// that is empty.
func (p *profile) standards(kind string) (list []*standard) {
	for _, o := range p.objects {
		for k, part := range o.parts {
			if (kind == "" || k == kind) && !slices.Contains(list, part.of) {
				list = append(list, part.of)
			}
		}
	}
	return list
}

// values are what stands on a standard object.
func (p *profile) values(s *standard) standing {
	var facts []fact
	for _, o := range p.objects {
		for _, part := range o.parts {
			if part.of == s {
				facts = append(facts, slices.Collect(maps.Values(part.facts))...)
			}
		}
	}
	return fold(facts)
}

// partKeys are the keys that find a standard object within its profile.
func (p *profile) partKeys(s *standard) map[key]bool {
	keys := map[key]bool{}
	for _, o := range p.objects {
		for _, part := range o.parts {
			if part.of == s {
				for _, k := range part.keys {
					keys[k] = true
				}
			}
		}
	}
	return keys
}

// standardKeys are the predefined keys that the fields of a standard object fill.
func (p *profile) standardKeys(s *standard) map[key]bool {
	keys := map[key]bool{}
	for path, f := range p.values(s) {
		switch path {
		case "SerialNumber":
			keys[key{"_serialNumber", f.text}] = true
		case "AssetName":
			keys[key{"_assetName", f.text}] = true
		}
	}
	return keys
}

// drop takes an object with all it gave out of a profile. What it gave to
// standard objects goes too, and one that nobody speaks of any more with it.
func (m *model) drop(p *profile, gone *object) {
	p.objects = slices.DeleteFunc(p.objects, func(o *object) bool { return o == gone })
	for _, part := range gone.parts {
		part.of.updated = m.now
	}
}

// erase removes what clients see as one profile.
func (m *model) erase(root *profile, why string) {
	for _, p := range m.members(root) {
		p.end, p.ended = why, m.now
	}
}
