// Package rekey keeps the keys of domains in order: it seals what is stored anew
// after a change of keys, wraps data keys anew after a rotation of their KMS key,
// and tells of keys that are, or soon will be, out of use.
//
// # Resealing
//
// A change of keys puts a new data key in force, with which everything is sealed
// from its commit on. In the same transaction a job is made that seals the rest:
// record after record of the profiles, in the order of their keys, a bounded number
// in each transaction. Values are moved from one data key to the other in the
// transaction that reads them, so reads and writes go on undisturbed and a record
// is never without a key. When the job has come to the end and no other change of
// keys has come between, it removes the old data keys from the configuration; from
// then on their KMS keys are not needed for anything.
//
// A record under a key that cannot be used stays as it is, and so do all old data
// keys. The job goes on to the end, tries again for some time, and then has failed.
// It is resumed within an hour of the key's return, or when somebody resumes it.
//
// # Rotation
//
// Rotating a KMS key gives it new material and keeps the old, so it needs no
// resealing. The data keys are wrapped anew, within an hour, where Customer
// Profiles may use kms:Encrypt, so that the old material is not needed for them.
package rekey
