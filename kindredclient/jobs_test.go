package kindredclient_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"kindred/kindredclient"
)

func TestJobs(t *testing.T) {
	var asked string
	c := client(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		asked = r.Method + " " + r.RequestURI + string(body)
		if r.Method == "GET" && r.URL.Path == "/domains/d/jobs" {
			io.WriteString(w, `{"Items":[{"JobId":"j","State":"PAUSED","CreatedAt":1.5,"TotalCount":7}],"NextToken":"t"}`)
			return
		}
		io.WriteString(w, `{"JobId":"j","State":"RUNNING","StartedAt":2,"Counters":{"made":3}}`)
	})
	for want, call := range map[string]func(context.Context, string, string) (*kindredclient.Job, error){
		"GET /domains/d/jobs/j%2F": c.GetJob, "POST /domains/d/jobs/j%2F/pause": c.PauseJob,
		"POST /domains/d/jobs/j%2F/resume": c.ResumeJob, "POST /domains/d/jobs/j%2F/cancel": c.CancelJob,
	} {
		j, err := call(t.Context(), "d", "j/")
		if err != nil || asked != want || j.ID != "j" || j.State != "RUNNING" || j.StartedAt.Unix() != 2 || j.EndedAt != nil || j.TotalCount != nil || j.Counters["made"] != 3 {
			t.Errorf("asked %q, want %q: %+v, %v", asked, want, j, err)
		}
	}
	for want, in := range map[string]kindredclient.ListJobsInput{
		"GET /domains/d/jobs": {},
		"GET /domains/d/jobs?kind=k&max-results=5&next-token=a%2Bb&state=PAUSED": {State: "PAUSED", Kind: "k", MaxResults: 5, NextToken: "a+b"},
	} {
		page, err := c.ListJobs(t.Context(), "d", in)
		if err != nil || asked != want || len(page.Items) != 1 || *page.Items[0].TotalCount != 7 || page.NextToken != "t" {
			t.Errorf("asked %q, want %q: %+v, %v", asked, want, page, err)
		}
	}
}
