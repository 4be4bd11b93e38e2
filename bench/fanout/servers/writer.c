// The floor: a server that only writes. It reads requests without looking, and writes each item to all sockets, one system call each.
// Lines on stdin: `publish RATE COUNT SIZE TOPICS` (see serve.mjs; topics are ignored). The end of stdin ends it.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 20000 };
static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
static int clients[MOST], clientCount;
static char data[1 << 20], frame[(1 << 20) + 64];
static long published, due, end, size, begun;
static double rate;

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000L + time.tv_nsec / 1000;
}

static void writeAll(int fd, const char *from, size_t length) {
  while (length > 0) {
    ssize_t written = send(fd, from, length, MSG_NOSIGNAL);
    if (written >= 0) from += written, length -= (size_t)written;
    else if (poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 1000) <= 0) return;
  }
}

static void publish(void) {
  long stamp = begun + (long)((double)(published - due) * 1e6 / rate);
  published++;
  memset(data, '.', (size_t)size);
  int length = sprintf(data, "%ld 0 %ld %ld %ld ", published, published, stamp, size);
  data[length] = '.';
  data[size - 1] = ';';
  length = sprintf(frame, "%lx\r\ndata: %.*s\n\n\r\n", size + 8, (int)size, data);
  for (int i = 0; i < clientCount; i++) writeAll(clients[i], frame, (size_t)length);
}

int main(void) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t addressSize = sizeof address;
  int server = socket(AF_INET, SOCK_STREAM, 0), poller = epoll_create1(0), topics;
  if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 4096) < 0) return 1;
  getsockname(server, (struct sockaddr *)&address, &addressSize);
  epoll_ctl(poller, EPOLL_CTL_ADD, server, &(struct epoll_event){ .events = EPOLLIN, .data.fd = server });
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &(struct epoll_event){ .events = EPOLLIN, .data.fd = 0 });
  printf("ready %d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    long wait = published == end ? -1 : (begun + (long)((double)(published - due) * 1e6 / rate) - now() + 999) / 1000;
    struct epoll_event event;
    if (epoll_wait(poller, &event, 1, wait < 0 && published != end ? 0 : (int)wait) < 1) {
      if (published == end) continue;
      publish();
      if (published == end) printf("published\n"), fflush(stdout);
    } else if (event.data.fd == server) {
      int fd = accept4(server, NULL, NULL, SOCK_NONBLOCK);
      if (fd < 0 || clientCount == MOST) return 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
      epoll_ctl(poller, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = EPOLLIN, .data.fd = fd });
    } else {
      static char text[8192];
      ssize_t length = read(event.data.fd, text, sizeof text - 1);
      if (event.data.fd == 0) {
        if (length <= 0) return 0;
        text[length] = 0;
        long count;
        if (sscanf(text, "publish %lf %ld %ld %d", &rate, &count, &size, &topics) == 4) begun = now(), due = published, end = published + count;
      } else if (length > 0) writeAll(event.data.fd, head, sizeof head - 1), clients[clientCount++] = event.data.fd;
      else close(event.data.fd);
    }
  }
}
