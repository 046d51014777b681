// The memory that the tensors of training steps share.
#pragma once

#include <cstddef>
#include <map>
#include <memory_resource>

namespace precsim::nn {

/// Keeps what it has ever held: a step asks for the same sizes in the same order as the step before, so that from the
/// second one on every tensor lies where one lay before and no page is new. The smallest free stretch that fits is
/// taken, and stretches join as they come free. On huge pages where the system has them. One thread at a time.
class StepMemory final : public std::pmr::memory_resource {
 public:
  StepMemory() = default;
  StepMemory(const StepMemory&) = delete;
  StepMemory& operator=(const StepMemory&) = delete;
  ~StepMemory() override;

  std::size_t used() const { return used_; }  ///< bytes that tensors hold now
  std::size_t most() const { return most_; }  ///< bytes they have held at once
  std::size_t held() const { return held_; }  ///< bytes up to the end of the last one there ever was

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* place, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  void reserve();
  std::size_t take(std::size_t bytes);
  void give_back(std::size_t begin, std::size_t bytes);

  std::byte* base_ = nullptr;  ///< of the reserved addresses; pages come as they are written
  std::size_t reserved_ = 0;
  std::size_t held_ = 0, used_ = 0, most_ = 0;
  std::map<std::size_t, std::size_t> free_;           ///< begin -> bytes, below held_
  std::multimap<std::size_t, std::size_t> by_bytes_;  ///< bytes -> begin
};

}  // namespace precsim::nn
