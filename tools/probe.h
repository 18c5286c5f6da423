// Trying out what the machine offers, each try in a child of its own.
//
// A try may be killed by a seccomp filter, leave a filter behind, or hang; none of that may
// reach the command that asks. So each runs in a forked child with a limit of time.
//
// Owns:    the child, until it has answered or the time is over.
// Threads: call from a process with one thread.
// Errors:  none: a try that cannot run answers "not offered", and says why.
#pragma once

#include <string>

namespace ckpt {

struct Answer {
  bool offered = false;
  std::string detail;  // a few words: what was found, or why it is not offered
};

using Probe = Answer (*)();

// Runs `probe` in a child and returns its answer.
Answer try_in_child(Probe probe, int timeout_ms = 3000);

// "no: Operation not permitted", from errno.
Answer refused_by_kernel();

// Interception: how the agent comes to see what a program does.
Answer probe_user_dispatch();
Answer probe_seccomp_trap();
Answer probe_tsc_trap();
Answer probe_cpuid_fault();
Answer probe_fsgsbase();
Answer probe_ptrace();
Answer probe_hardware_counter();

// Memory: how checkpoints find the pages that changed.
Answer probe_userfaultfd();
Answer probe_write_tracking();
Answer probe_pagemap_scan();

}  // namespace ckpt
