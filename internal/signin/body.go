package signin

import (
	"fmt"
	"net/http"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"kindred/internal/password"
)

// member is a member of a body and how many characters it may have.
type member struct {
	name     string
	from, to *string
	max      int
}

// parse reads the body of a request to sign in: a JSON object with a user name and
// password, or an access key with its secret, or the token of a link, and nothing else.
func parse(body []byte) (*attempt, error) {
	var in struct {
		UserName        *string `json:"userName"`
		Password        *string `json:"password"`
		AccessKeyID     *string `json:"accessKeyId"`
		SecretAccessKey *string `json:"secretAccessKey"`
		Token           *string `json:"token"`
	}
	if err := json.Unmarshal(body, &in, json.RejectUnknownMembers(true)); err != nil {
		return nil, malformed("The body must be a JSON object with userName and password, or accessKeyId and secretAccessKey, or token, all of them strings")
	}
	a := &attempt{}
	forms := [][]member{
		{{"userName", in.UserName, &a.userName, 64}, {"password", in.Password, &a.password, password.MaxBytes}},
		{{"accessKeyId", in.AccessKeyID, &a.accessKeyID, 128}, {"secretAccessKey", in.SecretAccessKey, &a.secret, 128}},
		{{"token", in.Token, &a.token, maxSecret}},
	}
	given := 0
	for _, form := range forms {
		there := false
		for _, m := range form {
			there = there || m.from != nil
		}
		if !there {
			continue
		}
		given++
		for _, m := range form {
			if m.from == nil || *m.from == "" {
				return nil, malformed("%s: it is missing or empty", m.name)
			}
			if utf8.RuneCountInString(*m.from) > m.max {
				return nil, malformed("%s: at most %d characters", m.name, m.max)
			}
			*m.to = *m.from
		}
	}
	if given != 1 {
		return nil, malformed("Give one of userName and password, accessKeyId and secretAccessKey, and token")
	}
	return a, nil
}

func malformed(format string, args ...any) error {
	return &bodyError{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}
