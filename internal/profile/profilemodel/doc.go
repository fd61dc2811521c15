// Package profilemodel holds profiles against a model: a random sequence of calls
// is made on every engine and on a small copy in memory of what clients see, and
// every answer must be the same. It is tests only.
//
// The model (model_test.go and its neighbours) keeps what happened as it
// happened: records as they were mapped, edits, added keys, merges. What a call
// answers is computed from all of it each time, with plain loops: facts are folded
// in the order of arrival, a key is looked up by walking over all profiles. There
// is no index, no count, and nothing that is carried forward. It is written from
// docs/fold.md and docs/compatibility.md and uses nothing of package profile.
//
// A sequence is a list of steps, which are data (step_test.go). It follows from a
// seed. When a step is answered differently, the sequence is made smaller, each
// time from an empty world, for as long as the answers differ somewhere, and printed with the
// command that repeats it.
package profilemodel
