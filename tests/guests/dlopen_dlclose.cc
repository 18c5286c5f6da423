// Entry: a library with a syscall instruction of its own is loaded and unloaded again and again; other mappings take
// its old place in between.
#include <dlfcn.h>
#include <sys/mman.h>

#include "tests/guests/check.h"

static std::string module_path() {
  char self[4096] = {};
  CHECK(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  std::string path = self;
  return path.substr(0, path.rfind('/')) + "/dlopen_module.so";
}

int main() {
  std::string path = module_path();
  for (int i = 0; i < 40; i++) {
    void* module = dlopen(path.c_str(), i % 2 ? RTLD_NOW : RTLD_LAZY);
    if (!module) puts(dlerror());
    CHECK(module);
    auto call = reinterpret_cast<long (*)(long)>(dlsym(module, "module_syscall"));
    auto pid_at_load = reinterpret_cast<long (*)()>(dlsym(module, "module_pid_at_load"));
    CHECK(call && pid_at_load && pid_at_load() == getpid());
    for (int call_number = 0; call_number < 20; call_number++) CHECK(call(SYS_gettid) == gettid());
    if (i % 8 == 0) printf("module_syscall at %p\n", reinterpret_cast<void*>(call));
    auto page = reinterpret_cast<void*>(address(reinterpret_cast<void*>(call)) & ~4095L);
    CHECK(dlclose(module) == 0);
    if (i % 3 != 0) continue;
    void* other = mmap(page, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(other == page);
    memset(other, 0x0f, 4096);
    if (i % 2) CHECK(munmap(other, 4096) == 0);
  }
  return finish();
}
