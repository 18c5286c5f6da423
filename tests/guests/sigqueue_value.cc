// Threads: queued signals keep their values and their order; a plain one merges. The frame shows the program's state.
#include <signal.h>
#include <ucontext.h>

#include <vector>

#include "tests/guests/check.h"

static int values[100];
static volatile int count = 0, plain = 0;
static void on_queued(int signal_number, siginfo_t* info, void* context) {
  CHECK(info->si_signo == signal_number && info->si_code == SI_QUEUE && info->si_pid == getpid());
  auto* state = static_cast<ucontext_t*>(context);
  CHECK(state->uc_mcontext.gregs[REG_RSP] > address(&state));  // the interrupted frames lie above ours
  CHECK(sigismember(&state->uc_sigmask, SIGTERM) == 1 && state->uc_mcontext.fpregs);
  values[count] = info->si_value.sival_int;
  count = count + 1;
}
static void on_plain(int) {
  plain = plain + 1;
}

int main() {
  struct sigaction action = {};
  action.sa_sigaction = on_queued;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);
  sigset_t set, before;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  CHECK(sigprocmask(SIG_BLOCK, &set, nullptr) == 0);
  for (int i = 0; i < 5; i++) CHECK(sigaction(SIGRTMIN + i, &action, nullptr) == 0);
  CHECK(signal(SIGUSR1, on_plain) != SIG_ERR);
  sigfillset(&set);
  CHECK(sigprocmask(SIG_SETMASK, &set, &before) == 0);
  for (int i = 0; i < 50; i++) CHECK(sigqueue(getpid(), SIGRTMIN + i % 5, sigval{.sival_int = i}) == 0);
  for (int i = 0; i < 10; i++) CHECK(raise(SIGUSR1) == 0);
  CHECK(count == 0 && sigprocmask(SIG_SETMASK, &before, nullptr) == 0);
  CHECK(count == 50 && plain == 1);
  // Of one number in the order sent. Pending ones are set up lowest first, so the highest number's handler runs first.
  for (int i = 1; i < 50; i++)
    if (values[i] % 5 == values[i - 1] % 5) CHECK(values[i] > values[i - 1]);
  printf("order %016lx: first %d, last %d\n", hash_bytes(values, sizeof values), values[0], values[49]);
  return finish();
}
