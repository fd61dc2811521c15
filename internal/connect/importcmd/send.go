package importcmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles"
	"github.com/aws/aws-sdk-go-v2/service/customerprofiles/types"
	"github.com/aws/smithy-go"
	"golang.org/x/sync/errgroup"

	"kindred/internal/contactrecord"
)

// Bounds of what is kept and shown.
const (
	maxObject    = 256_000 // characters of an object in a call
	maxInstances = 1000    // whose domain is remembered
	maxOpen      = 32      // batches that are being filled, one for each domain
	maxReasons   = 100     // told apart in the counts
	maxShown     = 20      // failed records that are shown one by one
)

// stopped is the reason of records that were read and not sent.
const stopped = "the import was stopped"

// destination is where records go.
type destination struct{ domain, objectType string }

// item is a record on its way.
type item struct {
	where  string // file and number, for messages
	raw    []byte // as it was read
	object string
}

// importer is one import.
type importer struct {
	*options
	client  *customerprofiles.Client
	backoff retry.BackoffDelayer
	domains map[string]*destination // by instance ARN; nil: it has none
	open    map[destination][]item
	send    chan job
	tally   *tally
}

// job is a batch to be sent.
type job struct {
	destination
	items []item
}

// run imports all files.
func run(ctx context.Context, o *options, client *customerprofiles.Client, backoff retry.BackoffDelayer, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	t := &tally{reasons: map[string]int{}, stderr: stderr}
	if o.failed != "" {
		// A file that is there may be one of those that are to be read.
		if t.file, err = os.OpenFile(o.failed, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
			return fmt.Errorf("--failed: %w", err)
		}
		defer func() { err = errors.Join(err, t.close(o.failed)) }()
	}
	im := &importer{options: o, client: client, backoff: backoff, domains: map[string]*destination{}, open: map[destination][]item{},
		send: make(chan job), tally: t}
	g, gctx := errgroup.WithContext(ctx)
	for range o.workers {
		g.Go(func() error {
			for j := range im.send {
				if err := im.put(gctx, j); err != nil {
					return err
				}
			}
			return nil
		})
	}
	var unread []error
	g.Go(func() error {
		defer close(im.send)
		for _, name := range o.files {
			stop, err := im.file(gctx, name, stdin)
			if stop {
				for _, items := range im.open {
					err = errors.Join(err, t.failAll(items, stopped))
				}
				return err
			}
			if err != nil { // the other files may be good
				unread = append(unread, fmt.Errorf("%s: %w", name, err))
			}
		}
		return im.flush(gctx)
	})
	err = g.Wait()
	t.print(stdout)
	if err != nil {
		return fmt.Errorf("stopped before all records were read: %w", err)
	}
	if t.failed > 0 {
		err = fmt.Errorf("%d of %d records failed", t.failed, t.read)
	}
	return errors.Join(append(unread, err)...)
}

// file reads one file. Stop says that the import cannot go on.
func (im *importer) file(ctx context.Context, name string, stdin io.Reader) (stop bool, err error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			var path *os.PathError
			if errors.As(err, &path) {
				err = path.Err
			}
			return false, err
		}
		defer f.Close()
		in = f
	}
	n := 0
	err = read(in, func(raw []byte) error {
		n++
		if err := im.record(ctx, fmt.Sprintf("%s, record %d", name, n), raw); err != nil {
			stop = true
			return err
		}
		return nil
	})
	return stop, err
}

// record converts a record and puts it into the batch of its domain.
func (im *importer) record(ctx context.Context, where string, raw []byte) error {
	im.tally.count(1)
	it := item{where: where, raw: bytes.Clone(raw)}
	r, err := contactrecord.Convert(raw)
	if err != nil {
		return im.tally.fail(it, err.Error())
	}
	if utf8.RuneCount(r.JSON) > maxObject {
		return im.tally.fail(it, fmt.Sprintf("the record is larger than %d characters as a profile object", maxObject))
	}
	it.object = string(r.JSON)
	to, reason, err := im.destination(ctx, r.InstanceARN)
	if err != nil {
		return errors.Join(err, im.tally.fail(it, stopped))
	}
	if to == nil {
		return im.tally.fail(it, reason)
	}
	im.open[*to] = append(im.open[*to], it)
	if len(im.open[*to]) == im.batch {
		return im.queue(ctx, *to)
	}
	if len(im.open) > maxOpen {
		return im.flush(ctx)
	}
	return nil
}

// destination finds where the records of an instance go; nil with a reason when
// nowhere.
func (im *importer) destination(ctx context.Context, instanceARN string) (to *destination, reason string, err error) {
	if im.domain != "" {
		d := destination{im.domain, "CTR"}
		if im.objectType != "" {
			d.objectType = im.objectType
		}
		return &d, "", nil
	}
	if instanceARN == "" {
		return nil, "InstanceARN: the record names no instance; give --domain", nil
	}
	to, known := im.domains[instanceARN]
	if !known {
		out, err := im.client.ListAccountIntegrations(ctx, &customerprofiles.ListAccountIntegrationsInput{Uri: &instanceARN})
		if err != nil {
			return nil, "", fmt.Errorf("find the domain of an instance: %w", err)
		}
		if len(out.Items) > 0 && out.Items[0].DomainName != nil {
			to = &destination{*out.Items[0].DomainName, "CTR"}
			if out.Items[0].ObjectTypeName != nil {
				to.objectType = *out.Items[0].ObjectTypeName
			}
			if im.objectType != "" {
				to.objectType = im.objectType
			}
		}
		if len(im.domains) == maxInstances {
			clear(im.domains)
		}
		im.domains[instanceARN] = to
	}
	if to == nil {
		return nil, "InstanceARN: no domain has an integration with the record's instance", nil
	}
	return to, "", nil
}

// flush queues the batches that are not full.
func (im *importer) flush(ctx context.Context) error {
	var err error
	for to := range im.open {
		err = errors.Join(err, im.queue(ctx, to))
	}
	return err
}

// queue hands a batch to a worker.
func (im *importer) queue(ctx context.Context, to destination) error {
	items := im.open[to]
	delete(im.open, to)
	select {
	case im.send <- job{to, items}:
		return nil
	case <-ctx.Done():
		return errors.Join(ctx.Err(), im.tally.failAll(items, stopped))
	}
}

func (t *tally) failAll(items []item, reason string) error {
	var err error
	for _, it := range items {
		err = errors.Join(err, t.fail(it, reason))
	}
	return err
}

// put sends a batch, and what of it the server was too busy for again. Its error
// is one that would befall every other batch too.
func (im *importer) put(ctx context.Context, j job) error {
	for attempt := 1; len(j.items) > 0; attempt++ {
		failed, err := im.call(ctx, j)
		if err != nil {
			if isBadRequest(err) && len(j.items) > 1 { // for one of them; which one?
				for _, it := range j.items {
					if err := im.put(ctx, job{j.destination, []item{it}}); err != nil {
						return err
					}
				}
				return nil
			}
			text := reason(err)
			if ctx.Err() != nil {
				text = stopped
			}
			if e := im.tally.failAll(j.items, text); e != nil || isBadRequest(err) {
				return e
			}
			return errors.New(text)
		}
		var again []item
		for i, it := range j.items {
			f := failed[i]
			switch {
			case f == nil:
				im.tally.ingest()
			case attempt < maxAttempts && (status(f) == 429 || status(f) >= 500):
				again = append(again, it)
			default:
				if err := im.tally.fail(it, message(f)); err != nil {
					return err
				}
			}
		}
		if j.items = again; len(again) == 0 {
			return nil
		}
		delay, err := im.backoff.BackoffDelay(attempt, nil)
		if err == nil {
			err = sleep(ctx, delay)
		}
		if err != nil {
			return errors.Join(err, im.tally.failAll(again, stopped))
		}
	}
	return nil
}

// call sends a batch. It returns the failed items by their place in the batch.
func (im *importer) call(ctx context.Context, j job) (map[int]*types.BatchPutProfileObjectErrorItem, error) {
	if len(j.items) == 1 {
		_, err := im.client.PutProfileObject(ctx, &customerprofiles.PutProfileObjectInput{DomainName: &j.domain, ObjectTypeName: &j.objectType,
			Object: &j.items[0].object})
		return nil, err
	}
	in := &customerprofiles.BatchPutProfileObjectInput{DomainName: &j.domain, ObjectTypeName: &j.objectType}
	places := map[string]int{}
	for i := range j.items {
		id := fmt.Sprintf("r%d", i)
		places[id] = i
		in.Items = append(in.Items, types.BatchPutProfileObjectRequestItem{Id: &id, Object: &j.items[i].object})
	}
	out, err := im.client.BatchPutProfileObject(ctx, in)
	if err != nil {
		return nil, err
	}
	failed := map[int]*types.BatchPutProfileObjectErrorItem{}
	answered := len(out.Successful) + len(out.Failed)
	for i := range out.Failed {
		f := &out.Failed[i]
		if f.Id == nil {
			continue
		}
		if place, ok := places[*f.Id]; ok {
			failed[place] = f
		}
	}
	if answered != len(j.items) || len(failed) != len(out.Failed) {
		return nil, fmt.Errorf("the server answered for %d of %d records", answered, len(j.items))
	}
	return failed, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isBadRequest(err error) bool {
	var e *types.BadRequestException
	return errors.As(err, &e)
}

// reason is the text of an error without the call and the request's number, so
// that equal reasons are counted together.
func reason(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		if isBadRequest(err) {
			return e.ErrorMessage()
		}
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	return err.Error()
}

func message(f *types.BatchPutProfileObjectErrorItem) string {
	if f.Message != nil && *f.Message != "" {
		return *f.Message
	}
	return fmt.Sprintf("status %d", status(f))
}

func status(f *types.BatchPutProfileObjectErrorItem) int32 {
	if f.Code == nil {
		return 0
	}
	return *f.Code
}

// tally counts, and keeps what has failed.
type tally struct {
	stderr io.Writer
	file   *os.File // nil: failed records are not kept

	mu                     sync.Mutex // guards the following, the file and stderr
	read, ingested, failed int
	reasons                map[string]int
}

func (t *tally) count(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read += n
}

func (t *tally) ingest() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ingested++
}

// fail notes that a record has failed. Its error is that of the file.
func (t *tally) fail(it item, reason string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed++; t.failed <= maxShown {
		fmt.Fprintf(t.stderr, "%s: %s\n", it.where, reason)
	} else if t.failed == maxShown+1 {
		fmt.Fprintln(t.stderr, "further records that fail are only counted")
	}
	if _, known := t.reasons[reason]; !known && len(t.reasons) >= maxReasons {
		reason = "other reasons"
	}
	t.reasons[reason]++
	if t.file == nil {
		return nil
	}
	var line bytes.Buffer
	if err := json.Compact(&line, it.raw); err != nil {
		line.Reset()
		line.Write(bytes.ReplaceAll(it.raw, []byte("\n"), []byte(" ")))
	}
	line.WriteByte('\n')
	if _, err := t.file.Write(line.Bytes()); err != nil {
		return fmt.Errorf("--failed: %w", err)
	}
	return nil
}

// print writes the counts.
func (t *tally) print(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(w, "read      %d\ningested  %d\nfailed    %d\n", t.read, t.ingested, t.failed)
	reasons := make([]string, 0, len(t.reasons))
	for r := range t.reasons {
		reasons = append(reasons, r)
	}
	slices.SortFunc(reasons, func(a, b string) int {
		if t.reasons[a] != t.reasons[b] {
			return t.reasons[b] - t.reasons[a]
		}
		return strings.Compare(a, b)
	})
	for _, r := range reasons {
		fmt.Fprintf(w, "%9d  %s\n", t.reasons[r], r)
	}
}

// close ends the file of the failed records, and removes it when there are none.
func (t *tally) close(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.file.Close(); err != nil {
		return fmt.Errorf("--failed: %w", err)
	}
	if t.failed == 0 {
		return os.Remove(name)
	}
	return nil
}
