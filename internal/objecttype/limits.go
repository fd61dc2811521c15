package objecttype

import (
	"kindred/internal/domain"
	"kindred/internal/fault"
	"kindred/internal/profile"
)

// defaultLimits are the MaxProfileObjectCount of types that have none of their
// own (AWS: "Customer Profiles data limits"). They take nothing of what the types
// of a domain share.
var defaultLimits = map[string]int{"WebAnalytics-Clickstream": 100}

type limitsMemo struct{} // key of domain.Memo

// Limits are the bounds of a profile in a domain, with the limits of the object
// types that have one. They must not be changed.
func (t *Types) Limits(c *domain.Config) profile.Limits {
	ofType := domain.Memo(c, limitsMemo{}, func() map[string]int {
		limits := map[string]int{}
		for name, n := range defaultLimits {
			limits[name] = n
		}
		for name := range c.Items(typeItems) {
			if s := explicit(c, name); s != nil && s.MaxProfileObjectCount != nil {
				limits[name] = *s.MaxProfileObjectCount
			}
		}
		return limits
	})
	return profile.Limits{Objects: t.MaxObjects, Bytes: t.MaxBytes, OfType: ofType}
}

// availableCount is what is left of a profile's objects for limits of types,
// with the definition in force. A limit that is more than is left is an Invalid
// fault.
func (t *Types) availableCount(c *domain.Config, def *Definition) (int, error) {
	left := t.MaxObjects
	for name := range c.Items(typeItems) {
		if s := explicit(c, name); s != nil && name != def.Name && s.MaxProfileObjectCount != nil {
			left -= *s.MaxProfileObjectCount
		}
	}
	if n := def.MaxProfileObjectCount; n != nil {
		if *n > left {
			return 0, fault.New(fault.Invalid, "MaxProfileObjectCount: the limits of all object types cannot exceed the %d objects of a profile; %d are left", t.MaxObjects, left)
		}
		left -= *n
	}
	return left, nil
}
