package signin

import "context"

// Sweep is what Run does each hour.
func Sweep(s *Service, ctx context.Context) error { return s.sweep(ctx) }

// Parse reads a body and tells by which way it asks to be let in, and with what.
func Parse(body []byte) (way string, members []string, err error) {
	a, err := parse(body)
	if err != nil {
		return "", nil, err
	}
	switch way = a.method(); way {
	case byPassword:
		members = []string{a.userName, a.password}
	case byKey:
		members = []string{a.accessKeyID, a.secret}
	default:
		members = []string{a.token}
	}
	return way, members, nil
}
