package bench

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkOverload puts objects from as many connections as suit the machine, and from
// five and twenty-five times as many, each of which sends its next request as soon as it
// has an answer, whatever that is. What counts is goodput: calls that succeeded.
func BenchmarkOverload(b *testing.B) {
	for _, conns := range []int{connections, 5 * connections, 25 * connections} {
		b.Run(fmt.Sprint(conns), func(b *testing.B) {
			c := serve(b)
			c.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: conns}}
			var next, refused atomic.Int64
			var mu sync.Mutex
			var took []time.Duration // of calls that succeeded
			b.ResetTimer()
			began := time.Now()
			var all sync.WaitGroup
			for range conns {
				all.Go(func() {
					var own []time.Duration
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							break
						}
						body := encode(map[string]string{"ObjectTypeName": "Member", "Object": record(uint64(i))})
						at := time.Now()
						_, err := c.call("profile", "PUT", "/domains/bench/profiles/objects", body)
						var answer *answerError
						switch {
						case err == nil:
							own = append(own, time.Since(at))
						case errors.As(err, &answer) && strings.HasPrefix(answer.text, "429 "):
							refused.Add(1)
						default:
							b.Error(err)
							return
						}
					}
					mu.Lock()
					took = append(took, own...)
					mu.Unlock()
				})
			}
			all.Wait()
			b.StopTimer()
			elapsed := time.Since(began).Seconds()
			slices.Sort(took)
			b.ReportMetric(float64(len(took))/elapsed, "goodput/s")
			b.ReportMetric(float64(refused.Load())/elapsed, "refused/s")
			if len(took) > 0 {
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			}
		})
	}
}
