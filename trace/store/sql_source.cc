#include <algorithm>

#include "trace/store/index.h"
#include "trace/store/sql_table.h"

namespace ckpt::sql {
namespace {

// Keeps the `kept` newest of a list: the front is the one used last.
template <class List, class Same>
typename List::iterator use_again(List& list, Same same) {
  auto found = std::find_if(list.begin(), list.end(), same);
  if (found != list.end()) list.splice(list.begin(), list, found);
  return found;
}

}  // namespace

Result<void> TraceSource::look() {
  CKPT_TRY(chunks_, reader_.chunks());
  return {};
}

Result<ChunkView> TraceSource::chunk(const ChunkInfo& info) {
  auto found = use_again(views_, [&](const ChunkView& view) { return view.first() == info.first; });
  if (found != views_.end()) return *found;
  CKPT_TRY(ChunkView view, reader_.read_chunk(info));
  ++chunks_read;
  views_.push_front(view);
  if (views_.size() > kKept) views_.pop_back();
  return view;
}

Result<std::shared_ptr<const ChunkColumns>> TraceSource::columns(const ChunkInfo& info) {
  auto found = use_again(columns_, [&](auto& columns) { return columns->info.first == info.first; });
  if (found != columns_.end()) return *found;
  CKPT_TRY(ChunkColumns read, reader_.read_columns(info));
  ++chunks_read;
  auto columns = std::make_shared<const ChunkColumns>(std::move(read));
  columns_.push_front(columns);
  if (columns_.size() > kKept) columns_.pop_back();
  return columns;
}

Result<std::optional<int64_t>> TraceSource::tid(uint32_t task) {
  if (!tids_) {
    std::map<uint32_t, int64_t> tids;
    if (reader_.header().pid > 0) tids[kFirstTask] = reader_.header().pid;
    for (const ChunkInfo& info : chunks_) {
      if (!info.may_have_kind(abi::EventKind::task_start)) continue;
      CKPT_TRY(ChunkView view, chunk(info));
      for (EventView event : view.range())
        if (event.header().kind == abi::EventKind::task_start) tids[event.header().task] = event.header().result;
    }
    tids_ = std::move(tids);
  }
  auto found = tids_->find(task);
  if (found == tids_->end()) return std::optional<int64_t>();
  return std::optional<int64_t>(found->second);
}

}  // namespace ckpt::sql
