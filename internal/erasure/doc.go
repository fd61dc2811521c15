// Package erasure erases profiles for good and keeps a report of what was erased
// where.
//
// An erasure has two parts. In one transaction the profile is removed with all that
// belongs to it, the secret of its keys among it, and the report is written. Then
// the engine is made to forget the bytes (store.Store.Expunge), and the report says
// so. A crash between the two leaves an erasure that is not complete; the next
// start completes it.
//
// Reports are kept for as long as their domain. They name nobody: the profile's id
// is there as a keyed hash under the root key, by which whoever has the id finds the
// report again. They are sealed under the root key, so that they can be read when
// the domain's key is long gone.
//
// # Records
//
//	'd' DOMAIN 'e'  'r' ID        the report: a version byte, and JSON sealed
//	                'h' HASH ID   finds the reports of a profile
//	                'x' ID        the erasure is not complete: a version byte, and the
//	                              partitions that the engine is to forget, sealed
//
// ID is 8 bytes of the time, inverted, so that the newest come first, and 8 random
// ones. HASH is the first 16 bytes of the keyed hash.
package erasure
