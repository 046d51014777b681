// Best fit with joining of neighbors, over one stretch of reserved addresses.
#include "sim/nn/step_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <new>

#include "formats/error.hpp"

namespace precsim::nn {
namespace {

constexpr std::size_t grain = 64;  ///< bytes; every tensor begins on a cache line
constexpr std::size_t least_reserved = std::size_t{1} << 30;
constexpr std::size_t huge_page = std::size_t{1} << 21;

std::size_t rounded(std::size_t bytes, std::size_t to) {
  return (bytes + to - 1) / to * to;
}

}  // namespace

StepMemory::~StepMemory() {
  if (base_ != nullptr) {
    munmap(base_, reserved_);
  }
}

void StepMemory::reserve() {
  const auto pages = static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES));
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  for (reserved_ = std::max(rounded(pages * page, huge_page), least_reserved); reserved_ >= least_reserved;
       reserved_ /= 2) {
    void* const place =
        mmap(nullptr, reserved_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place != MAP_FAILED) {
      base_ = static_cast<std::byte*>(place);
#if defined(MADV_HUGEPAGE)
      madvise(place, reserved_, MADV_HUGEPAGE);
#endif
      return;
    }
  }
  reserved_ = 0;
  throw std::bad_alloc();
}

std::size_t StepMemory::take(std::size_t bytes) {
  const auto fit = by_bytes_.lower_bound(bytes);
  if (fit != by_bytes_.end()) {
    const auto [size, begin] = *fit;
    by_bytes_.erase(fit);
    free_.erase(begin);
    if (size > bytes) {
      free_.emplace(begin + bytes, size - bytes);
      by_bytes_.emplace(size - bytes, begin + bytes);
    }
    return begin;
  }
  // The last free stretch may reach up to the end; what it lacks is new.
  std::size_t begin = 0;
  const bool joins = !free_.empty() && free_.rbegin()->first + free_.rbegin()->second == held_;
  begin = joins ? free_.rbegin()->first : held_;
  if (bytes > reserved_ - begin) {
    throw std::bad_alloc();
  }
  if (joins) {
    const auto [low, high] = by_bytes_.equal_range(free_.rbegin()->second);
    by_bytes_.erase(std::find_if(low, high, [&](const auto& entry) { return entry.second == begin; }));
    free_.erase(begin);
  }
  held_ = begin + bytes;
  return begin;
}

void StepMemory::give_back(std::size_t begin, std::size_t bytes) {
  const auto forget = [&](std::map<std::size_t, std::size_t>::iterator at) {
    const auto [low, high] = by_bytes_.equal_range(at->second);
    by_bytes_.erase(std::find_if(low, high, [&](const auto& entry) { return entry.second == at->first; }));
    return free_.erase(at);
  };
  auto next = free_.lower_bound(begin);
  if (next != free_.end() && begin + bytes == next->first) {
    bytes += next->second;
    next = forget(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == begin) {
      begin = before->first;
      bytes += before->second;
      forget(before);
    }
  }
  free_.emplace(begin, bytes);
  by_bytes_.emplace(bytes, begin);
}

void* StepMemory::do_allocate(std::size_t bytes, std::size_t alignment) {
  PRECSIM_CHECK(alignment <= grain, "alignment " + std::to_string(alignment));
  if (base_ == nullptr) {
    reserve();
  }
  if (bytes > reserved_) {
    throw std::bad_alloc();
  }
  const std::size_t whole = rounded(std::max<std::size_t>(bytes, 1), grain);
  const std::size_t begin = take(whole);
  used_ += whole;
  most_ = std::max(most_, used_);
  return base_ + begin;
}

void StepMemory::do_deallocate(void* place, std::size_t bytes, std::size_t) {
  const std::size_t whole = rounded(std::max<std::size_t>(bytes, 1), grain);
  used_ -= whole;
  give_back(static_cast<std::size_t>(static_cast<std::byte*>(place) - base_), whole);
}

}  // namespace precsim::nn
