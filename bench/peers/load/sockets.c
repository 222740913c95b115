// Sockets of the load: opened towards the server, written to, and watched with epoll.

#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int poller;

uint64_t clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

void watch(int operation, int fd, uint32_t happenings, void *what) {
  struct epoll_event event = {.events = happenings, .data.ptr = what};
  if (epoll_ctl(poller, operation, fd, &event) != 0 && operation != EPOLL_CTL_DEL) die("epoll_ctl", strerror(errno));
}

int open_socket(unsigned port, int receive_buffer, int is_waiting) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
  if (fd < 0) die("socket:", strerror(errno));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (receive_buffer) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int failed = connect(fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS;
  if (!failed && is_waiting) {
    struct pollfd ready = {fd, POLLOUT, 0};
    failed = poll(&ready, 1, 5000) != 1 || (ready.revents & (POLLERR | POLLHUP));
  }
  if (!failed) return fd;
  close(fd);
  return -1;
}

// Requests are far smaller than a socket's buffer, and one is under way on each, so this waits for a broken peer only.
int write_all(int fd, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = send(fd, bytes, length, MSG_NOSIGNAL);
    if (written < 0) {
      if (errno != EAGAIN) return 0;
      struct pollfd ready = {fd, POLLOUT, 0};
      if (poll(&ready, 1, 1000) != 1) return 0;
      continue;
    }
    bytes += written;
    length -= (size_t)written;
  }
  return 1;
}
