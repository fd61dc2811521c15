package profile

import (
	"slices"

	"kindred/internal/content"
	"kindred/internal/standard"
)

// namesItself reports whether a key is the one that a kind of standard object's
// own id fills, such as _assetId of _asset.
func namesItself(kind, key string) bool {
	o, ok := standard.Lookup(kind)
	k, known := standard.LookupKey(key)
	return ok && known && k.Object == kind && slices.Contains(k.Fields, o.ID)
}

// standardKeys are the search keys that follow from a standard object: the
// predefined keys that its own id and its fields fill.
func standardKeys(kind string, id ID, facts []Fact, country string) []Key {
	o, ok := standard.Lookup(kind)
	if !ok {
		return nil
	}
	var keys []Key
	for _, k := range standard.Keys() {
		if k.Object != kind || k.Joined {
			continue
		}
		for _, path := range k.Fields {
			text := ""
			if path == o.ID {
				text = id.String()
			} else if i, ok := find(facts, path); ok {
				text = facts[i].Text
			}
			if v := content.Normalize(k.Type, text, country); v != "" {
				keys = append(keys, Key{k.Name, v})
			}
		}
	}
	return uniqueKeys(keys)
}
