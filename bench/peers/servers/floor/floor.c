// No server but a bound: one send() per session and event in a C loop, the least that a server can do that writes to each
// session when an event comes. Understands no HTTP beyond the first letter of a request. Run: floor <port>.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSIONS_MAX 20000
#define DATA_BYTES_MAX 8192

static int sessions[SESSIONS_MAX], session_count, poller;

static void watch(int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

static int listen_on(unsigned port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 4096) != 0) {
    perror("floor");
    exit(1);
  }
  return fd;
}

static void accept_all(int listener) {
  int fd, one = 1;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(fd);
  }
}

static void subscribe(int fd) {
  static const char head[] =
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  send(fd, head, sizeof head - 1, MSG_NOSIGNAL);
  if (session_count < SESSIONS_MAX) sessions[session_count++] = fd;
}

static void publish(int fd, const char *data) {
  static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
  static char chunk[DATA_BYTES_MAX + 64];
  static unsigned id;
  int bytes = snprintf(NULL, 0, "id: %010u\ndata: %s\n\n", ++id, data);
  int length = snprintf(chunk, sizeof chunk, "%x\r\nid: %010u\ndata: %s\n\n\r\n", bytes, id, data);
  for (int i = 0; i < session_count; i++) send(sessions[i], chunk, (size_t)length, MSG_NOSIGNAL);
  send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
}

static void forget(int fd) {
  for (int i = 0; i < session_count; i++)
    if (sessions[i] == fd) sessions[i] = sessions[--session_count];
  close(fd);
}

static void answer(int fd) {
  static char request[DATA_BYTES_MAX];
  ssize_t length = read(fd, request, sizeof request - 1);
  if (length <= 0) {
    forget(fd);
    return;
  }
  request[length] = 0;
  char *data = strstr(request, "\r\n\r\n");
  if (request[0] == 'G') subscribe(fd);
  else if (data) publish(fd, data + 4);
}

int main(int count, char **arguments) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  poller = epoll_create1(0);
  int listener = listen_on(count > 1 ? (unsigned)atoi(arguments[1]) : 0);
  watch(listener);
  for (;;) {
    struct epoll_event ready[64];
    int ready_count = epoll_wait(poller, ready, 64, -1);
    for (int i = 0; i < ready_count; i++) {
      if (ready[i].data.fd == listener) accept_all(listener);
      else answer(ready[i].data.fd);
    }
  }
}
