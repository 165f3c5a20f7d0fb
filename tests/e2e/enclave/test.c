// What runs behind the tunnel, at both ends:
//
//   test serve            listens on TCP port 7000, and for each caller takes 20 MB, compares them, and sends 20 MB
//   test ADDRESS [CODE]   calls it, sends 20 MB, takes 20 MB, compares them, and ends with CODE
//
// Static: an enclave has no libraries but those of wireguard-vsock.
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT = 7000, BYTES = 20 << 20, BLOCK = 1 << 16 };

static unsigned char bytes[BLOCK], came[BLOCK];

static void fail(const char *what) {
  perror(what);
  exit(100);
}

// Different from block to block: none can be taken for another.
static void fill(unsigned block) {
  unsigned x = block * 2654435761u + 1;
  for (int i = 0; i < BLOCK; i++) {
    x = x * 1664525u + 1013904223u;
    bytes[i] = x >> 24;
  }
}

static void send_all(int fd) {
  for (unsigned block = 0; block < BYTES / BLOCK; block++) {
    fill(block);
    for (int sent = 0, n; sent < BLOCK; sent += n)
      if ((n = send(fd, bytes + sent, BLOCK - sent, MSG_NOSIGNAL)) <= 0) fail("send");
  }
}

static void receive_all(int fd) {
  for (unsigned block = 0; block < BYTES / BLOCK; block++) {
    fill(block);
    for (int got = 0, n; got < BLOCK; got += n)
      if ((n = recv(fd, came + got, BLOCK - got, 0)) <= 0) fail("recv");
    if (memcmp(bytes, came, BLOCK)) fail("the bytes are others");
  }
}

static void serve(struct sockaddr_in *address) {
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), fd;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)address, sizeof *address) < 0 || listen(listener, 4) < 0) fail("listen");
  while ((fd = accept(listener, NULL, NULL)) >= 0) {
    // A child each: one that fails leaves the others alone.
    if (fork() == 0) {
      receive_all(fd);
      send_all(fd);
      puts("served 20 MB each way");
      exit(0);
    }
    close(fd);
  }
  fail("accept");
}

int main(int count, char **words) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
  if (count < 2) return 100;
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (!strcmp(words[1], "serve")) serve(&address);
  inet_pton(AF_INET, words[1], &address.sin_addr);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  // Its first packets wait in the tunnel for a handshake.
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
  send_all(fd);
  receive_all(fd);
  puts("moved 20 MB each way");
  return count > 2 ? atoi(words[2]) : 0;
}
