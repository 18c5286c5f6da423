#include "tools/probe.h"

#include <asm/prctl.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <cstring>

#include "trace/base/result.h"

namespace ckpt {
namespace {

volatile sig_atomic_t trapped = 0;
volatile char selector = 0;
sigjmp_buf after_fault;

// Runs on the path of a trapped call: it only takes notes, and opens the gate again.
void on_sigsys(int) {
  selector = 0;
  trapped = trapped + 1;
}

void on_fault(int) {
  siglongjmp(after_fault, 1);
}

void catch_signal(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  sigaction(signal, &action, nullptr);
}

// Waits for the child at most `timeout_ms`, then kills it. Returns whether it wrote an answer.
bool read_answer(int fd, int timeout_ms, std::string& answer) {
  char buffer[512];
  for (;;) {
    pollfd waiting = {.fd = fd, .events = POLLIN, .revents = 0};
    int ready = poll(&waiting, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    ssize_t bytes = read(fd, buffer, sizeof buffer);
    if (bytes <= 0) return true;
    answer.append(buffer, static_cast<size_t>(bytes));
  }
}

[[noreturn]] void run_child(Probe probe, int fd) {
  rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Answer answer = probe();
  std::string bytes = (answer.offered ? "y" : "n") + answer.detail;
  ssize_t written = write(fd, bytes.data(), bytes.size());
  _exit(written == static_cast<ssize_t>(bytes.size()) ? 0 : 1);
}

}  // namespace

Answer refused_by_kernel() {
  return {false, std::strerror(errno)};
}

Answer try_in_child(Probe probe, int timeout_ms) {
  int ends[2];
  if (pipe(ends) != 0) return refused_by_kernel();
  pid_t child = fork();
  if (child == 0) run_child(probe, ends[1]);
  close(ends[1]);
  std::string bytes;
  bool in_time = child > 0 && read_answer(ends[0], timeout_ms, bytes);
  close(ends[0]);
  if (child < 0) return refused_by_kernel();
  if (!in_time) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (!in_time) return {false, "no answer in time"};
  if (WIFSIGNALED(status)) return {false, text("the try was killed by ", strsignal(WTERMSIG(status)))};
  if (bytes.empty()) return {false, "no answer"};
  return {bytes[0] == 'y', bytes.substr(1)};
}

Answer probe_user_dispatch() {
  catch_signal(SIGSYS, on_sigsys);
  if (prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, 0, 0, &selector) != 0) return refused_by_kernel();
  selector = 1;
  syscall(SYS_getppid);
  selector = 0;
  return {trapped == 1, trapped == 1 ? "" : "armed, but calls are not trapped"};
}

Answer probe_seccomp_trap() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {.len = 4, .filter = code};
  catch_signal(SIGSYS, on_sigsys);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return refused_by_kernel();
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return refused_by_kernel();
  syscall(SYS_getppid);
  return {trapped == 1, trapped == 1 ? "" : "set, but calls are not trapped"};
}

Answer probe_tsc_trap() {
  catch_signal(SIGSEGV, on_fault);
  if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) != 0) return refused_by_kernel();
  if (sigsetjmp(after_fault, 1) == 0) {
    (void)__rdtsc();
    return {false, "set, but rdtsc is not trapped"};
  }
  prctl(PR_SET_TSC, PR_TSC_ENABLE);
  return {true, ""};
}

Answer probe_cpuid_fault() {
  constexpr int kSetCpuid = 0x1012;  // ARCH_SET_CPUID
  if (syscall(SYS_arch_prctl, kSetCpuid, 0) != 0) return refused_by_kernel();
  return {true, ""};
}

Answer probe_fsgsbase() {
  bool offered = (getauxval(AT_HWCAP2) & 2) != 0;  // HWCAP2_FSGSBASE
  return {offered, offered ? "" : "not in AT_HWCAP2"};
}

Answer probe_ptrace() {
  pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(errno);
    raise(SIGSTOP);
    _exit(0);
  }
  if (child < 0) return refused_by_kernel();
  int status = 0;
  if (waitpid(child, &status, 0) != child) return refused_by_kernel();
  if (WIFSTOPPED(status)) {
    kill(child, SIGKILL);
    return {true, ""};
  }
  return {false, WIFEXITED(status) && WEXITSTATUS(status) != 0 ? std::strerror(WEXITSTATUS(status)) : "not allowed"};
}

Answer probe_hardware_counter() {
  perf_event_attr wanted = {};
  wanted.size = sizeof wanted;
  wanted.type = PERF_TYPE_HARDWARE;
  wanted.config = PERF_COUNT_HW_BRANCH_INSTRUCTIONS;
  wanted.exclude_kernel = 1;
  long fd = syscall(SYS_perf_event_open, &wanted, 0, -1, -1, 0);
  if (fd < 0) return refused_by_kernel();
  // Some hypervisors accept the event and never count it.
  uint64_t count = 0;
  for (int i = 0; i < 1000; ++i) asm volatile("");
  bool counts = read(static_cast<int>(fd), &count, sizeof count) == sizeof count && count > 0;
  return {counts, counts ? "" : "accepted, but does not count"};
}

}  // namespace ckpt
