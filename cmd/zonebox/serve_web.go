package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"zonebox/config"
)

// connections is how many the gate keeps open over the network, and fromOne how many
// to one address; more are closed at once. streams is how many requests one may have
// under way.
const (
	connections = 512
	fromOne     = 64
	streams     = 16
)

// listening is where the gate takes requests over HTTPS, and by which certificate.
type listening struct {
	address   string
	cert, key string // files, PEM; without them the gate makes its own
	clients   string // a file of who issues the certificates of clients
}

func (l *listening) settings() []config.Setting {
	return []config.Setting{
		{Name: "listen", Value: config.NewText(&l.address), ZH: "另以 HTTPS (TLS 1.3) 监听 主机:端口;只写 :端口 即仅限本机", EN: "listen on HOST:PORT by HTTPS (TLS 1.3) too; :PORT is this host alone"},
		{Name: "tls-cert", Value: config.NewPath(&l.cert), ZH: "机构签发的证书 (PEM),缺省由网关签名密钥自签", EN: "certificate (PEM); by default the gate's signing key makes one"},
		{Name: "tls-key", Value: config.NewPath(&l.key), ZH: "证书私钥 (PEM,权限 0600)", EN: "its private key (PEM, mode 0600)"},
		{Name: "client-ca", Value: config.NewPath(&l.clients), ZH: "签发客户端证书的机构 (PEM),缺省不接受客户端证书", EN: "who issues the certificates of clients (PEM); by default none is taken"},
	}
}

// check puts the address in full and refuses what is half said.
func (l *listening) check(a *app) error {
	if l.address == "" {
		if l.cert != "" || l.key != "" || l.clients != "" {
			return usageError{errors.New(a.say("--tls-cert、--tls-key 与 --client-ca 须与 --listen 同用", "--tls-cert, --tls-key and --client-ca go with --listen"))}
		}
		return nil
	}
	host, port, err := net.SplitHostPort(l.address)
	if err != nil {
		return usageError{errors.New(a.say("--listen 须为 主机:端口", "--listen must be HOST:PORT"))}
	}
	if host == "" {
		l.address = net.JoinHostPort("127.0.0.1", port)
	}
	if (l.cert == "") != (l.key == "") {
		return usageError{errors.New(a.say("--tls-cert 与 --tls-key 须一并给出", "--tls-cert and --tls-key go together"))}
	}
	return nil
}

// open has the server of g take requests there.
func (l *listening) open(g *gate) error {
	config := g.engine.ServerTLS()
	if l.cert != "" {
		cert, err := keyPair(l.cert, l.key)
		if err != nil {
			return err
		}
		config.GetCertificate, config.Certificates = nil, []tls.Certificate{cert}
	}
	at, err := net.Listen("tcp", l.address)
	if err != nil {
		return fmt.Errorf("zonebox: listen: %w", err)
	}
	g.web = at.Addr().String()
	g.engine.ListensAt(g.web)
	config.NextProtos = []string{"h2", "http/1.1"} // else the server, which begins with the socket, has no HTTP/2
	g.server.TLSConfig = config
	// A peer that does not read, or has gone, holds nothing for long.
	g.server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams, SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: 30 * time.Second}
	g.served.Go(func() error {
		return g.server.ServeTLS(&counted{Listener: at, open: map[netip.Addr]int{}}, "", "")
	})
	return nil
}

// counted is a listener that closes what comes beyond connections and fromOne.
type counted struct {
	net.Listener
	mu   sync.Mutex
	all  int
	open map[netip.Addr]int
}

// Accept returns the next connection there is room for.
func (l *counted) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		at := c.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
		if l.enter(at) {
			return &place{Conn: c, leave: sync.OnceFunc(func() { l.leave(at) })}, nil
		}
		c.Close()
	}
}

func (l *counted) enter(at netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= connections || l.open[at] >= fromOne {
		return false
	}
	l.all++
	l.open[at]++
	return true
}

func (l *counted) leave(at netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.open[at]--; l.open[at] == 0 {
		delete(l.open, at)
	}
}

// place is a connection that is counted until it is closed.
type place struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (p *place) Close() error {
	p.leave()
	return p.Conn.Close()
}
