// Thousands of event-stream readers in one process, which check that every item comes once and in order, and time it.
//
//   readers PORT CONNECTIONS TOPICS FOLLOW FIRST AT_ONCE [LAST_EVENT_ID]
//
// Reader i follows FOLLOW of t0 .. t(TOPICS-1), expects items of each from number FIRST on, and comes with LAST_EVENT_ID if there is one.
// AT_ONCE: how many requests may be on their way at a time. Data is `HUB_NUMBER TOPIC TOPIC_NUMBER MICROSECONDS SIZE ...;`, SIZE bytes in all.
//
// Lines on stdin: `goal N` (says so when each reader has had N items), `reset`, `report`, `stall`, `resume`. The end of stdin ends it.
// Lines on stdout are JSON. Times are microseconds of CLOCK_MONOTONIC, which every process of the machine shares.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_FOLLOWED = 8, RECEIVED_AT_ONCE = 256 * 1024, BUCKETS = 64 + 40 * 32 };
enum state { CONNECTING, HEAD, CHUNK_SIZE, CHUNK, CHUNK_END, PLAIN, CLOSED };

struct reader {
  int fd, index;
  enum state state;
  long left; // bytes of the chunk
  char *line; // the beginning of a line whose end has not come
  size_t held, room;
  bool hasItem, isGap; // of the block being read
  long hubNumber, topic, number, stamp;
  long items, lastHubNumber;
  bool reached;
  struct { long topic, next; bool afterGap; } follows[MOST_FOLLOWED];
};

static int port, connections, topics, follow, atOnce;
static long first;
static const char *lastEventId = "";
static struct reader *readers;
static int poller, started, waiting, opened, closed;
static long goal = -1, reachedGoal;
static long items, bytes, missing, repeated, disordered, broken, gaps, skipped, histogram[BUCKETS], worst;
static char newestId[512];
static char received[RECEIVED_AT_ONCE];

static long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000L + time.tv_nsec / 1000;
}

static void fail(const char *what) {
  fprintf(stderr, "readers: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void say(const char *what) {
  printf("{\"said\":\"%s\",\"at\":%ld}\n", what, now());
  fflush(stdout);
}

// --- histogram: exact below 64 µs, then 32 buckets for each power of two (3 %)

static int bucketOf(long micros) {
  if (micros < 64) return micros < 0 ? 0 : (int)micros;
  int shift = 58 - __builtin_clzl((unsigned long)micros);
  return 64 + (shift - 1) * 32 + (int)(micros >> shift) - 32;
}

static long floorOf(int bucket) {
  return bucket < 64 ? bucket : ((long)((bucket - 64) % 32 + 32)) << ((bucket - 64) / 32 + 1);
}

static void report(void) {
  printf("{\"said\":\"report\",\"at\":%ld,\"open\":%d,\"closed\":%d,\"items\":%ld,\"bytes\":%ld,\"missing\":%ld,\"repeated\":%ld,"
         "\"disordered\":%ld,\"broken\":%ld,\"gaps\":%ld,\"skipped\":%ld,\"reached\":%ld,\"worst\":%ld,\"lastEventId\":\"%s\",\"histogram\":[",
         now(), opened, closed, items, bytes, missing, repeated, disordered, broken, gaps, skipped, reachedGoal, worst, newestId);
  const char *comma = "";
  for (int i = 0; i < BUCKETS; i++) {
    if (histogram[i] == 0) continue;
    printf("%s[%ld,%ld]", comma, floorOf(i), histogram[i]);
    comma = ",";
  }
  printf("]}\n");
  fflush(stdout);
}

static void count(struct reader *reader) {
  if (reader->reached || goal < 0 || reader->items < goal) return;
  reader->reached = true;
  if (++reachedGoal == connections) say("goal");
}

// --- blocks: what a line says, and what an item means

static long numberAt(const char **at, const char *end) {
  long number = 0;
  const char *p = *at;
  if (p == end || *p < '0' || *p > '9') return -1;
  while (p < end && *p >= '0' && *p <= '9') number = number * 10 + (*p++ - '0');
  *at = p < end ? p + 1 : p;
  return number;
}

static void readData(struct reader *reader, const char *at, const char *end) {
  const char *start = at;
  if (end - start < 10 || end[-1] != ';') { broken++; return; }
  reader->hubNumber = numberAt(&at, end);
  reader->topic = numberAt(&at, end);
  reader->number = numberAt(&at, end);
  reader->stamp = numberAt(&at, end);
  if (numberAt(&at, end) != end - start) { broken++; return; }
  reader->hasItem = true;
}

static void dispatch(struct reader *reader, long at) {
  if (reader->isGap) {
    gaps++;
    for (int i = 0; i < follow; i++) reader->follows[i].afterGap = true;
  }
  if (reader->hasItem) {
    items++;
    reader->items++;
    if (reader->hubNumber <= reader->lastHubNumber) disordered++;
    reader->lastHubNumber = reader->hubNumber;
    int i = 0;
    while (i < follow && reader->follows[i].topic != reader->topic) i++;
    if (i == follow) broken++;
    else {
      long hole = reader->number - reader->follows[i].next;
      if (hole < 0) repeated++;
      else if (reader->follows[i].afterGap) skipped += hole;
      else missing += hole;
      if (hole >= 0) reader->follows[i].next = reader->number + 1;
      reader->follows[i].afterGap = false;
    }
    long latency = at - reader->stamp;
    histogram[bucketOf(latency)]++;
    if (latency > worst) worst = latency;
    count(reader);
  }
  reader->hasItem = reader->isGap = false;
}

// The value of a line that begins with `name` and a colon; *length becomes its length.
static const char *valueOf(const char *line, size_t *length, const char *name, size_t nameLength) {
  if (*length <= nameLength || line[nameLength] != ':' || memcmp(line, name, nameLength) != 0) return NULL;
  size_t skip = nameLength + (*length > nameLength + 1 && line[nameLength + 1] == ' ' ? 2 : 1);
  *length -= skip;
  return line + skip;
}

static void takeLine(struct reader *reader, const char *line, size_t length, long at) {
  if (length > 0 && line[length - 1] == '\r') length--;
  const char *value;
  if (length == 0) dispatch(reader, at);
  else if ((value = valueOf(line, &length, "data", 4))) {
    if (!reader->isGap) readData(reader, value, value + length);
  } else if ((value = valueOf(line, &length, "event", 5))) reader->isGap = length == 3 && memcmp(value, "gap", 3) == 0;
  else if (reader->index == 0 && (value = valueOf(line, &length, "id", 2)) && length < sizeof newestId) {
    memcpy(newestId, value, length);
    newestId[length] = 0;
  }
}

static void keep(struct reader *reader, const char *from, size_t length) {
  if (reader->held + length > reader->room) {
    reader->room = (reader->held + length) * 2;
    reader->line = realloc(reader->line, reader->room);
    if (!reader->line) fail("memory");
  }
  memcpy(reader->line + reader->held, from, length);
  reader->held += length;
}

static void readBody(struct reader *reader, const char *from, size_t length, long at) {
  const char *end = from + length, *newline;
  while (from < end && (newline = memchr(from, '\n', (size_t)(end - from)))) {
    if (reader->held > 0) {
      keep(reader, from, (size_t)(newline - from));
      takeLine(reader, reader->line, reader->held, at);
      reader->held = 0;
    } else takeLine(reader, from, (size_t)(newline - from), at);
    from = newline + 1;
  }
  if (from < end) keep(reader, from, (size_t)(end - from));
}

// --- HTTP: the head of the response, then chunks

static void readHead(struct reader *reader) {
  if (strncmp(reader->line, "HTTP/1.1 200", 12) != 0 || !strcasestr(reader->line, "text/event-stream")) {
    fprintf(stderr, "readers: no event stream: %.400s\n", reader->line);
    exit(1);
  }
  reader->state = strcasestr(reader->line, "transfer-encoding: chunked") ? CHUNK_SIZE : PLAIN;
  reader->left = 0;
  free(reader->line);
  reader->line = NULL;
  reader->held = reader->room = 0;
  waiting--;
  if (++opened == connections) say("open");
}

static void leave(struct reader *reader) {
  if (reader->state <= HEAD) waiting--;
  reader->state = CLOSED;
  close(reader->fd);
  closed++;
  fprintf(stderr, "readers: the server has closed reader %d\n", reader->index);
}

static void take(struct reader *reader, const char *from, size_t length, long at) {
  const char *end = from + length;
  while (from < end) {
    if (reader->state == HEAD) {
      keep(reader, from++, 1);
      if (reader->held < 4 || memcmp(reader->line + reader->held - 4, "\r\n\r\n", 4) != 0) continue;
      keep(reader, "", 1);
      readHead(reader);
    } else if (reader->state == CHUNK_SIZE) {
      char c = *from++;
      if (c == '\n' && reader->left == 0) return leave(reader); // the last chunk
      if (c == '\n') reader->state = CHUNK;
      else if (c >= '0' && c <= '9') reader->left = reader->left * 16 + (c - '0');
      else if ((c | 32) >= 'a' && (c | 32) <= 'f') reader->left = reader->left * 16 + ((c | 32) - 'a' + 10);
      else if (c != '\r') { fprintf(stderr, "readers: no chunk size: %.80s\n", from - 1); exit(1); }
    } else if (reader->state == CHUNK) {
      size_t part = end - from < reader->left ? (size_t)(end - from) : (size_t)reader->left;
      readBody(reader, from, part, at);
      from += part;
      reader->left -= (long)part;
      if (reader->left == 0) reader->state = CHUNK_END;
    } else if (reader->state == CHUNK_END) {
      if (*from++ == '\n') reader->state = CHUNK_SIZE;
    } else if (reader->state == PLAIN) {
      readBody(reader, from, (size_t)(end - from), at);
      from = end;
    }
  }
}

static void receive(struct reader *reader) {
  for (int turn = 0; turn < 4; turn++) {
    ssize_t length = recv(reader->fd, received, sizeof received, 0);
    if (length < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (length <= 0) return leave(reader);
    bytes += length;
    take(reader, received, (size_t)length, now());
    if ((size_t)length < sizeof received || reader->state == CLOSED) return;
  }
}

static void start(struct reader *reader) {
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  struct epoll_event event = { .events = EPOLLOUT, .data.ptr = reader };
  reader->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (reader->fd < 0) fail("socket (is the limit of open files too low?)");
  if (connect(reader->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) fail("connect");
  if (epoll_ctl(poller, EPOLL_CTL_ADD, reader->fd, &event) < 0) fail("epoll_ctl");
  waiting++;
}

static void ask(struct reader *reader) {
  char request[4096];
  int error = 0;
  socklen_t size = sizeof error;
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = reader };
  getsockopt(reader->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) { errno = error; fail("connect"); }
  int length = snprintf(request, sizeof request, "GET /events");
  for (int i = 0; i < follow; i++)
    length += snprintf(request + length, sizeof request - (size_t)length, "%ctopic=t%ld", i == 0 ? '?' : '&', reader->follows[i].topic);
  length += snprintf(request + length, sizeof request - (size_t)length, " HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n");
  if (*lastEventId) length += snprintf(request + length, sizeof request - (size_t)length, "Last-Event-ID: %s\r\n", lastEventId);
  length += snprintf(request + length, sizeof request - (size_t)length, "\r\n");
  if (send(reader->fd, request, (size_t)length, MSG_NOSIGNAL) != length) fail("send");
  reader->state = HEAD;
  epoll_ctl(poller, EPOLL_CTL_MOD, reader->fd, &event);
}

// --- commands

static void listenAgain(bool listen) {
  for (int i = 0; i < connections; i++) {
    struct epoll_event event = { .events = listen ? EPOLLIN : 0, .data.ptr = &readers[i] };
    if (readers[i].state != CLOSED) epoll_ctl(poller, EPOLL_CTL_MOD, readers[i].fd, &event);
  }
}

static void command(const char *line) {
  if (strncmp(line, "goal ", 5) == 0) {
    goal = atol(line + 5);
    reachedGoal = 0;
    for (int i = 0; i < connections; i++) readers[i].reached = false;
    for (int i = 0; i < connections; i++) count(&readers[i]);
  } else if (strcmp(line, "reset") == 0) {
    memset(histogram, 0, sizeof histogram);
    items = bytes = worst = 0;
  } else if (strcmp(line, "report") == 0) report();
  else if (strcmp(line, "stall") == 0) listenAgain(false);
  else if (strcmp(line, "resume") == 0) listenAgain(true);
  else { fprintf(stderr, "readers: no such command: %s\n", line); exit(1); }
}

static void commands(void) {
  static char text[4096];
  static size_t held;
  ssize_t length = read(0, text + held, sizeof text - 1 - held);
  if (length <= 0) exit(0);
  held += (size_t)length;
  text[held] = 0;
  for (char *newline; (newline = strchr(text, '\n'));) {
    *newline = 0;
    command(text);
    held -= (size_t)(newline + 1 - text);
    memmove(text, newline + 1, held + 1);
  }
}

int main(int argc, char **argv) {
  if (argc < 7) { fprintf(stderr, "readers PORT CONNECTIONS TOPICS FOLLOW FIRST AT_ONCE [LAST_EVENT_ID]\n"); return 2; }
  port = atoi(argv[1]), connections = atoi(argv[2]), topics = atoi(argv[3]), follow = atoi(argv[4]), first = atol(argv[5]), atOnce = atoi(argv[6]);
  if (argc > 7) lastEventId = argv[7];
  if (follow > MOST_FOLLOWED || connections < 1) { fprintf(stderr, "readers: at least one connection, at most %d topics each\n", MOST_FOLLOWED); return 2; }
  readers = calloc((size_t)connections, sizeof *readers);
  poller = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event stdinEvent = { .events = EPOLLIN, .data.ptr = NULL }, ready[512];
  if (!readers || poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, 0, &stdinEvent) < 0) fail("start");
  for (int i = 0; i < connections; i++) {
    readers[i].index = i;
    // A set of its own for each reader as long as CONNECTIONS <= 10 x TOPICS; every topic with as many readers as the next.
    for (int j = 0; j < follow; j++) {
      readers[i].follows[j].topic = (i + j * (1 + i / topics)) % topics;
      readers[i].follows[j].next = first;
    }
  }
  for (;;) {
    while (started < connections && waiting < atOnce) start(&readers[started++]);
    int count = epoll_wait(poller, ready, 512, -1);
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; i++) {
      struct reader *reader = ready[i].data.ptr;
      if (!reader) commands();
      else if (reader->state == CONNECTING) ask(reader);
      else if (reader->state != CLOSED) receive(reader);
    }
  }
}
