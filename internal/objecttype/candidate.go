package objecttype

import (
	"kindred/internal/api/profileapi"
	"kindred/internal/domain"
)

// Candidate is the object type that a request would put in force in a domain,
// ready to map records; nothing is stored. The rules are those of
// PutProfileObjectType, and so are the errors; only the key service is not asked
// whether EncryptionKey can be used.
func (s *Service) Candidate(cfg *domain.Config, in *profileapi.PutProfileObjectTypeRequest) (*Type, error) {
	def, err := definition(in)
	if err != nil {
		return nil, err
	}
	if err := s.validate(cfg, def); err != nil {
		return nil, err
	}
	c, err := Compile(def)
	if err != nil {
		return nil, err
	}
	return &Type{Definition: def, Compiled: c, mapping: def.Mapping()}, nil
}
