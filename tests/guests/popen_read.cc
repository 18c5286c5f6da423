// Entry: popen in both directions, several at once.
#include <sys/wait.h>

#include "tests/guests/check.h"

static std::string read_all(FILE* stream) {
  std::string all;
  for (int byte; (byte = fgetc(stream)) != EOF;) all += char(byte);
  return all;
}

int main() {
  FILE* pid = popen("echo $$", "r");
  FILE* lines = popen("for i in 3 1 2; do echo $i; done | sort", "r");
  CHECK(pid && lines);
  std::string sorted = read_all(lines), number = read_all(pid);
  CHECK(sorted == "1\n2\n3\n" && atoi(number.c_str()) > 1);
  printf("shell %s", number.c_str());
  CHECK(pclose(lines) == 0 && pclose(pid) == 0);
  fflush(stdout);
  FILE* sink = popen("cat >/dev/null; exit 4", "w");
  CHECK(sink && fputs("into the pipe\n", sink) >= 0);
  int status = pclose(sink);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 4);
  return finish();
}
