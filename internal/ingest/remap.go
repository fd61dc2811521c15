package ingest

import (
	"errors"

	"kindred/internal/domain"
	"kindred/internal/mapping"
	"kindred/internal/objecttype"
	"kindred/internal/profile"
	"kindred/internal/seal"
)

// Remapper maps the texts of stored objects anew by an object type, inside a
// transaction, as they would be if they were put now. Its errors are
// *profile.Unmapped with the reasons MissingKey, WrongValue and NotJSON.
func (s *Service) Remapper(tx *seal.Tx, cfg *domain.Config, typ *objecttype.Type) func(body []byte) (*profile.Remapped, error) {
	return func(body []byte) (*profile.Remapped, error) {
		doc, err := mapping.ParseDocument(body)
		if err != nil {
			return nil, &profile.Unmapped{Reason: "NotJSON"}
		}
		m, err := typ.Map(doc, cfg.Info.Settings.DefaultCountry)
		if errors.Is(err, objecttype.ErrMissingKey) {
			return nil, &profile.Unmapped{Reason: "MissingKey"}
		}
		if err != nil {
			return nil, &profile.Unmapped{Reason: "WrongValue"}
		}
		return &profile.Remapped{Object: s.object(tx, cfg, typ, &record{mapped: m}), Lookup: lookup(m)}, nil
	}
}
