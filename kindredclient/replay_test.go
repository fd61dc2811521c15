package kindredclient_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"kindred/kindredclient"
)

func TestReplays(t *testing.T) {
	var asked string
	c := client(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		asked = r.Method + " " + r.RequestURI + " " + string(body)
		io.WriteString(w, `{"Mode":"DRY_RUN","Job":{"JobId":"j","State":"RUNNING"},"Examples":[{"ProfileId":"p","Before":{"FirstName":"Ann"},"Changes":[{"Field":"LastName","After":"Ann"}]}]}`)
	})
	for want, call := range map[string]func(context.Context) (*kindredclient.Replay, error){
		`POST /domains/d/object-types/T%2F/replay {"DryRun":true,"MaxExamples":3}`: func(ctx context.Context) (*kindredclient.Replay, error) {
			return c.ReplayObjectType(ctx, "d", "T/", kindredclient.ReplayObjectTypeInput{DryRun: true, MaxExamples: 3})
		},
		`GET /domains/d/object-types/T/replay/j%2F `: func(ctx context.Context) (*kindredclient.Replay, error) {
			return c.GetReplay(ctx, "d", "T", "j/")
		},
		`POST /domains/d/object-types/T/replay/j/rollback `: func(ctx context.Context) (*kindredclient.Replay, error) {
			return c.RollBackReplay(ctx, "d", "T", "j")
		},
	} {
		r, err := call(t.Context())
		if err != nil || r.Job.ID != "j" || len(r.Examples) != 1 || *r.Examples[0].Changes[0].After != "Ann" || string(r.Examples[0].Before) != `{"FirstName":"Ann"}` {
			t.Errorf("%s: %+v, %v", want, r, err)
		}
		if asked != want {
			t.Errorf("asked for %s, want %s", asked, want)
		}
	}
}
