// Crashes: faults that are no crash: the handler lets the page be written and returns, as collectors and databases do.
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <thread>

#include "tests/guests/check.h"

constexpr size_t kPages = 200;
static char* area;
static volatile int faults = 0;

static void on_segv(int, siginfo_t* info, void* context) {
  auto* page = reinterpret_cast<char*>(address(info->si_addr) & ~4095L);
  auto* registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  CHECK(page >= area && page < area + kPages * 4096 && info->si_code == SEGV_ACCERR);
  CHECK(registers[REG_TRAPNO] == 14 && (registers[REG_ERR] & 2));  // a page fault, by a write
  CHECK(registers[REG_CR2] == address(info->si_addr));
  CHECK(mprotect(page, 4096, PROT_READ | PROT_WRITE) == 0);
  faults = faults + 1;
}

static void touch_all(char value) {
  for (size_t page = 0; page < kPages; page++) area[page * 4096 + page] = value;
}

int main() {
  area = static_cast<char*>(mmap(nullptr, kPages * 4096, PROT_READ, MAP_PRIVATE | MAP_ANON, -1, 0));
  CHECK(area != MAP_FAILED);
  struct sigaction action = {};
  action.sa_sigaction = on_segv;
  action.sa_flags = SA_SIGINFO;
  CHECK(sigaction(SIGSEGV, &action, nullptr) == 0);
  touch_all('a');
  CHECK(faults == kPages);
  CHECK(mprotect(area, kPages * 4096, PROT_READ) == 0);
  std::thread(touch_all, 'b').join();
  CHECK(faults == 2 * kPages && area[5 * 4096 + 5] == 'b');
  // The kernel meets such a page in a call: no signal, EFAULT.
  CHECK(mprotect(area, 4096, PROT_READ) == 0);
  CHECK(raw_syscall(SYS_getrandom, address(area), 16, 0) == -EFAULT && faults == 2 * kPages);
  printf("area %p\n", static_cast<void*>(area));
  return finish();
}
