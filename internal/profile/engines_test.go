package profile_test

import (
	"testing"

	"kindred/internal/ingest/ingesttest"
	"kindred/internal/store/pgstore/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// engines are those on which profiles must be the same.
var engines = map[string]ingesttest.Engine{"memory": ingesttest.Memory, "pebble": ingesttest.Pebble, "postgres": ingesttest.Postgres}
