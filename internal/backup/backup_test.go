package backup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)

// write makes files of a store, each with its name and a text in it.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// read is what is in a directory.
func read(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

func open(t *testing.T, dir string) *Pool {
	t.Helper()
	p, err := Open(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestASecondBackupAddsWhatIsNew(t *testing.T) {
	root := t.TempDir()
	store := filepath.Join(root, "store")
	first := map[string]string{"1.sst": strings.Repeat("a", 1000), "2.sst": strings.Repeat("b", 1000), "3.log": "x", "empty": ""}
	write(t, store, first)
	write(t, store, map[string]string{"LOCK": ""})
	p := open(t, filepath.Join(root, "backups"))
	one, stats, err := p.Add(t.Context(), store, day)
	if err != nil || *stats != (Stats{4, 4, 2001, 2001}) {
		t.Fatalf("%+v, %v", stats, err)
	}
	second := map[string]string{"1.sst": first["1.sst"], "4.sst": strings.Repeat("c", 500), "3.log": "xy", "empty": "", "copy": first["2.sst"]}
	if err := os.Remove(filepath.Join(store, "2.sst")); err != nil {
		t.Fatal(err)
	}
	write(t, store, second)
	p = open(t, filepath.Join(root, "backups"))
	two, stats, err := p.Add(t.Context(), store, day.Add(time.Hour))
	if err != nil || stats.Copied != 2 || stats.CopiedBytes != 502 {
		t.Fatalf("%+v, %v", stats, err)
	}
	for _, c := range []struct {
		name string
		m    *Manifest
		want map[string]string
	}{{one.Name, one, first}, {"", two, second}} {
		m, err := p.Manifest(c.name)
		if err != nil || m.Name != c.m.Name || m.Bytes() != c.m.Bytes() {
			t.Fatalf("%+v, %v", m, err)
		}
		if err := p.Verify(t.Context(), m); err != nil {
			t.Error(err)
		}
		to := filepath.Join(root, "to-"+c.m.Name)
		if err := p.Restore(t.Context(), m, to); err != nil {
			t.Fatal(err)
		}
		if got := read(t, to); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("restored %v, want %v", got, c.want)
		}
		if err := p.Restore(t.Context(), m, to); err == nil || !strings.Contains(err.Error(), "has files in it") {
			t.Errorf("over what is there: %v", err)
		}
	}
	removed, err := p.Prune(1)
	if err != nil || removed != 1 {
		t.Fatal(removed, err)
	}
	if err := p.Verify(t.Context(), two); err != nil {
		t.Error(err)
	}
	if err := p.Verify(t.Context(), one); !errors.Is(err, ErrDamaged) {
		t.Errorf("what the first alone had is still there: %v", err)
	}
	names, err := p.Backups()
	if err != nil || len(names) != 1 || names[0] != two.Name {
		t.Errorf("%v, %v", names, err)
	}
}

func TestDamageIsNamed(t *testing.T) {
	root := t.TempDir()
	store := filepath.Join(root, "store")
	write(t, store, map[string]string{"1.sst": strings.Repeat("a", 1000), "2.sst": strings.Repeat("b", 1000)})
	for name, damage := range map[string]func(t *testing.T, p *Pool, m *Manifest){
		"a bit": func(t *testing.T, p *Pool, m *Manifest) {
			put(t, p.place(m.Files[1].SHA256), strings.Repeat("b", 999)+"c")
		},
		"the end":   func(t *testing.T, p *Pool, m *Manifest) { put(t, p.place(m.Files[1].SHA256), "b") },
		"the whole": func(t *testing.T, p *Pool, m *Manifest) { _ = os.Remove(p.place(m.Files[1].SHA256)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := open(t, filepath.Join(dir, "b"))
			m, _, err := p.Add(t.Context(), store, day)
			if err != nil {
				t.Fatal(err)
			}
			damage(t, p, m)
			if err := p.Verify(t.Context(), m); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "2.sst") {
				t.Errorf("verify: %v", err)
			}
			to := filepath.Join(dir, "to")
			if err := p.Restore(t.Context(), m, to); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "2.sst") {
				t.Errorf("restore: %v", err)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 1 {
				t.Errorf("something is left of a restore that failed: %v", entries)
			}
		})
	}
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAListThatIsNotWholeIsRefused(t *testing.T) {
	dir := t.TempDir()
	store := filepath.Join(dir, "store")
	write(t, store, map[string]string{"1.sst": "a"})
	p := open(t, filepath.Join(dir, "b"))
	m, _, err := p.Add(t.Context(), store, day)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "b", "backups", m.Name+".json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{string(text[:len(text)/2]), strings.Replace(string(text), "1.sst", "../x", 1), "", "{}\n", "\n"} {
		put(t, path, bad)
		if _, err := p.Manifest(m.Name); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, name := range []string{"../x", "none"} {
		if _, err := p.Manifest(name); err == nil {
			t.Errorf("there is a backup %q", name)
		}
	}
}

func TestWhereBackupsMayBe(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir, false); err == nil {
		t.Error("an empty directory has backups")
	}
	put(t, filepath.Join(dir, "x"), "")
	if _, err := Open(dir, true); err == nil {
		t.Error("a directory with other files was taken")
	}
	put(t, filepath.Join(dir, formatFile), "kindred backup 9\n")
	if _, err := Open(dir, true); err == nil || !strings.Contains(err.Error(), "format") {
		t.Errorf("of another format: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("{}\n44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parse(text, "x")
		if err != nil {
			return
		}
		for _, f := range m.Files {
			if f.Name != filepath.Base(f.Name) {
				t.Errorf("a file is %q", f.Name)
			}
		}
	})
}
