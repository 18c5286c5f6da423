// Where and how an intercepted instruction of the tracee is rewritten: finds the module a pc
// belongs to, asks record/sites, and places trampolines near it.
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "record/agent/abi.h"
#include "record/sites/module.h"
#include "record/sites/window.h"
#include "record/supervisor/maps.h"

namespace ckpt {

class SitePlanner final {
 public:
  struct Source {
    std::function<pid_t()> task;                                // a living task of the program
    std::function<Result<std::string>(const Mapping&)> copy_of;  // a copy of the mapped file, which never changes
  };
  explicit SitePlanner(Source source) : source_(std::move(source)) {}

  // A plan for the instruction at `pc`, or the reason why it stays on the slow path.
  Result<abi::SitePlan> plan(uint64_t pc);

  // Code appeared in [address, address + bytes): looks for instructions that would give what no
  // log holds, without a trap: rdrand, rdseed, xsave, and rdtsc while it is allowed to. Both 0: everywhere.
  void inspect_code(uint64_t address, uint64_t bytes);
  // What inspect_code found to be changed, `most` at a time.
  std::vector<abi::SitePlan> take_changes(size_t most);
  // Whether all code is known, so that time stamps need not trap.
  bool knows_all_code() const { return unknown_.empty(); }
  struct Unknown {
    std::string where;
    std::string reason;
  };
  const std::vector<Unknown>& unknown() const { return unknown_; }
  // Code of ours that looks like the program's: the copy of the vDSO.
  void leave_out(uint64_t start, uint64_t end) { left_out_.push_back({start, end}); }

  // Mappings changed: look again.
  void forget_mappings() {
    mappings_.clear();
    copies_.clear();
  }

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
  Result<abi::SitePlan> make_plan(uint64_t pc, const Mapping& m);
  Result<abi::SitePlan> place(const sites::Window& window, uint64_t slide);
  void inspect_mapping(const Mapping& m);
  void guard(const Mapping& m, const sites::Module& module, uint64_t slide, uint64_t vaddr);
  bool ours(const Mapping& m) const;

  Source source_;
  std::vector<Mapping> mappings_;
  std::map<std::pair<std::string, uint64_t>, std::string> copies_;  // by name and inode
  std::map<std::string, std::shared_ptr<Loaded>> modules_;          // by copy
  std::vector<Area> areas_;
  std::vector<Slow> slow_;
  uint64_t patched_ = 0;
  std::deque<abi::SitePlan> changes_;
  std::vector<Unknown> unknown_;
  std::vector<std::pair<uint64_t, uint64_t>> left_out_;
};

}  // namespace ckpt
