// Package signin lets people in by hand, for the console: with a password, an access
// key or a link that is good once, into a session that issues short-lived
// credentials. Everything else that the console does are ordinary calls signed with
// those credentials; package iam keeps the principals and authenticates the calls.
//
// It promises that
//
//   - a password is kept as a hash only (package password), and the secrets of
//     sessions and links as SHA-256 of 256 random bits; neither is in an error or a
//     log;
//   - a refusal is the same for every reason, and takes as long for a user that does
//     not exist as for a wrong password;
//   - a link is good once, whoever tries it at the same time;
//   - signing out, revoking a session, setting, changing or removing the password and
//     deleting the user end the sessions that they are about, and every credential
//     that hangs on them, roles assumed with them included: on this node when the
//     call is answered, on others after [iam.Staleness]. Disabling or deleting an
//     access key ends the credentials of sessions begun with it;
//   - trying passwords is slowed down by user name and by address, and nobody can
//     keep a user out for good by trying: a browser that the user has signed in from
//     before is counted by itself (see throttle.go);
//   - no other site's page can begin, use or end a session (see http.go).
//
// How often was tried is kept by each node in memory, so that attempts cost no writes:
// over N nodes an attacker has up to N times the attempts, and a restart forgets them.
//
// # Storage
//
// What belongs to a user's signing in is one partition, signin/USER-ID, so that it ends
// in one transaction. Values are a format byte and JSON sealed under the root key's
// cipher for "signin", bound to format, partition and sort key. Sort keys:
//
//	l/HASH   linkRecord
//	p        passwordRecord
//	s/HASH   sessionRecord
//
// HASH is 128 bits of the SHA-256 of the secret in hex. It names a session in the API.
package signin
