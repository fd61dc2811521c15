package bulk

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// checkpointVersion is the form of a checkpoint file.
const checkpointVersion = 1

// headBytes is how much of an input its identity is made of, beside its size.
const headBytes = 1 << 20

// Identity tells an input file from another: its size, and the SHA-256 of its
// first MiB. A file that is changed further behind and keeps its size is not
// noticed.
type Identity struct {
	Name string
	Size int64
	Head string
}

// Identify reads the identity of a file.
func Identify(path string) (Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return Identity{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Identity{}, err
	}
	if !info.Mode().IsRegular() {
		return Identity{}, fmt.Errorf("%s: not a regular file; use - and standard input", path)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, headBytes)); err != nil {
		return Identity{}, fmt.Errorf("%s: %w", path, err)
	}
	return Identity{Name: path, Size: info.Size(), Head: hex.EncodeToString(h.Sum(nil))}, nil
}

// Job is what a run does. A checkpoint is good for the same job only.
type Job struct {
	Domain string
	// Made is when the domain was made, to the millisecond: what tells it from
	// others, under whatever name. It is empty where that cannot be learnt.
	Made       string `json:",omitempty"`
	ObjectType string
	// Target is the server or the data directory that the records go to.
	Target string
	Format Format // as asked for
	// Failed is the file that the records that fail are written to.
	Failed string
	Inputs []Identity
}

// differs says in what two jobs differ, empty if they do not. Files may have been
// moved.
func (j *Job) differs(o *Job) string {
	switch {
	case j.Made == "" || o.Made == "":
		if j.Domain != o.Domain {
			return "another domain, " + o.Domain
		}
	case j.Made != o.Made && j.Domain == o.Domain:
		return "another domain that had this name"
	case j.Made != o.Made:
		return "another domain, " + o.Domain
	}
	switch {
	case j.ObjectType != o.ObjectType:
		return "another object type"
	case j.Target != o.Target:
		return "another target, " + o.Target
	case j.Format != o.Format:
		return "another --format"
	case j.Failed != o.Failed:
		return "another file of failures, " + o.Failed
	case len(j.Inputs) != len(o.Inputs):
		return "another number of files"
	}
	for i := range j.Inputs {
		if j.Inputs[i].Size != o.Inputs[i].Size || j.Inputs[i].Head != o.Inputs[i].Head {
			return "another content of " + j.Inputs[i].Name
		}
	}
	return ""
}

// Totals are the records of a job by what became of them.
type Totals struct {
	// Ingested records have been taken in. DeadLetters are those among them
	// that lie in the dead letter queue, as far as the sink tells.
	Ingested    int64
	DeadLetters int64
	Failed      int64
	// Reasons counts the failed records by reason.
	Reasons map[string]int64
}

// state is what a checkpoint file holds.
type state struct {
	Version int
	Job
	Input    int // the one that is being read; those before it are done
	Position Position
	Totals   Totals
	Kept     kept
}

// maxCheckpoint bounds what is read of a checkpoint file.
const maxCheckpoint = 16 << 20

// loadState reads a checkpoint; nil if there is none.
func loadState(path string) (*state, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCheckpoint))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	s := &state{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(s); err != nil || s.Version != checkpointVersion {
		return nil, fmt.Errorf("checkpoint: %s is not a checkpoint of this version", path)
	}
	if s.Input < 0 || s.Input >= max(1, len(s.Inputs)) || s.Position.Offset < 0 || s.Position.Records < 0 || min(s.Kept.RecordBytes, s.Kept.ReasonBytes, s.Kept.Lines) < 0 {
		return nil, fmt.Errorf("checkpoint: %s makes no sense", path)
	}
	return s, nil
}

// save writes a checkpoint beside its place, makes it durable and renames it, so
// that there is always a whole one.
func (s *state) save(path string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
