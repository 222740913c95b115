// The smallest server around the Centrifuge library (the engine of Centrifugo): unidirectional SSE with server-side
// subscriptions, and publishing over HTTP.
//
//	GET  /events?topic=a&topic=b
//	POST /publish?topic=a          the body is JSON and becomes the publication's data
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/centrifugal/centrifuge"
)

type topicsKey struct{}

func main() {
	address := flag.String("address", "127.0.0.1:8000", "where to listen")
	history := flag.Int("history", 0, "publications kept per channel; 0: none")
	writeDelay := flag.Duration("write-delay", 0, "how long a connection's messages are collected")
	flag.Parse()

	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(ctx context.Context, _ centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		subscriptions := map[string]centrifuge.SubscribeOptions{}
		topics, _ := ctx.Value(topicsKey{}).([]string)
		for _, topic := range topics {
			subscriptions[topic] = centrifuge.SubscribeOptions{EnableRecovery: *history > 0}
		}
		reply := centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{},
			Subscriptions: subscriptions,
			WriteDelay:    *writeDelay,
		}
		if *writeDelay > 0 {
			// Else a delay would also limit the rate, to 16 messages per delay.
			reply.MaxMessagesInFrame = -1
		}
		return reply, nil
	})
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}

	var options []centrifuge.PublishOption
	if *history > 0 {
		options = append(options, centrifuge.WithHistory(*history, 5*time.Minute))
	}
	http.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { serveEvents(node, w, r) })
	http.HandleFunc("POST /publish", func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			_, err = node.Publish(r.URL.Query().Get("topic"), data, options...)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	log.Fatal(http.ListenAndServe(*address, nil))
}

func serveEvents(node *centrifuge.Node, w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream; charset=utf-8")
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Accel-Buffering", "no")

	ctx := context.WithValue(r.Context(), topicsKey{}, r.URL.Query()["topic"])
	transport := newSSETransport(w)
	// Nobody may write to the response once this handler has returned.
	defer transport.shut()
	client, closeClient, err := centrifuge.NewClient(ctx, node, transport)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer func() { _ = closeClient() }()
	// The head of the answer leaves with the connect push, when the subscriptions are made.
	client.Connect(centrifuge.ConnectRequest{})
	select {
	case <-r.Context().Done():
	case <-transport.closed:
	}
}
