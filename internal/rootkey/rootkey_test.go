package rootkey_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kindred/internal/rootkey"
)

func TestAKeyIsMadeOnceAndReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	a, err := rootkey.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := rootkey.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.MAC("x", []byte("m")), b.MAC("x", []byte("m"))) {
		t.Error("the key read back differs from the one made")
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o, want 0600", info.Mode().Perm())
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".root-key-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestConcurrentFirstStartsAgreeOnOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "root.key")
	macs := make([]string, 16)
	var wg sync.WaitGroup
	for i := range macs {
		wg.Go(func() {
			k, err := rootkey.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			macs[i] = string(k.MAC("x", nil))
		})
	}
	wg.Wait()
	for i := range macs {
		if macs[i] != macs[0] {
			t.Fatal("two keys were made")
		}
	}
}

func TestAFileThatIsNoKeyIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		mode       os.FileMode
	}{
		"readable by others": {"kindred-root-key-1 " + strings.Repeat("A", 43) + "=\n", "chmod 600", 0o640},
		"another version":    {"kindred-root-key-9 " + strings.Repeat("A", 43) + "=\n", "version", 0o600},
		"too short":          {"kindred-root-key-1 AAAA\n", "32 bytes", 0o600},
		"empty":              {"", "version", 0o600},
	} {
		path := filepath.Join(t.TempDir(), "root.key")
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := rootkey.Open(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestPurposesAreApart(t *testing.T) {
	k := rootkey.Random()
	sealed, err := k.AEAD("kms").Encrypt([]byte("secret"), []byte("ad"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.AEAD("kms").Decrypt(sealed, []byte("ad")); err != nil || string(got) != "secret" {
		t.Errorf("opened %q, %v", got, err)
	}
	if _, err := k.AEAD("sqs").Decrypt(sealed, []byte("ad")); err == nil {
		t.Error("another purpose opened it")
	}
	if _, err := k.AEAD("kms").Decrypt(sealed, []byte("other")); err == nil {
		t.Error("other associated data opened it")
	}
}
