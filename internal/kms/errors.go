package kms

import (
	"context"
	"errors"

	"kindred/internal/fault"
	"kindred/internal/store"
)

// invalid is a request that breaks a rule which the model does not state.
func invalid(format string, args ...any) error {
	return fault.Named(fault.Invalid, "ValidationException", format, args...)
}

func unsupported(format string, args ...any) error {
	return fault.Named(fault.Invalid, "UnsupportedOperationException", format, args...)
}

func notFound(format string, args ...any) error {
	return fault.Named(fault.NotFound, "NotFoundException", format, args...)
}

func limitExceeded(format string, args ...any) error {
	return fault.Named(fault.Busy, "LimitExceededException", format, args...)
}

func tagFault(format string, args ...any) error {
	return fault.Named(fault.Invalid, "TagException", format, args...)
}

func (s *Service) noKey(id keyID) error { return notFound("Key '%s' does not exist", s.keyARN(id)) }

func (s *Service) noAlias(name string) error {
	return notFound("Alias %s is not found.", s.aliasARN(name))
}

func invalidState(format string, args ...any) error {
	return fault.Named(fault.Invalid, "KMSInvalidStateException", format, args...)
}

func invalidCiphertext() error {
	return fault.Named(fault.Invalid, "InvalidCiphertextException",
		"The ciphertext is damaged, was made by another key service, or belongs to another encryption context.")
}

func dryRunSucceeded() error {
	return fault.Named(fault.Invalid, "DryRunOperationException",
		"The request would have succeeded, but the DryRun option is set.")
}

// usable is the rule for operations that need an enabled key ("Key states of
// KMS keys", KMS Developer Guide).
func (k *keyRecord) usable(arn string) error {
	switch k.State {
	case stateEnabled:
		return nil
	case stateDisabled:
		return fault.Named(fault.Invalid, "DisabledException", "%s is disabled.", arn)
	}
	return invalidState("%s is pending deletion.", arn)
}

// notPending is the rule for operations that any key allows unless it is to be
// deleted.
func (k *keyRecord) notPending(arn string) error {
	if k.State == statePendingDeletion {
		return invalidState("%s is pending deletion.", arn)
	}
	return nil
}

// update is Store.Update with a lost race told as a fault.
func (s *Service) update(ctx context.Context, fn func(store.Tx) error) error {
	err := s.store.Update(ctx, fn)
	if errors.Is(err, store.ErrConflict) {
		return fault.New(fault.Busy, "The key is being changed by too many requests at once; try again.").Because(err)
	}
	return err
}
