// Where and how an intercepted instruction of the tracee is rewritten: finds the module a pc
// belongs to, asks record/sites, and places trampolines near it.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "record/agent/abi.h"
#include "record/sites/module.h"
#include "record/supervisor/maps.h"
#include "record/supervisor/memory.h"

namespace ckpt {

class SitePlanner final {
 public:
  explicit SitePlanner(pid_t pid) : pid_(pid) {}

  // A plan for the instruction at `pc`, or the reason why it stays on the slow path.
  Result<abi::SitePlan> plan(uint64_t pc, TraceeMemory& memory);
  // Mappings changed: look again.
  void forget_mappings() { mappings_.clear(); }

  struct Slow {
    std::string where;
    std::string reason;
  };
  const std::vector<Slow>& slow() const { return slow_; }
  uint64_t patched() const { return patched_; }

 private:
  struct Loaded;
  struct Area {
    uint64_t start, bytes, used;
    bool mapped;
  };
  const Mapping* mapping_at(uint64_t pc);
  Result<Loaded*> module_of(const Mapping& m);
  Result<Area*> area_near(uint64_t address);
  Result<abi::SitePlan> make_plan(uint64_t pc, const Mapping& m, TraceeMemory& memory);

  pid_t pid_;
  std::vector<Mapping> mappings_;
  std::map<std::string, std::shared_ptr<Loaded>> modules_;
  std::vector<Area> areas_;
  std::vector<Slow> slow_;
  uint64_t patched_ = 0;
};

}  // namespace ckpt
