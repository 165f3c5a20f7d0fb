// The first program of the enclave's initramfs: inserts the kernel's modules, and becomes what its machine's owner wants as process 1.
// Static, since nothing else is there: no shell, no /proc, no /dev.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// A line each: modules in the order of their needs, and the words of the command.
#define MODULES "/modules/order"
#define COMMAND "/command"

static char *lines_of(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
  if (n < 0) {
    perror(path);
    _exit(1);
  }
  close(fd);
  text[n] = 0;
  return text;
}

int main(void) {
  static char modules[4096], command[4096], path[256];
  char *words[32], *environment[] = {NULL}, *rest;
  int count = 0;
  puts("loader: inserts modules");
  fflush(stdout);
  for (char *name = strtok_r(lines_of(MODULES, modules, sizeof modules), "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
    snprintf(path, sizeof path, "/modules/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    // One that is there already, or whose device is missing, is no failure.
    if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0) perror(path);
    close(fd);
  }
  for (char *word = strtok_r(lines_of(COMMAND, command, sizeof command), "\n", &rest); word && count < 31; word = strtok_r(NULL, "\n", &rest))
    words[count++] = word;
  words[count] = NULL;
  execve(words[0], words, environment);
  perror(words[0]);
  return 1;
}
