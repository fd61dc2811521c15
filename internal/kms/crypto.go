package kms

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"kindred/internal/api/kmsapi"
	"kindred/internal/datakey"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// Limits of the cryptographic operations, in bytes.
const (
	maxPlaintext  = 4096
	maxCiphertext = 6144
	maxDataKey    = 1024
)

// material reads one version of a key's material. The caller has found the key
// in a state that allows its use.
func (s *Service) material(ctx context.Context, id keyID, version uint32) (*material, error) {
	cached := materialKey{id, version}
	if m := s.materials.get(cached); m != nil {
		return m, nil
	}
	at := materialPlace(id, version)
	var value []byte
	err := s.store.View(ctx, func(r store.Reader) error {
		got, err := r.Get(ctx, at)
		if err == nil {
			value = got[0]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if value == nil {
		return nil, s.noKey(id) // destroyed since its record was read
	}
	var rec materialRecord
	if err := s.open(at, value, &rec); err != nil {
		return nil, err
	}
	aead, err := datakey.AEAD(rec.Material)
	clear(rec.Material)
	if err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	m := &material{rec.ID, aead}
	s.materials.put(cached, m)
	return m, nil
}

// encrypt seals a plaintext under the current material of a key.
func (s *Service) encrypt(ctx context.Context, k *key, plaintext []byte, encryption map[string]string) (blob []byte, materialID string, err error) {
	m, err := s.material(ctx, k.id, k.Version)
	if err != nil {
		return nil, "", err
	}
	head := s.appendHeader(make([]byte, 0, headerSize), header{k.id, k.Version})
	sealed, err := m.aead.Encrypt(plaintext, bindContext(head, encryption))
	if err != nil {
		return nil, "", fmt.Errorf("kms: encrypt: %w", err)
	}
	return slices.Concat(head, sealed), m.id, nil
}

// decrypt opens a ciphertext whose header has been found to name the key.
func (s *Service) decrypt(ctx context.Context, k *key, h header, blob []byte, encryption map[string]string) (plaintext []byte, materialID string, err error) {
	if h.version == 0 || h.version > k.Version {
		return nil, "", invalidCiphertext()
	}
	m, err := s.material(ctx, k.id, h.version)
	if err != nil {
		return nil, "", err
	}
	plaintext, err = m.aead.Decrypt(blob[headerSize:], bindContext(blob, encryption))
	if err != nil {
		return nil, "", invalidCiphertext()
	}
	return plaintext, m.id, nil
}

func checkAlgorithm(member string, algorithm *string) error {
	if or(algorithm, specSymmetric) != specSymmetric {
		return fault.Named(fault.Invalid, "InvalidKeyUsageException", "%s: the keys here are of %s only", member, specSymmetric)
	}
	return nil
}

func checkRecipient(r *kmsapi.RecipientInfo) error {
	if r != nil {
		return invalid("Recipient: attested enclaves are not supported; leave it out")
	}
	return nil
}

// enabledKey finds a key for an operation that needs it enabled.
func (s *Service) enabledKey(ctx context.Context, name string, u use, tokens []string) (*key, error) {
	if err := s.checkTokens(tokens); err != nil {
		return nil, err
	}
	k, err := s.find(ctx, name, byAny, u)
	if err != nil {
		return nil, err
	}
	return k, k.usable(k.arn)
}

// Encrypt seals 1 to 4096 bytes under a key. EncryptionContext must be given
// again to open them.
func (s *Service) Encrypt(ctx context.Context, in *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	if len(in.Plaintext) == 0 || len(in.Plaintext) > maxPlaintext {
		return nil, invalid("Plaintext: must have 1 to %d bytes", maxPlaintext)
	}
	if err := checkAlgorithm("EncryptionAlgorithm", in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if err := checkContext("EncryptionContext", in.EncryptionContext); err != nil {
		return nil, err
	}
	k, err := s.enabledKey(ctx, in.KeyId, use{operation: "Encrypt", crypto: true, context: in.EncryptionContext}, in.GrantTokens)
	if err != nil {
		return nil, err
	}
	if isTrue(in.DryRun) {
		return nil, dryRunSucceeded()
	}
	blob, _, err := s.encrypt(ctx, k, in.Plaintext, in.EncryptionContext)
	if err != nil {
		return nil, err
	}
	return &kmsapi.EncryptResponse{CiphertextBlob: blob, KeyId: new(k.arn), EncryptionAlgorithm: new(specSymmetric)}, nil
}

// source is what Decrypt and ReEncrypt say of the ciphertext they start from.
type source struct {
	blob       []byte
	context    map[string]string
	member     string // name of the member for the context
	keyID      *string
	use        use
	dryRun     bool
	modifiers  []string
	ciphertext header
}

// ignored reports whether a dry run is to go without the ciphertext.
func (src *source) ignored() bool { return slices.Contains(src.modifiers, "IGNORE_CIPHERTEXT") }

// sourceKey finds the key of a ciphertext and checks that the caller may use it
// so. Without a key name it is the one in the ciphertext.
func (s *Service) sourceKey(ctx context.Context, src *source) (*key, error) {
	if err := checkContext(src.member, src.context); err != nil {
		return nil, err
	}
	src.use.crypto, src.use.context = true, src.context
	if src.ignored() {
		if !src.dryRun || src.keyID == nil {
			return nil, invalid("DryRunModifiers: IGNORE_CIPHERTEXT needs DryRun and the key's id")
		}
		return s.usableSource(s.find(ctx, *src.keyID, byAny, src.use))
	}
	if len(src.blob) == 0 || len(src.blob) > maxCiphertext {
		return nil, invalid("CiphertextBlob: must have 1 to %d bytes", maxCiphertext)
	}
	var err error
	if src.ciphertext, err = s.parseCiphertext(src.blob); err != nil {
		return nil, err
	}
	if src.keyID == nil {
		k, err := s.usableSource(s.findRef(ctx, reference{id: src.ciphertext.key}, src.use))
		if fault.Is(err, fault.NotFound) {
			// As AWS answers for a key that has been deleted.
			return nil, fault.Named(fault.Denied, "AccessDeniedException",
				"The ciphertext refers to a key that does not exist, or that you are not allowed to use.")
		}
		return k, err
	}
	k, err := s.find(ctx, *src.keyID, byAny, src.use)
	if err != nil {
		return nil, err
	}
	if k.id != src.ciphertext.key {
		return nil, fault.Named(fault.Invalid, "IncorrectKeyException",
			"The key ID in the request does not identify a key that can perform this operation on the ciphertext.")
	}
	return s.usableSource(k, nil)
}

func (s *Service) usableSource(k *key, err error) (*key, error) {
	if err != nil {
		return nil, err
	}
	return k, k.usable(k.arn)
}

// openSource opens the ciphertext; nil for one that is to be ignored.
func (s *Service) openSource(ctx context.Context, k *key, src *source) (plaintext []byte, materialID string, err error) {
	if src.ignored() {
		return nil, "", nil
	}
	return s.decrypt(ctx, k, src.ciphertext, src.blob, src.context)
}

// Decrypt opens what Encrypt, ReEncrypt or GenerateDataKey sealed, under
// whichever material of the key. KeyId may be left out. Errors:
// InvalidCiphertextException for a ciphertext that is damaged, foreign or of
// another encryption context, IncorrectKeyException for one of another key than
// KeyId, DisabledException, KMSInvalidStateException.
func (s *Service) Decrypt(ctx context.Context, in *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	if err := checkAlgorithm("EncryptionAlgorithm", in.EncryptionAlgorithm); err != nil {
		return nil, err
	}
	if err := checkRecipient(in.Recipient); err != nil {
		return nil, err
	}
	if err := s.checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	src := &source{
		blob: in.CiphertextBlob, context: in.EncryptionContext, member: "EncryptionContext", keyID: in.KeyId,
		use: use{operation: "Decrypt"}, dryRun: isTrue(in.DryRun), modifiers: in.DryRunModifiers,
	}
	k, err := s.sourceKey(ctx, src)
	if err != nil {
		return nil, err
	}
	plaintext, materialID, err := s.openSource(ctx, k, src)
	if err != nil {
		return nil, err
	}
	if src.dryRun {
		return nil, dryRunSucceeded()
	}
	return &kmsapi.DecryptResponse{
		KeyId:               new(k.arn),
		Plaintext:           plaintext,
		EncryptionAlgorithm: new(specSymmetric),
		KeyMaterialId:       &materialID,
	}, nil
}

// ReEncrypt opens a ciphertext and seals what it holds under another key, or
// under the current material of the same, without showing it. The caller needs
// ReEncryptFrom on the one key and ReEncryptTo on the other.
func (s *Service) ReEncrypt(ctx context.Context, in *kmsapi.ReEncryptRequest) (*kmsapi.ReEncryptResponse, error) {
	if err := checkAlgorithm("SourceEncryptionAlgorithm", in.SourceEncryptionAlgorithm); err != nil {
		return nil, err
	}
	if err := checkAlgorithm("DestinationEncryptionAlgorithm", in.DestinationEncryptionAlgorithm); err != nil {
		return nil, err
	}
	if err := checkContext("DestinationEncryptionContext", in.DestinationEncryptionContext); err != nil {
		return nil, err
	}
	if err := s.checkTokens(in.GrantTokens); err != nil {
		return nil, err
	}
	src := &source{
		blob: in.CiphertextBlob, context: in.SourceEncryptionContext, member: "SourceEncryptionContext", keyID: in.SourceKeyId,
		dryRun: isTrue(in.DryRun), modifiers: in.DryRunModifiers,
	}
	same, err := s.onSameKey(ctx, src, in.DestinationKeyId)
	if err != nil {
		return nil, err
	}
	src.use = use{operation: "ReEncryptFrom", extra: same}
	from, err := s.sourceKey(ctx, src)
	if err != nil {
		return nil, err
	}
	to, err := s.enabledKey(ctx, in.DestinationKeyId,
		use{operation: "ReEncryptTo", crypto: true, context: in.DestinationEncryptionContext, extra: same}, nil)
	if err != nil {
		return nil, err
	}
	plaintext, fromMaterial, err := s.openSource(ctx, from, src)
	if err != nil {
		return nil, err
	}
	if src.dryRun {
		return nil, dryRunSucceeded()
	}
	blob, toMaterial, err := s.encrypt(ctx, to, plaintext, in.DestinationEncryptionContext)
	clear(plaintext)
	if err != nil {
		return nil, err
	}
	return &kmsapi.ReEncryptResponse{
		CiphertextBlob:                 blob,
		SourceKeyId:                    new(from.arn),
		KeyId:                          new(to.arn),
		SourceEncryptionAlgorithm:      new(specSymmetric),
		DestinationEncryptionAlgorithm: new(specSymmetric),
		SourceKeyMaterialId:            &fromMaterial,
		DestinationKeyMaterialId:       &toMaterial,
	}, nil
}

// onSameKey is the condition kms:ReEncryptOnSameKey of a request, which both
// sides are judged by.
func (s *Service) onSameKey(ctx context.Context, src *source, destination string) ([]condition, error) {
	to, err := s.parseReference(destination, byAny)
	if err != nil {
		return nil, err
	}
	var from reference
	switch h, err := s.parseCiphertext(src.blob); {
	case err == nil:
		from.id = h.key
	case src.keyID != nil:
		if from, err = s.parseReference(*src.keyID, byAny); err != nil {
			return nil, err
		}
	}
	ids, err := s.resolve(ctx, from, to)
	if err != nil {
		return nil, err
	}
	return []condition{{"kms:reencryptonsamekey", boolText(ids[0] == ids[1])}}, nil
}

// resolve follows aliases; one that is not there is NotFoundException.
func (s *Service) resolve(ctx context.Context, refs ...reference) ([]keyID, error) {
	ids := make([]keyID, len(refs))
	err := s.store.View(ctx, func(r store.Reader) error {
		for i, ref := range refs {
			ids[i] = ref.id
			if ref.alias == "" {
				continue
			}
			a, err := s.readAlias(ctx, r, ref.alias)
			if err != nil {
				return err
			}
			if a == nil {
				return s.noAlias(ref.alias)
			}
			ids[i] = a.Target
		}
		return nil
	})
	return ids, err
}

// dataKeyRequest is what the two operations that make data keys share.
type dataKeyRequest struct {
	operation string
	key       string
	context   map[string]string
	spec      *string
	bytes     *int
	tokens    []string
	dryRun    *bool
}

// size is the length of the data key in bytes.
func (r *dataKeyRequest) size() (int, error) {
	switch {
	case (r.spec == nil) == (r.bytes == nil):
		return 0, invalid("Please specify either number of bytes or key spec.")
	case r.bytes != nil && (*r.bytes < 1 || *r.bytes > maxDataKey):
		return 0, invalid("NumberOfBytes: must be between 1 and %d", maxDataKey)
	case r.bytes != nil:
		return *r.bytes, nil
	case *r.spec == "AES_256":
		return 32, nil
	case *r.spec == "AES_128":
		return 16, nil
	}
	return 0, invalid("KeySpec: must be AES_256 or AES_128")
}

func (s *Service) generateDataKey(ctx context.Context, r *dataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	n, err := r.size()
	if err != nil {
		return nil, err
	}
	if err := checkContext("EncryptionContext", r.context); err != nil {
		return nil, err
	}
	k, err := s.enabledKey(ctx, r.key, use{operation: r.operation, crypto: true, context: r.context}, r.tokens)
	if err != nil {
		return nil, err
	}
	if isTrue(r.dryRun) {
		return nil, dryRunSucceeded()
	}
	plaintext := make([]byte, n)
	if _, err := rand.Read(plaintext); err != nil {
		return nil, fmt.Errorf("kms: no randomness: %w", err)
	}
	blob, materialID, err := s.encrypt(ctx, k, plaintext, r.context)
	if err != nil {
		return nil, err
	}
	return &kmsapi.GenerateDataKeyResponse{CiphertextBlob: blob, Plaintext: plaintext, KeyId: new(k.arn), KeyMaterialId: &materialID}, nil
}

// GenerateDataKey makes a random data key, of KeySpec (AES_256 or AES_128) or of
// NumberOfBytes (1 to 1024), and returns it in the clear and sealed under the
// key; Decrypt gives it back.
func (s *Service) GenerateDataKey(ctx context.Context, in *kmsapi.GenerateDataKeyRequest) (*kmsapi.GenerateDataKeyResponse, error) {
	if err := checkRecipient(in.Recipient); err != nil {
		return nil, err
	}
	return s.generateDataKey(ctx, &dataKeyRequest{
		"GenerateDataKey", in.KeyId, in.EncryptionContext, in.KeySpec, in.NumberOfBytes, in.GrantTokens, in.DryRun,
	})
}

// GenerateDataKeyWithoutPlaintext is GenerateDataKey for a key that is needed
// later: it comes sealed only.
func (s *Service) GenerateDataKeyWithoutPlaintext(ctx context.Context, in *kmsapi.GenerateDataKeyWithoutPlaintextRequest) (*kmsapi.GenerateDataKeyWithoutPlaintextResponse, error) {
	out, err := s.generateDataKey(ctx, &dataKeyRequest{
		"GenerateDataKeyWithoutPlaintext", in.KeyId, in.EncryptionContext, in.KeySpec, in.NumberOfBytes, in.GrantTokens, in.DryRun,
	})
	if err != nil {
		return nil, err
	}
	clear(out.Plaintext)
	return &kmsapi.GenerateDataKeyWithoutPlaintextResponse{
		CiphertextBlob: out.CiphertextBlob, KeyId: out.KeyId, KeyMaterialId: out.KeyMaterialId,
	}, nil
}
