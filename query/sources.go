package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"zonebox/keys"
	"zonebox/sandbox"
)

// A Source is a database server of the data centre that deliveries may come from.
// A manifest names it and one of its tables; who may log in, and how, only the
// data centre's file says.
type Source struct {
	Provider     string   `json:"provider"`         // organization whose data it holds; datasets of others come from elsewhere
	Kind         string   `json:"kind"`             // postgres or mysql, by protocol
	Address      string   `json:"address"`          // host:port, or unix:PATH of a socket
	Database     string   `json:"database"`         // its name on the server
	Schema       string   `json:"schema,omitempty"` // of the tables, in PostgreSQL; empty is public
	User         string   `json:"user"`
	PasswordFile string   `json:"password_file"` // one line, readable by its owner alone
	Tables       []string `json:"tables"`        // that may be read
	// CAFile holds whom to trust, PEM. Without it the connection is in the clear,
	// which has to be said: TLS none.
	CAFile     string `json:"ca_file,omitempty"`
	ServerName string `json:"server_name,omitempty"` // in the certificate; empty is the host of Address
	TLS        string `json:"tls,omitempty"`         // none, or empty
}

// Sources are the databases of a data centre, by name.
type Sources map[string]Source

// ReadSources reads the file of serve --sources: YAML, names and what is behind
// them. A file that others than its owner may read, an unknown field and a source
// that lacks something are errors.
func ReadSources(path string) (Sources, error) {
	text, err := ReadSecret(path)
	if err != nil {
		return nil, fmt.Errorf("query: sources: %w", err)
	}
	var all Sources
	if err := yaml.UnmarshalStrict(text, &all); err != nil {
		return nil, errors.New("query: sources: not the expected YAML: names, and of each provider, kind, address, database, user, password_file, tables")
	}
	for name, s := range all {
		_, _, addressed := s.dialed()
		switch {
		case s.Kind != "postgres" && s.Kind != "mysql":
			err = errors.New("kind must be postgres or mysql")
		case !addressed:
			err = errors.New("address must be host:port or unix:PATH")
		case s.Provider == "":
			err = errors.New("provider is missing: the organization whose data the source holds")
		case s.Database == "" || s.User == "" || s.PasswordFile == "" || len(s.Tables) == 0:
			err = errors.New("database, user, password_file and tables are required")
		case s.CAFile == "" && s.TLS != "none":
			err = errors.New("ca_file is missing; a connection in the clear needs tls: none")
		case s.CAFile != "" && s.TLS != "", s.Kind == "mysql" && s.Schema != "":
			err = errors.New("ca_file with tls, or mysql with schema")
		}
		if err != nil {
			return nil, fmt.Errorf("query: sources: %s: %w", name, err)
		}
	}
	return all, nil
}

// maxSecret is how many bytes a secret may have.
const maxSecret = 1 << 20

// ReadSecret reads a file, or what comes out of a pipe, that nobody but its owner may
// read: SECRET_FILE if others may.
func ReadSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	private, err := keys.Private(f) // what is read, whatever has the name by now
	if err != nil {
		return nil, err
	}
	if !private {
		return nil, fail("SECRET_FILE", nil).because(path+" 的权限须为 0600", path+": its mode must be 0600")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(text) > maxSecret {
		err = fmt.Errorf("%s is longer than %d bytes", path, maxSecret)
	}
	return text, err
}

// dialed returns network, address and whether there is one.
func (s Source) dialed() (network, address string, ok bool) {
	if path, unix := strings.CutPrefix(s.Address, "unix:"); unix {
		return "unix", path, path != ""
	}
	_, _, err := net.SplitHostPort(s.Address)
	return "tcp", s.Address, err == nil
}

// dialTime bounds the way to a server.
const dialTime = 10 * time.Second

// source returns a source of that name whose provider is the one given, which is
// empty for whoever may use them all. Of others' sources nobody is told.
func (e *Engine) source(name, provider string) (Source, error) {
	s, known := e.cfg.Sources[name]
	if !known || provider != "" && s.Provider != provider {
		return s, fail("LOAD_SOURCE", nil).because("网关没有配置该来源", "the gate has no source of that name")
	}
	return s, nil
}

// dial connects to s for one of its tables. The caller closes the connection.
// Whether the server lets anybody in, its worker finds out.
func (e *Engine) dial(ctx context.Context, s Source, table string) (*sandbox.Database, error) {
	if !slices.Contains(s.Tables, table) {
		return nil, fail("LOAD_SOURCE", nil).because("该来源未允许读取这个表", "the source does not offer that table")
	}
	secret, err := ReadSecret(s.PasswordFile)
	if err != nil {
		return nil, fail("LOAD_SOURCE", err).because("来源的密码文件不可读或权限过宽", "the source's password file cannot be read, or others may read it")
	}
	d := &sandbox.Database{Kind: s.Kind, Name: s.Database, Schema: s.Schema, User: s.User, Password: string(bytes.TrimRight(secret, "\r\n"))}
	network, address, _ := s.dialed()
	if s.CAFile != "" {
		if d.CA, err = os.ReadFile(s.CAFile); err != nil {
			return nil, fail("LOAD_SOURCE", err).because("来源的证书文件不可读", "the source's certificate file cannot be read")
		}
		if d.Server = s.ServerName; d.Server == "" {
			d.Server, _, _ = net.SplitHostPort(address)
		}
	}
	to := net.Dialer{Timeout: dialTime}
	if d.Conn, err = to.DialContext(ctx, network, address); err != nil {
		return nil, fail("LOAD_SOURCE", err).because("连接不上来源的数据库", "the source's server cannot be reached")
	}
	if err := bounded(d.Conn, e.cfg.Limits.LoadStall); err != nil {
		return nil, errors.Join(asError(err), d.Conn.Close())
	}
	return d, nil
}
