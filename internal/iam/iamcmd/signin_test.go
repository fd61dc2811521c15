package iamcmd_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"kindred/internal/signin"
)

// signIn asks the server for a session as a browser does.
func signIn(t *testing.T, members map[string]string) (status int) {
	t.Helper()
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest("POST", os.Getenv("AWS_ENDPOINT_URL")+signin.Path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(signin.Header, "1")
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func TestPasswordsAndSessions(t *testing.T) {
	start(t)
	if _, err := run(t, "user", "create", "alice"); err != nil {
		t.Fatal(err)
	}
	const first, second = "correct horse battery", "another good password"
	var sessionID string
	for _, c := range []struct{ stdin, line, want string }{
		{first + "\n", "password set alice", `^set the password of user alice\n$`},
		{"", "password show alice", `^UserName +alice\nHasPassword +true\nSetDate +\d{4}-.*Z\n$`},
		{"short\n", "password set alice", `error: BadRequestException: Password: at least 12 characters`},
		{"", "password set alice", `error: new password of alice: want a line of standard input`},
		{strings.Repeat("x", 5000), "password set alice", `error: want a line of standard input with it, of less than 4096 bytes`},
		{first, "password set nobody", `error: ResourceNotFoundException`},
		{"", "session list alice", `(?s)^SessionId +Method +CreateDate +LastUsedDate +ExpirationDate\n([0-9a-f]{32}) +PASSWORD +\d{4}-`},
		{"", "session revoke alice SESSION", `^ended session SESSION\n$`},
		{"", "session revoke alice SESSION", `error: ResourceNotFoundException`},
		{"x\n", "password change", `error: new password: want a line`},
		{"x\n" + second + "\n", "password change", `error: BadRequestException: The user administrator has no password yet`},
		{first + "\r\n", "password set administrator", `set the password`},
		{second + "\n" + first + "\n", "password change", `error: BadRequestException: OldPassword`},
		{first + "\n" + second, "password change", `^changed the password\n$`},
		{"", "password delete alice", `^deleted the password of user alice\n$`},
		{"", "password show alice", `^UserName +alice\nHasPassword +false\n$`},
		{"", "password delete alice", `error: ResourceNotFoundException`},
		{"", "sign-in-link nonsense", `error: usage: kindred iam sign-in-link`},
		{"", "sign-in-link --user nobody", `error: ResourceNotFoundException`},
		{"", "sign-in-link --help", `-user`},
		{"", "--help", `kindred iam password set USER`},
	} {
		if strings.HasPrefix(c.line, "session list") {
			if status := signIn(t, map[string]string{"userName": "alice", "password": first}); status != http.StatusOK {
				t.Fatalf("sign-in: %d", status)
			}
		}
		replace := strings.NewReplacer("SESSION", sessionID)
		got, err := runWith(t, c.stdin, strings.Fields(replace.Replace(c.line))...)
		want, wantError := strings.CutPrefix(replace.Replace(c.want), "error: ")
		switch {
		case wantError && err == nil:
			t.Errorf("%s: no error, want %s", c.line, want)
			continue
		case wantError:
			got = err.Error()
		case err != nil:
			t.Errorf("%s: %v", c.line, err)
			continue
		}
		match := regexp.MustCompile(want).FindStringSubmatch(got)
		if match == nil {
			t.Errorf("%s: got\n%s\nwant %s", c.line, got, want)
		} else if len(match) > 1 {
			sessionID = match[1]
		}
	}
}

// A link leads to the server that the command talks to, by the name that it has here,
// and lets in the user whose credentials asked for it, or the one who was named.
func TestSignInLinks(t *testing.T) {
	start(t)
	if _, err := run(t, "user", "create", "alice"); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"sign-in-link"}, {"sign-in-link", "--user", "alice"}} {
		line, err := run(t, args...)
		token, ok := strings.CutPrefix(line, os.Getenv("AWS_ENDPOINT_URL")+"/console/sign-in#token=")
		if err != nil || !ok || strings.Count(line, "\n") != 1 {
			t.Fatalf("%v: %q, %v", args, line, err)
		}
		token = strings.TrimSpace(token)
		if status := signIn(t, map[string]string{"token": token}); status != http.StatusOK {
			t.Errorf("%v: sign-in: %d", args, status)
		}
		if status := signIn(t, map[string]string{"token": token}); status != http.StatusUnauthorized {
			t.Errorf("%v: again: %d", args, status)
		}
	}
	for user, want := range map[string]int{"alice": 1, "administrator": 1} {
		if out, err := run(t, "session", "list", user); err != nil || strings.Count(out, "LINK") != want {
			t.Errorf("sessions of %s: %s, %v", user, out, err)
		}
	}
}
