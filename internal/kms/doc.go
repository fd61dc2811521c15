// Package kms is the embedded key service: the operations of AWS KMS for
// symmetric encryption keys, on Kindred's own store.
//
// It promises that
//
//   - key material never leaves the package and is never stored in the clear:
//     it is sealed under the installation's root key (package rootkey);
//   - a key that is disabled, scheduled for deletion or barred to a caller, by
//     its policy or by the end of a grant, is so for the next call on every
//     node: each use reads the key's record, and what is kept in memory is only
//     what the record is opened to;
//   - once a key is destroyed its material is gone and nothing opens what was
//     sealed under it;
//   - rotation never makes a ciphertext unreadable: each carries the number of
//     the material it was sealed with, and all material of a key is kept;
//   - nobody uses a key unless its key policy, alone or by leaving the decision
//     to identity policies, or a grant allows it ("Key access and permissions",
//     KMS Developer Guide).
//
// Keys of other specs and usages, imported material, custom key stores and
// multi-Region keys are refused with the error names of AWS.
//
// # Layout
//
// Every partition starts with "kms/". ID is the 16 bytes of a key's UUID, GRANT
// the 32 bytes of a grant id; mac(x) is the first 16 bytes of an HMAC-SHA256
// under a key derived from the root key, so that no name is readable. WHOM is
// mac(grantee) followed by mac(the encryption context that the grant wants), or
// else mac(the source ARN that it wants), or else 16 zeros.
//
//	partition            sort key                 value
//	kms/keys             ID                       mark
//	kms/key/ID           k                        sealed: state, policy, description, tags, aliases, rotation
//	kms/key/ID           m VERSION(4)             sealed: material, its id, when and why it was made
//	kms/key/ID           g WHOM GRANT             sealed: the grant
//	kms/key/ID           i GRANT                  mark, WHOM
//	kms/key/ID           n mac(named grant)       mark, GRANT
//	kms/aliases          mac(name)                sealed: name, target, dates
//	kms/retiring/mac(p)  ID GRANT                 mark, WHOM
//	kms/due              TIME(8, microseconds) ID mark
//
// The counters "n" of kms/keys and of kms/key/ID count keys and grants. Numbers
// are big endian. A mark is the format version, one byte. A sealed value is the
// format version and the XAES-256-GCM ciphertext (package datakey) of JSON under
// the root key's cipher for "kms", with the record's place as associated data.
//
// # Ciphertexts
//
//	byte  0      format version, 1
//	bytes 1-16   key id
//	bytes 17-20  number of the key material, big endian
//	bytes 21-36  HMAC of bytes 0-20 under the root key
//	the rest     XAES-256-GCM nonce, ciphertext and tag under the key material
//
// Bytes 0-20 and the encryption context, its pairs sorted by key and each part
// led by its length, are the associated data.
package kms
