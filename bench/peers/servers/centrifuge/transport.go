package main

import (
	"net/http"
	"sync"

	"github.com/centrifugal/centrifuge"
)

// sseTransport writes pushes to a response as SSE events, in the goroutine of the client's writer: one hand-over less
// per delivery than through a channel to the handler's own goroutine.
type sseTransport struct {
	mu       sync.Mutex
	isShut   bool
	response http.ResponseWriter
	flusher  *http.ResponseController
	closed   chan struct{}
}

func newSSETransport(w http.ResponseWriter) *sseTransport {
	return &sseTransport{response: w, flusher: http.NewResponseController(w), closed: make(chan struct{})}
}

func (t *sseTransport) Name() string                      { return "uni_sse" }
func (t *sseTransport) AcceptProtocol() string            { return "" }
func (t *sseTransport) Protocol() centrifuge.ProtocolType { return centrifuge.ProtocolTypeJSON }
func (t *sseTransport) ProtocolVersion() centrifuge.ProtocolVersion {
	return centrifuge.ProtocolVersion2
}
func (t *sseTransport) Unidirectional() bool      { return true }
func (t *sseTransport) Emulation() bool           { return false }
func (t *sseTransport) DisabledPushFlags() uint64 { return 0 }
func (t *sseTransport) PingPongConfig() centrifuge.PingPongConfig {
	return centrifuge.PingPongConfig{}
}

var (
	fieldStart = []byte("data: ")
	eventEnd   = []byte("\n\n")
)

func (t *sseTransport) Write(push []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isShut {
		return nil
	}
	if err := t.writeEvent(push); err != nil {
		return err
	}
	return t.flusher.Flush()
}

func (t *sseTransport) WriteMany(pushes ...[]byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.isShut {
		return nil
	}
	for _, push := range pushes {
		if err := t.writeEvent(push); err != nil {
			return err
		}
	}
	return t.flusher.Flush()
}

func (t *sseTransport) writeEvent(push []byte) error {
	for _, part := range [][]byte{fieldStart, push, eventEnd} {
		if _, err := t.response.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func (t *sseTransport) Close(centrifuge.Disconnect) error {
	t.shut()
	return nil
}

func (t *sseTransport) shut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.isShut {
		t.isShut = true
		close(t.closed)
	}
}
