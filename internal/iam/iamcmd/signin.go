package iamcmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"golang.org/x/term"
)

func setPassword(ctx context.Context, c *call) error {
	password, err := c.newPassword("New password of "+c.args[0], "The same again")
	if err != nil {
		return err
	}
	return c.ask(ctx, "PUT", path("users", c.args[0], "password"), answer{"Password": password}, c.say("set the password of user %s", c.args[0]))
}

func changePassword(ctx context.Context, c *call) error {
	old, err := c.password("Old password")
	if err != nil {
		return err
	}
	password, err := c.newPassword("New password", "The same again")
	if err != nil {
		return err
	}
	return c.ask(ctx, "POST", path("change-password"), answer{"OldPassword": old, "NewPassword": password}, c.say("changed the password"))
}

func showPassword(ctx context.Context, c *call) error {
	return c.ask(ctx, "GET", path("users", c.args[0], "password"), nil, func(a answer) error {
		return c.fields(a, "UserName", "HasPassword", "SetDate")
	})
}

func deletePassword(ctx context.Context, c *call) error {
	return c.ask(ctx, "DELETE", path("users", c.args[0], "password"), nil, c.say("deleted the password of user %s", c.args[0]))
}

// signInLink prints the link by the address of the server that this command uses, as
// the server may not know under which it is reached.
func signInLink(ctx context.Context, c *call) error {
	name := c.user
	if name == "" {
		var err error
		if name, err = c.self(ctx); err != nil {
			return err
		}
	}
	return c.ask(ctx, "POST", path("users", name, "sign-in-link"), answer{}, func(a answer) error {
		return c.say("%s/console/sign-in#token=%s", strings.TrimSuffix(c.client.Endpoint, "/"), a.text("Token"))(a)
	})
}

// self is the name of the user whose credentials the command has.
func (c *call) self(ctx context.Context) (string, error) {
	cfg, err := c.server.Config(ctx)
	if err != nil {
		return "", err
	}
	me, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	_, name, ok := strings.Cut(*me.Arn, ":user/")
	if !ok {
		return "", errors.New("--user is missing: the credentials are those of " + *me.Arn + ", which is no user")
	}
	return name, nil
}

func listSessions(ctx context.Context, c *call) error {
	return c.ask(ctx, "GET", path("users", c.args[0], "sessions"), nil, func(a answer) error {
		return c.table(a.objects("Sessions"), "SessionId", "Method", "CreateDate", "LastUsedDate", "ExpirationDate")
	})
}

func revokeSession(ctx context.Context, c *call) error {
	return c.ask(ctx, "DELETE", path("users", c.args[0], "sessions", c.args[1]), nil, c.say("ended session %s", c.args[1]))
}

// terminal is the file descriptor of a terminal that a person sits at.
func (c *call) terminal() (fd int, ok bool) {
	f, ok := c.in.(*os.File)
	if !ok {
		return 0, false
	}
	return int(f.Fd()), term.IsTerminal(int(f.Fd()))
}

// password asks for a password without showing it, or reads it as a line of standard
// input.
func (c *call) password(question string) (string, error) {
	if fd, ok := c.terminal(); ok {
		fmt.Fprint(c.asking, question+": ")
		text, err := term.ReadPassword(fd)
		fmt.Fprintln(c.asking)
		return string(text), err
	}
	line, err := c.lines.ReadSlice('\n')
	if len(line) == 0 || err != nil && len(line) == maxPassword {
		return "", fmt.Errorf("%s: want a line of standard input with it, of less than %d bytes", strings.ToLower(question[:1])+question[1:], maxPassword)
	}
	return strings.TrimRight(string(line), "\r\n"), nil
}

// newPassword asks for a password twice where a person types it.
func (c *call) newPassword(question, again string) (string, error) {
	text, err := c.password(question)
	if _, ok := c.terminal(); err != nil || !ok {
		return text, err
	}
	second, err := c.password(again)
	if err == nil && second != text {
		err = errors.New("the two passwords are not the same; nothing was changed")
	}
	return text, err
}
