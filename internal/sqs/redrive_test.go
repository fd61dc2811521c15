package sqs

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"kindred/internal/api/sqsapi"
	"kindred/internal/store/memstore"
)

func redriveTo(name string, receives int) map[string]string {
	return map[string]string{"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arnOf(name), receives)}
}

func TestRedriveToTheDeadLetterQueue(t *testing.T) {
	e := newEnv(t)
	dead := e.create("dead", map[string]string{"MessageRetentionPeriod": "600"})
	u := e.create("q", redriveTo("dead", 2))
	out, err := e.SendMessage(e.ctx, &sqsapi.SendMessageRequest{QueueUrl: u, MessageBody: "poison",
		MessageAttributes: map[string]sqsapi.MessageAttributeValue{"a": {DataType: "String", StringValue: ptr("v")}}})
	if err != nil {
		t.Fatal(err)
	}
	e.clock.add(time.Second)
	e.receiveOne(u)
	e.clock.add(30 * time.Second)
	h := *e.receiveOne(u).ReceiptHandle
	e.none(dead)
	e.clock.add(30 * time.Second)
	e.none(u)
	e.wantCounts(u, "0", "0", "0")
	e.wantCounts(dead, "1", "0", "0")
	if err := e.delete(u, h); err != nil {
		t.Fatal(err)
	}
	m := e.receiveOne(dead)
	want := map[string]string{"SenderId": "AIDAADMIN", "SentTimestamp": "1700000000000", "ApproximateFirstReceiveTimestamp": "1700000001000",
		"ApproximateReceiveCount": "3", "DeadLetterQueueSourceArn": arnOf("q")}
	if fmt.Sprint(m.Attributes) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", m.Attributes, want)
	}
	if *m.MessageId != *out.MessageId || *m.Body != "poison" || *m.MD5OfMessageAttributes != *out.MD5OfMessageAttributes {
		t.Errorf("got %+v", m)
	}
	// It expires by when it was first sent.
	e.clock.add(600*time.Second - 61*time.Second)
	e.none(dead)
}

func TestMessagesStayWhenTheDeadLetterQueueIsGone(t *testing.T) {
	e := newEnv(t)
	dead := e.create("dead", nil)
	u := e.create("q", redriveTo("dead", 1))
	e.sendText(u, "x")
	if err := e.DeleteQueue(e.ctx, &sqsapi.DeleteQueueRequest{QueueUrl: dead}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		e.receiveOne(u)
		e.clock.add(time.Minute)
	}
	e.create("dead", nil)
	e.none(u)
	e.wantCounts(dead, "1", "0", "0")
}

// moving makes a dead-letter queue with n messages from q, and one in flight.
func moving(t *testing.T, e *env, n int) (source, dead string) {
	t.Helper()
	dead = e.create("dead", nil)
	source = e.create("q", redriveTo("dead", 1))
	for i := range n {
		e.sendText(source, fmt.Sprint(i))
	}
	for range n {
		e.receiveOne(source)
	}
	e.clock.add(time.Minute)
	e.none(source)
	e.wantCounts(dead, fmt.Sprint(n), "0", "0")
	return source, dead
}

func (e *env) start(in *sqsapi.StartMessageMoveTaskRequest) string {
	e.t.Helper()
	out, err := e.StartMessageMoveTask(e.ctx, in)
	if err != nil {
		e.t.Fatalf("StartMessageMoveTask: %v", err)
	}
	return *out.TaskHandle
}

// steps works on all tasks until there is nothing to do at once.
func (e *env) steps() {
	e.t.Helper()
	for again := true; again; {
		again = false
		err := e.eachRunning(e.ctx, func(name string, ref taskRef) error {
			rest, err := e.step(e.ctx, name, ref)
			again = again || rest == 0
			return err
		})
		if err != nil {
			e.t.Fatal(err)
		}
	}
}

func (e *env) tasksOf(arn string) []sqsapi.ListMessageMoveTasksResultEntry {
	e.t.Helper()
	out, err := e.ListMessageMoveTasks(e.ctx, &sqsapi.ListMessageMoveTasksRequest{SourceArn: arn, MaxResults: ptr(10)})
	if err != nil {
		e.t.Fatal(err)
	}
	return out.Results
}

func TestMoveTaskBringsMessagesBack(t *testing.T) {
	e := newEnv(t)
	source, dead := moving(t, e, 70)
	inFlight := e.receiveOne(dead)
	handle := e.start(&sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead")})
	_, err := e.StartMessageMoveTask(e.ctx, &sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead")})
	wantError(t, err, "UnsupportedOperation", "already a task running")
	running := e.tasksOf(arnOf("dead"))
	if len(running) != 1 || *running[0].Status != "RUNNING" || *running[0].ApproximateNumberOfMessagesToMove != 69 {
		t.Errorf("got %+v", running)
	}
	if _, ref, err := e.openTaskHandle(*running[0].TaskHandle); err != nil || ref.sort == "" {
		t.Errorf("listed handle: %v, %v", ref, err)
	}
	e.steps()
	e.wantCounts(source, "69", "0", "0")
	e.wantCounts(dead, "0", "1", "0")
	done := e.tasksOf(arnOf("dead"))[0]
	if *done.Status != "COMPLETED" || *done.ApproximateNumberOfMessagesMoved != 69 || done.TaskHandle != nil ||
		*done.StartedTimestamp != e.clock.now().UnixMilli() || done.DestinationArn != nil {
		t.Errorf("got %+v", done)
	}
	_, err = e.CancelMessageMoveTask(e.ctx, &sqsapi.CancelMessageMoveTaskRequest{TaskHandle: handle})
	wantError(t, err, "UnsupportedOperation", "active")
	m := e.receiveOne(source)
	if m.Attributes["ApproximateReceiveCount"] != "1" || m.Attributes["DeadLetterQueueSourceArn"] != "" ||
		m.Attributes["SentTimestamp"] != fmt.Sprint(e.clock.now().UnixMilli()) || *m.MessageId == *inFlight.MessageId {
		t.Errorf("a moved message is not new: %v", m.Attributes)
	}
}

func TestMoveTaskKeepsItsRate(t *testing.T) {
	e := newEnv(t)
	moving(t, e, 60)
	to := e.create("to", nil)
	e.start(&sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead"), DestinationArn: ptr(arnOf("to")), MaxNumberOfMessagesPerSecond: ptr(20)})
	other := e.node() // which takes part
	for i := range 50 {
		e.steps()
		other.steps()
		if got, most := e.attribute(to, attrVisible), 5+2*i; len(got) > 2 || atoi(t, got) > most {
			t.Fatalf("after %d ms: %s messages, at most %d were to be moved", 100*i, got, most)
		}
		e.clock.add(100 * time.Millisecond)
	}
	e.wantCounts(to, "60", "0", "0")
	if task := e.tasksOf(arnOf("dead"))[0]; *task.Status != "COMPLETED" || *task.DestinationArn != arnOf("to") || *task.MaxNumberOfMessagesPerSecond != 20 {
		t.Errorf("got %+v", task)
	}
}

func atoi(t *testing.T, text string) (n int) {
	t.Helper()
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMoveTaskIsCancelled(t *testing.T) {
	e := newEnv(t)
	source, dead := moving(t, e, 10)
	handle := e.start(&sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead"), MaxNumberOfMessagesPerSecond: ptr(1)})
	e.steps()
	out, err := e.CancelMessageMoveTask(e.ctx, &sqsapi.CancelMessageMoveTaskRequest{TaskHandle: handle})
	if err != nil || *out.ApproximateNumberOfMessagesMoved != 1 {
		t.Fatalf("got %v, %v", out, err)
	}
	e.clock.add(time.Hour)
	e.steps()
	e.wantCounts(source, "1", "0", "0")
	e.wantCounts(dead, "9", "0", "0")
	if task := e.tasksOf(arnOf("dead"))[0]; *task.Status != "CANCELLED" {
		t.Errorf("got %+v", task)
	}
}

func TestMoveTaskFailsWithItsReason(t *testing.T) {
	e := newEnv(t)
	source, dead := moving(t, e, 1)
	e.create("to", nil)
	e.clock.add(time.Millisecond)
	e.sendText(dead, "sent to the dead-letter queue itself")
	e.start(&sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead")})
	e.steps()
	if task := e.tasksOf(arnOf("dead"))[0]; *task.Status != "FAILED" || *task.FailureReason != "CouldNotDetermineMessageSource" {
		t.Errorf("got %+v", task)
	}
	e.wantCounts(source, "1", "0", "0")
	e.wantCounts(dead, "1", "0", "0")

	e.clock.add(time.Second)
	e.start(&sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead"), DestinationArn: ptr(arnOf("to"))})
	if err := e.DeleteQueue(e.ctx, &sqsapi.DeleteQueueRequest{QueueUrl: e.url("to")}); err != nil {
		t.Fatal(err)
	}
	e.steps()
	if task := e.tasksOf(arnOf("dead"))[0]; *task.Status != "FAILED" || *task.FailureReason != "AWS.SimpleQueueService.NonExistentQueue" {
		t.Errorf("got %+v", task)
	}
	if n := len(e.tasksOf(arnOf("dead"))); n != 2 {
		t.Errorf("%d tasks are listed", n)
	}
	e.wantCounts(dead, "1", "0", "0")
	e.clock.add(time.Second)
	e.start(&sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead"), DestinationArn: ptr(arnOf("q"))})
	if err := e.DeleteQueue(e.ctx, &sqsapi.DeleteQueueRequest{QueueUrl: dead}); err != nil {
		t.Fatal(err)
	}
	e.steps()
	_, err := e.ListMessageMoveTasks(e.ctx, &sqsapi.ListMessageMoveTasksRequest{SourceArn: arnOf("dead")})
	wantError(t, err, "ResourceNotFoundException", "SourceArn")
}

func TestMoveTaskParameters(t *testing.T) {
	e := newEnv(t)
	e.create("dead", nil)
	e.create("q", redriveTo("dead", 1))
	for _, c := range []struct {
		in         sqsapi.StartMessageMoveTaskRequest
		name, part string
	}{
		{sqsapi.StartMessageMoveTaskRequest{SourceArn: "dead"}, "InvalidParameterValue", "SourceArn"},
		{sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("none")}, "ResourceNotFoundException", "SourceArn"},
		{sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("q")}, "InvalidParameterValue", "dead-letter queue"},
		{sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead"), DestinationArn: ptr(arnOf("none"))}, "ResourceNotFoundException", "DestinationArn"},
		{sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead"), DestinationArn: ptr(arnOf("dead"))}, "InvalidParameterValue", "DestinationArn"},
		{sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead"), MaxNumberOfMessagesPerSecond: ptr(501)}, "InvalidParameterValue", "1 to 500"},
	} {
		_, err := e.StartMessageMoveTask(e.ctx, &c.in)
		wantError(t, err, c.name, c.part)
	}
	_, err := e.ListMessageMoveTasks(e.ctx, &sqsapi.ListMessageMoveTasksRequest{SourceArn: arnOf("dead"), MaxResults: ptr(11)})
	wantError(t, err, "InvalidParameterValue", "1 to 10")
	_, err = e.CancelMessageMoveTask(e.ctx, &sqsapi.CancelMessageMoveTaskRequest{TaskHandle: "x"})
	wantError(t, err, "InvalidParameterValue", "TaskHandle")
	for range 15 { // no more than ten are remembered
		e.start(&sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead")})
		e.steps()
		e.clock.add(time.Second)
	}
	if n := len(e.tasksOf(arnOf("dead"))); n != 10 {
		t.Errorf("%d tasks are listed", n)
	}
}

// Run drives tasks, expiry and dropping by itself, and ends with its context.
func TestRunWorksInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEnvOn(t, memstore.New())
		ctx, cancel := context.WithCancel(e.ctx)
		ended := make(chan error)
		go func() { ended <- e.Run(ctx) }()
		source, dead := moving(t, e, 5)
		purged := e.create("purged", nil)
		e.sendText(purged, "x")
		old := e.create("old", map[string]string{"MessageRetentionPeriod": "60"})
		e.sendText(old, "x")
		e.start(&sqsapi.StartMessageMoveTaskRequest{SourceArn: arnOf("dead")})
		if err := e.PurgeQueue(e.ctx, &sqsapi.PurgeQueueRequest{QueueUrl: purged}); err != nil {
			t.Fatal(err)
		}
		e.clock.add(time.Minute)
		time.Sleep(2 * sweepEvery) // of the bubble's time
		synctest.Wait()
		e.wantCounts(source, "5", "0", "0")
		e.wantCounts(dead, "0", "0", "0")
		e.wantCounts(old, "0", "0", "0")
		if task := e.tasksOf(arnOf("dead"))[0]; *task.Status != "COMPLETED" {
			t.Errorf("got %+v", task)
		}
		cancel()
		if err := <-ended; err != context.Canceled {
			t.Errorf("Run ended with %v", err)
		}
	})
}
