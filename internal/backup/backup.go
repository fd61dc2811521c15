// Package backup keeps copies of a store's directory: each backup is a list of files
// with their checksums, and the files themselves lie in a pool under those checksums,
// each once, whichever backups have it. Most files of a store never change, so a
// second backup adds what is new since the first and no more.
//
//	DIR/KINDRED-BACKUP              the format's version
//	DIR/pool/ab/ab34…               a file, named by its SHA-256
//	DIR/backups/20261126T101500Z-….json   a backup, written when all its files are there
//
// Everything in it is as sealed as in the store: without the installation's root key,
// which is not in it, it opens to nobody.
package backup

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrDamaged: a file of a backup is missing or is not what it was; the text names it.
var ErrDamaged = errors.New("backup: it is damaged")

const (
	formatFile = "KINDRED-BACKUP"
	formatText = "kindred backup 1\n"
	version    = 1

	// maxManifest bounds the list of a backup, in bytes.
	maxManifest = 256 << 20
)

// Manifest is the list of a backup.
type Manifest struct {
	Version int       `json:"version"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	Files   []File    `json:"files"`
}

// File is one file of a backup.
type File struct {
	Name string `json:"name"` // in the store's directory
	Size int64  `json:"size"`
	// Modified is the file's time in the store. A file with the name, the size and the
	// time of one in the backup before is that one.
	Modified time.Time `json:"modified"`
	SHA256   string    `json:"sha256"`
}

// Bytes is the size of the whole backup.
func (m *Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

// Stats are what a backup took.
type Stats struct {
	Files, Copied      int
	Bytes, CopiedBytes int64
}

// Pool is the directory of backups.
type Pool struct{ dir string }

// Open opens a directory of backups. With make it is made if there is none or it is
// empty.
func Open(dir string, create bool) (*Pool, error) {
	text, err := os.ReadFile(filepath.Join(dir, formatFile))
	switch {
	case err == nil && string(text) == formatText:
		return &Pool{dir}, nil
	case err == nil:
		return nil, fmt.Errorf("%s: backups in a format that this build does not know", dir)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case !create:
		return nil, fmt.Errorf("%s: there are no backups", dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("%s: it has files in it, and no backups", dir)
	}
	for _, d := range []string{"pool", "backups"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	return &Pool{dir}, writeFile(filepath.Join(dir, formatFile), strings.NewReader(formatText))
}

// Backups lists what there is, the oldest first.
func (p *Pool) Backups() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(p.dir, "backups"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Manifest reads the list of a backup; that of the newest if the name is empty.
func (p *Pool) Manifest(name string) (*Manifest, error) {
	if name == "" {
		names, err := p.Backups()
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%s: there are no backups", p.dir)
		}
		name = names[len(names)-1]
	}
	if name != filepath.Base(name) {
		return nil, fmt.Errorf("%q is no name of a backup", name)
	}
	path := filepath.Join(p.dir, "backups", name+".json")
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return nil, err
	}
	return parse(text, path)
}

// parse reads a list. Its last line is the checksum of what is before it.
func parse(text []byte, path string) (*Manifest, error) {
	body, sum, _ := bytes.Cut(text, []byte("\n"))
	have := sha256.Sum256(body)
	if strings.TrimSpace(string(sum)) != hex.EncodeToString(have[:]) {
		return nil, fmt.Errorf("%w: %s", ErrDamaged, path)
	}
	var m Manifest
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	if m.Version != version {
		return nil, fmt.Errorf("%s: version %d, this build reads %d", path, m.Version, version)
	}
	for _, f := range m.Files {
		if f.Name == "" || f.Name != filepath.Base(f.Name) || f.Name == "." || f.Name == ".." || len(f.SHA256) != 2*sha256.Size || strings.Trim(f.SHA256, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("%w: %s", ErrDamaged, path)
		}
	}
	return &m, nil
}

func (p *Pool) place(sum string) string { return filepath.Join(p.dir, "pool", sum[:2], sum) }

// Add backs up the files of a directory, which must not change meanwhile.
func (p *Pool) Add(ctx context.Context, from string, now time.Time) (*Manifest, *Stats, error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return nil, nil, err
	}
	known := map[File]string{} // checksums of the backup before
	if before, err := p.Manifest(""); err == nil {
		for _, f := range before.Files {
			sum := f.SHA256
			f.SHA256 = ""
			known[f] = sum
		}
	}
	var random [4]byte
	_, _ = rand.Read(random[:]) // it never fails
	m := &Manifest{Version: version, Name: now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:]), Created: now.UTC()}
	stats := &Stats{}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		info, err := e.Info()
		if err != nil {
			return nil, nil, err
		}
		if !info.Mode().IsRegular() || e.Name() == "LOCK" {
			continue
		}
		f := File{Name: e.Name(), Size: info.Size(), Modified: info.ModTime().UTC()}
		copied := false
		if sum, ok := known[f]; ok && p.has(sum, f.Size) {
			f.SHA256 = sum
		} else if f.SHA256, copied, err = p.take(filepath.Join(from, f.Name)); err != nil {
			return nil, nil, err
		}
		m.Files = append(m.Files, f)
		stats.Files++
		stats.Bytes += f.Size
		if copied {
			stats.Copied++
			stats.CopiedBytes += f.Size
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(text)
	text = append(append(text, '\n'), hex.EncodeToString(sum[:])+"\n"...)
	return m, stats, writeFile(filepath.Join(p.dir, "backups", m.Name+".json"), bytes.NewReader(text))
}

// has reports whether the pool has a file, as far as its size tells.
func (p *Pool) has(sum string, size int64) bool {
	info, err := os.Stat(p.place(sum))
	return err == nil && info.Size() == size
}

// take puts a file into the pool, unless it is there.
func (p *Pool) take(name string) (sum string, copied bool, err error) {
	f, err := os.Open(name)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err != nil {
		return "", false, err
	}
	sum = hex.EncodeToString(h.Sum(nil))
	if p.has(sum, size) {
		return sum, false, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", false, err
	}
	place := p.place(sum)
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return "", false, err
	}
	if err := writeFile(place, f); err != nil {
		return "", false, err
	}
	return sum, true, nil
}

// Verify reads every file of a backup and compares it with its checksum.
func (p *Pool) Verify(ctx context.Context, m *Manifest) error {
	var all error
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.read(f, io.Discard); err != nil {
			all = errors.Join(all, err)
		}
	}
	return all
}

// read writes a file of a backup to w, and compares it with its checksum.
func (p *Pool) read(f File, w io.Writer) error {
	in, err := os.Open(p.place(f.SHA256))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s (%s) is missing", ErrDamaged, f.Name, p.place(f.SHA256))
	}
	if err != nil {
		return err
	}
	defer in.Close()
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), in)
	if err != nil {
		return err
	}
	if n != f.Size || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		return fmt.Errorf("%w: %s (%s) is not what was backed up", ErrDamaged, f.Name, p.place(f.SHA256))
	}
	return nil
}

// Restore writes the files of a backup into a directory, which must not be there or be
// empty. It is there when all of it is, and not before.
func (p *Pool) Restore(ctx context.Context, m *Manifest, to string) error {
	entries, err := os.ReadDir(to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s: it has files in it; a backup is restored to where nothing is", to)
	}
	partial := filepath.Clean(to) + ".restoring"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.MkdirAll(partial, 0o700); err != nil {
		return err
	}
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		pr, pw := io.Pipe()
		go func() { pw.CloseWithError(p.read(f, pw)) }()
		if err := writeFile(filepath.Join(partial, f.Name), pr); err != nil {
			pr.CloseWithError(err)
			return errors.Join(err, os.RemoveAll(partial))
		}
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(partial, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// Prune keeps the newest backups, so many, and removes the others with the files that no
// backup has any more.
func (p *Pool) Prune(keep int) (removed int, err error) {
	names, err := p.Backups()
	if err != nil {
		return 0, err
	}
	// What no list has is removed at the end: a crash leaves too much, and never too little.
	wanted := map[string]bool{}
	old := names[:max(0, len(names)-keep)]
	for _, name := range names[len(old):] {
		m, err := p.Manifest(name)
		if err != nil {
			return 0, err
		}
		for _, f := range m.Files {
			wanted[f.SHA256] = true
		}
	}
	for _, name := range old {
		if err := os.Remove(filepath.Join(p.dir, "backups", name+".json")); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, filepath.WalkDir(filepath.Join(p.dir, "pool"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || wanted[d.Name()] {
			return err
		}
		return os.Remove(path)
	})
}

// writeFile writes a file durably, whole or not at all.
func writeFile(name string, from io.Reader) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
