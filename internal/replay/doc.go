// Package replay gives the stored objects of a type what another mapping makes of
// them: operations and jobs of the service kindred that replay an object type, try
// that without changing anything, and take it back.
//
// A change of a mapping bears on records that are ingested from then on only. A
// replay goes through all profiles of the domain and maps the stored text of each
// object of the type anew (package profile has what that means for a profile). What
// an object gave before is kept with it for [keep], or until the type is replayed
// again, so that a roll-back can bring it back.
//
// # Jobs
//
// All that is done to a type are jobs of one kind, of which a type has one at a time:
//
//	DRY_RUN    does what REPLAY does on top of the store and not in it, and gathers
//	           examples
//	REPLAY     replays
//	ROLL_BACK  makes the objects what they were before a replay; those that were
//	           ingested since are mapped by the mapping that is back in force
//	CLEAN_UP   forgets what objects were before a replay that is too old to be
//	           taken back
//
// A step takes some profiles, in the order of their ids, in one transaction, which
// carries the position and the counts too. An object says by which mapping it was
// mapped, so it makes no difference whether a profile to which one has moved comes
// earlier or later. A replay under way ends when the mapping of the type changes
// again: another replay goes on from there.
//
// # Records
//
//	configuration "replay/" TYPE    the last replay of a type, and its last dry run
//	'd' DOMAIN 'r' JOB 'e'          examples: a version byte, whose secret they are
//	                                sealed under, and the example, JSON
//	'd' DOMAIN 'r' JOB 'd'...       see overlay
//
// An example is sealed under the domain's data key and the secret of its profile:
// when that is erased, it cannot be opened any more. When the keys of the domain
// change, examples are removed and not sealed anew.
package replay
