package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"huntaway/config"
)

// Where a running proxy is asked when nothing says otherwise; the default of admin.http.
const adminDefault = "127.0.0.1:22224"

// Variables that say where the admin port is and what it asks for.
const (
	adminVariable = "HUNTAWAY_ADMIN_HTTP"
	tokenVariable = "HUNTAWAY_ADMIN_TOKEN"
)

// exitUnasked is how a command ends that found nobody to ask.
const exitUnasked = 2

// An adminPort is the admin port of a running proxy, seen from the command line.
type adminPort struct {
	addr  string // host:port
	token string // "" for none

	untold string // why there is no token although the file has one; "": there is
}

// adminFlags are the options that say where the admin port is.
type adminFlags struct {
	conf  *string // a configuration, which says it
	admin string  // or the address itself
}

// addAdmin declares the options.
func addAdmin(cmd *cobra.Command) *adminFlags {
	f := &adminFlags{conf: addConf(cmd)}
	cmd.Flags().StringVar(&f.admin, "admin", "", "host:port of the proxy's admin port (default: admin.http of the configuration, else $"+adminVariable+", else "+adminDefault+")")
	return f
}

// adminHelp ends the help text of every command that asks a running proxy.
const adminHelp = `

It asks a running proxy through its admin port: that of -c FILE, or --admin HOST:PORT, or
127.0.0.1:22224. A token is taken from the file (admin.token) or HUNTAWAY_ADMIN_TOKEN.`

// port finds the admin port.
func (f *adminFlags) port(cmd *cobra.Command) (*adminPort, error) {
	p := &adminPort{addr: f.admin, token: os.Getenv(tokenVariable)}
	file := cmp.Or(*f.conf, os.Getenv(confVariable))
	if *f.conf == "" && f.admin != "" {
		file = ""
	}
	if file != "" {
		cfg, err := read(file, config.LoadForOthers)
		if err != nil {
			if cfg, err = f.salvage(cmd, file); err != nil {
				return nil, err
			}
		}
		p.addr, p.token = cmp.Or(p.addr, cfg.Admin.HTTP), cmp.Or(p.token, cfg.Admin.Token.Reveal())
		if p.token == "" {
			p.untold = cfg.Admin.Token.Missing()
		}
		if p.addr == "" {
			return nil, &failure{status: exitUnasked, err: fmt.Errorf("%s has no admin port (admin.http is off); a proxy without one cannot be asked", file)}
		}
	}
	p.addr = cmp.Or(p.addr, os.Getenv(adminVariable), adminDefault)
	host, port, err := net.SplitHostPort(p.addr)
	if err != nil {
		return nil, usage(fmt.Errorf("--admin %s: %w; want host:port", p.addr, err))
	}
	if a, err := netip.ParseAddr(host); host == "" || err == nil && a.IsUnspecified() {
		p.addr = net.JoinHostPort("127.0.0.1", port)
	}
	return p, nil
}

// salvage finds the admin port in a file that is wrong: the proxy goes on by the one before.
func (f *adminFlags) salvage(cmd *cobra.Command, file string) (*config.Config, error) {
	found, ok := config.AdminOf(file)
	c := &config.Config{Admin: found}
	if problems := c.ApplyEnv(os.Environ()); !ok || problems.Fatal() {
		c.Admin.HTTP = cmp.Or(os.Getenv(adminVariable), f.admin)
		if c.Admin.HTTP == "" {
			return nil, &failure{status: exitUnasked, err: fmt.Errorf("%s cannot be read as far as its admin.http, so nobody was asked: "+
				"huntaway check -c %s says why, and --admin HOST:PORT where to ask", file, file)}
		}
	}
	if quiet := cmd.Flags().Lookup("quiet"); quiet == nil || quiet.Value.String() != "true" {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s is not right as it is now (huntaway check -c %s); the proxy is asked all the same\n", file, file)
	}
	return c, nil
}

// get asks for a page and reads its JSON into answer.
func (p *adminPort) get(ctx context.Context, page string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := p.ask(ctx, http.MethodGet, page, nil, answer)
	return err
}

// send gives an order and returns how it ended. The proxy is given time to say so itself.
func (p *adminPort) send(ctx context.Context, page string, o order) (answer orderAnswer, status int, err error) {
	if p.untold != "" {
		return answer, 0, &failure{status: exitUnasked, err: fmt.Errorf("admin.token: %s; an order needs it, see also %s", p.untold, tokenVariable)}
	}
	o.By = whoami()
	body, err := json.Marshal(o)
	if err != nil {
		return answer, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.patience()+5*time.Second)
	defer cancel()
	status, err = p.ask(ctx, http.MethodPost, page, body, &answer)
	return answer, status, err
}

// ask makes one request. An answer that is not JSON is an error.
func (p *adminPort) ask(ctx context.Context, method, page string, body []byte, answer any) (int, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+p.addr+"/"+page, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	client := http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, p.unasked(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, p.unasked(err)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return 0, p.unasked(fmt.Errorf("it answers %s, and not as a Huntaway of this version does", response.Status))
	}
	return response.StatusCode, nil
}

// unasked words that nobody could be asked.
func (p *adminPort) unasked(err error) error {
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		err = errors.New("no answer in time")
	}
	return &failure{status: exitUnasked, err: fmt.Errorf("asking the proxy at %s: %w; is it running, and is that its admin.http? -c FILE or --admin HOST:PORT says where to ask", p.addr, err)}
}

// whoami is who sits here, for the log of the proxy.
func whoami() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}
