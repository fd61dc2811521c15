// Package house holds the rules that the code of Kindred keeps beyond what the
// compiler asks for, as tests: which package may import which, what every
// package says of itself, how long a file may grow, and that the parts of
// docs/architecture.md that are made from the code are up to date. It has no
// code of its own.
package house

//go:generate go test . -run ^TestArchitecture$ -update
