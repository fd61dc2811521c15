package profilemodel_test

import (
	"testing"

	"kindred/internal/store/pgstore/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
