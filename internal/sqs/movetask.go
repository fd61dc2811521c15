package sqs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"kindred/internal/access"
	"kindred/internal/api/sqsapi"
	"kindred/internal/fault"
	"kindred/internal/store"
)

// States of a message move task.
const (
	taskRunning   = "RUNNING"
	taskCompleted = "COMPLETED"
	taskCancelled = "CANCELLED"
	taskFailed    = "FAILED"
)

// task is the stored form of a message move task. Its progress is written in
// the update that moves messages, so that it is exact whatever fails.
type task struct {
	Source      string // name of the queue
	Destination string // name of the queue; empty: where each message came from
	Rate        int    // messages a second; 0: as fast as it goes
	Status      string
	Failure     string
	Moved       int64
	ToMove      int64 // as of the start
	Started     int64 // microseconds; what became ready later is not moved
	Next        int64 // when the rate allows the next messages
}

// taskRef says which task: of which queue, under which key.
type taskRef struct {
	queue id
	sort  string
}

func (t taskRef) key() store.Key {
	return store.Key{Partition: taskPartition(t.queue), Sort: []byte(t.sort)}
}

func (s *Service) openTask(k store.Key, value []byte) (*task, error) {
	plain, err := unseal(s.root, k, value)
	if err != nil {
		return nil, err
	}
	t := &task{}
	if err := json.Unmarshal(plain, t); err != nil {
		return nil, fmt.Errorf("sqs: message move task: %w", err)
	}
	return t, nil
}

func (s *Service) putTask(tx store.Tx, k store.Key, t *task) error {
	plain, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("sqs: message move task: %w", err)
	}
	sealed, err := seal(s.root, k, plain)
	if err != nil {
		return err
	}
	tx.Put(k, sealed)
	return nil
}

// Limits of message move tasks (API reference).
const (
	maxMoveRate = 500 // messages a second
	maxTasks    = 10  // remembered of a queue
)

// StartMessageMoveTask starts to move the messages of a dead-letter queue that
// are ready now: to one queue, or each to the queue that it came from. Moved
// messages are new ones, with a new identifier and sent time. The caller needs
// ReceiveMessage and DeleteMessage on the source too, and SendMessage on the
// queues that messages may go to.
func (s *Service) StartMessageMoveTask(ctx context.Context, in *sqsapi.StartMessageMoveTaskRequest) (*sqsapi.StartMessageMoveTaskResult, error) {
	name, err := s.nameOfTaskARN("SourceArn", in.SourceArn)
	if err != nil {
		return nil, err
	}
	t := &task{Source: name, Status: taskRunning}
	var q *queue
	for _, action := range []string{"StartMessageMoveTask", "ReceiveMessage", "DeleteMessage"} {
		if q, err = s.openTaskQueue(ctx, "SourceArn", action, name); err != nil {
			return nil, err
		}
	}
	sources, err := s.sources(ctx, name, store.MaxScan)
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 {
		return nil, invalidParameter("SourceArn: must be the ARN of a dead-letter queue of another queue.")
	}
	if in.DestinationArn != nil {
		if t.Destination, err = s.nameOfTaskARN("DestinationArn", *in.DestinationArn); err != nil {
			return nil, err
		}
		if t.Destination == name {
			return nil, invalidParameter("DestinationArn: must not be the source.")
		}
		if _, err := s.openTaskQueue(ctx, "DestinationArn", "SendMessage", t.Destination); err != nil {
			return nil, err
		}
	} else {
		for _, source := range sources {
			if _, err := s.openTaskQueue(ctx, "SourceArn", "SendMessage", source); err != nil {
				return nil, err
			}
		}
	}
	if r := in.MaxNumberOfMessagesPerSecond; r != nil {
		if *r < 1 || *r > maxMoveRate {
			return nil, invalidParameter("MaxNumberOfMessagesPerSecond: must be an integer from 1 to %d.", maxMoveRate)
		}
		t.Rate = *r
	}
	n, err := s.count(ctx, q.Space)
	if err != nil {
		return nil, err
	}
	t.ToMove = n.visible
	handle, err := s.startTask(ctx, name, t)
	if err != nil {
		return nil, taskQueueFault("SourceArn", err)
	}
	notify(s.tasks)
	return &sqsapi.StartMessageMoveTaskResult{TaskHandle: &handle}, nil
}

func (s *Service) startTask(ctx context.Context, name string, t *task) (handle string, err error) {
	taskID := newID()
	err = s.updateQueue(ctx, "StartMessageMoveTask", name, nil, func(tx store.Tx, q *queue, _ [][]byte) error {
		values, err := tx.Get(ctx, runningKey(name))
		if err != nil {
			return err
		}
		if values[0] != nil {
			return unsupported("There is already a task running. Only one active task is allowed for a source queue at a given time.")
		}
		t.Started = s.micros()
		t.Next = t.Started
		ref := taskRef{q.ID, string(taskSort(t.Started, taskID))}
		old, err := tx.Scan(ctx, store.Span{Partition: taskPartition(q.ID), Reverse: true, Limit: 2 * maxTasks})
		if err != nil {
			return err
		}
		for i, rec := range old[0] {
			if i >= maxTasks-1 {
				tx.Delete(rec.Key)
			}
		}
		tx.Put(runningKey(name), append(append([]byte{}, q.ID[:]...), ref.sort...))
		if handle, err = s.sealTask(name, ref); err != nil {
			return err
		}
		return s.putTask(tx, ref.key(), t)
	})
	return handle, err
}

// sealTask makes the handle of a task.
func (s *Service) sealTask(name string, ref taskRef) (string, error) {
	plain := append(append(append([]byte{}, ref.queue[:]...), ref.sort...), name...)
	sealed, err := seal(s.root, key("task", "handle"), plain)
	return base64.StdEncoding.EncodeToString(sealed), err
}

const taskSortSize = 8 + 16

func (s *Service) openTaskHandle(handle string) (name string, ref taskRef, err error) {
	plain, err := base64.StdEncoding.DecodeString(handle[:min(len(handle), maxHandle)])
	if err == nil {
		plain, err = unseal(s.root, key("task", "handle"), plain)
	}
	if err != nil || len(plain) <= len(ref.queue)+taskSortSize {
		return "", ref, invalidParameter("TaskHandle: is not the handle of a task.")
	}
	copy(ref.queue[:], plain)
	plain = plain[len(ref.queue):]
	ref.sort = string(plain[:taskSortSize])
	return string(plain[taskSortSize:]), ref, nil
}

// nameOfTaskARN is the queue that a parameter names.
func (s *Service) nameOfTaskARN(parameter, arn string) (string, error) {
	name, ok := s.nameOfARN(arn)
	if !ok {
		return "", invalidParameter("%s: must be the ARN of a queue of this account and region.", parameter)
	}
	return name, nil
}

// openTaskQueue is openName with the error that these operations have for a
// queue that is not there.
func (s *Service) openTaskQueue(ctx context.Context, parameter, action, name string) (*queue, error) {
	q, err := s.openName(ctx, name, s.check(action, name))
	return q, taskQueueFault(parameter, err)
}

func taskQueueFault(parameter string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.Named(fault.NotFound, "ResourceNotFoundException", "%s: the queue does not exist.", parameter)
	}
	return err
}

// CancelMessageMoveTask stops a running task. What was moved stays moved.
func (s *Service) CancelMessageMoveTask(ctx context.Context, in *sqsapi.CancelMessageMoveTaskRequest) (*sqsapi.CancelMessageMoveTaskResult, error) {
	name, ref, err := s.openTaskHandle(in.TaskHandle)
	if err != nil {
		if err := access.Require(ctx, s.check("CancelMessageMoveTask", "*")); err != nil {
			return nil, err
		}
		return nil, err
	}
	if _, err := s.openTaskQueue(ctx, "TaskHandle", "CancelMessageMoveTask", name); err != nil {
		return nil, err
	}
	var moved int64
	err = s.store.Update(ctx, func(tx store.Tx) error {
		values, err := tx.Get(ctx, ref.key())
		if err != nil {
			return err
		}
		if values[0] == nil {
			return fault.Named(fault.NotFound, "ResourceNotFoundException", "TaskHandle: the task does not exist.")
		}
		t, err := s.openTask(ref.key(), values[0])
		if err != nil {
			return err
		}
		if t.Status != taskRunning {
			return unsupported("TaskHandle: only active tasks can be cancelled.")
		}
		t.Status, moved = taskCancelled, t.Moved
		tx.Delete(runningKey(name))
		return s.putTask(tx, ref.key(), t)
	})
	if err != nil {
		return nil, storeFault(err)
	}
	return &sqsapi.CancelMessageMoveTaskResult{ApproximateNumberOfMessagesMoved: &moved}, nil
}

// ListMessageMoveTasks lists the latest tasks of a queue, the latest first: one
// unless MaxResults says otherwise, at most ten.
func (s *Service) ListMessageMoveTasks(ctx context.Context, in *sqsapi.ListMessageMoveTasksRequest) (*sqsapi.ListMessageMoveTasksResult, error) {
	name, err := s.nameOfTaskARN("SourceArn", in.SourceArn)
	if err != nil {
		return nil, err
	}
	q, err := s.openTaskQueue(ctx, "SourceArn", "ListMessageMoveTasks", name)
	if err != nil {
		return nil, err
	}
	limit := 1
	if in.MaxResults != nil {
		if limit = *in.MaxResults; limit < 1 || limit > maxTasks {
			return nil, invalidParameter("MaxResults: must be an integer from 1 to %d.", maxTasks)
		}
	}
	var found []store.Record
	err = s.store.View(ctx, func(r store.Reader) error {
		pages, err := r.Scan(ctx, store.Span{Partition: taskPartition(q.ID), Reverse: true, Limit: limit})
		if err == nil {
			found = pages[0]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &sqsapi.ListMessageMoveTasksResult{Results: []sqsapi.ListMessageMoveTasksResultEntry{}}
	for _, rec := range found {
		entry, err := s.taskEntry(q, rec)
		if err != nil {
			return nil, err
		}
		out.Results = append(out.Results, entry)
	}
	return out, nil
}

func (s *Service) taskEntry(q *queue, rec store.Record) (e sqsapi.ListMessageMoveTasksResultEntry, err error) {
	t, err := s.openTask(rec.Key, rec.Value)
	if err != nil {
		return e, err
	}
	source, started := s.arn(t.Source), t.Started/1000
	e = sqsapi.ListMessageMoveTasksResultEntry{
		Status:                            &t.Status,
		SourceArn:                         &source,
		ApproximateNumberOfMessagesMoved:  &t.Moved,
		ApproximateNumberOfMessagesToMove: &t.ToMove,
		StartedTimestamp:                  &started,
	}
	if t.Status == taskRunning { // a handle is of use only as long
		handle, err := s.sealTask(t.Source, taskRef{q.ID, string(rec.Key.Sort)})
		if err != nil {
			return e, err
		}
		e.TaskHandle = &handle
	}
	if t.Destination != "" {
		destination := s.arn(t.Destination)
		e.DestinationArn = &destination
	}
	if t.Rate != 0 {
		e.MaxNumberOfMessagesPerSecond = &t.Rate
	}
	if t.Failure != "" {
		e.FailureReason = &t.Failure
	}
	return e, nil
}

var errNotRunning = errors.New("sqs: the task is not running")
