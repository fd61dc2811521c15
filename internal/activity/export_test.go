package activity

import "context"

// Flush and Expire are what Run does every few seconds and each hour.
func Flush(ctx context.Context, s *Service) error  { return s.flush(ctx) }
func Expire(ctx context.Context, s *Service) error { return s.expire(ctx) }
