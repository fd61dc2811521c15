// Package e2e tests Kindred as its users meet it: the real binary, started on a
// fresh data directory, driven over its port by AWS's own clients with the
// credentials file that it wrote. Nothing of the server's code is linked in.
//
// The tests tell the story of a contact centre, part by part. Those whose names
// begin with TestInvariant show what docs/architecture.md promises under that
// number, as far as it can be seen from outside.
//
// KINDRED_E2E_BINARY names a program to be tested instead of the one that the
// tree builds. Tests of clients that are not installed say so and are skipped.
//
// Whenever a server of a test ends, its data directory, logs and metrics are
// searched for everything that the tests know of customers.
package e2e
