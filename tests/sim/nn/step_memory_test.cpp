// The memory of training steps: stretches are apart, join, and are used again.
#include "sim/nn/step_memory.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/support/sample.hpp"

namespace precsim::nn {
namespace {

TEST(StepMemory, GivesCacheLinesThatNobodyElseHas) {
  StepMemory memory;
  struct Piece {
    unsigned char* data;
    std::size_t bytes;
    unsigned char mark;
  };
  std::vector<Piece> pieces;
  support::Sample sample(1);
  std::size_t checked = 0;
  for (int round = 0; round < 2000; ++round) {
    if (pieces.size() < 40 && sample.below(3) != 0) {
      const std::size_t bytes = sample.below(round % 7 == 0 ? 100000 : 500);
      auto* const data = static_cast<unsigned char*>(memory.allocate(bytes, 64));
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(data) % 64, 0u);
      pieces.push_back({data, bytes, static_cast<unsigned char>(round)});
      std::memset(data, pieces.back().mark, bytes);
    } else if (!pieces.empty()) {
      const std::size_t which = sample.below(pieces.size());
      const Piece piece = pieces[which];
      for (std::size_t i = 0; i < piece.bytes; ++i) {
        ASSERT_EQ(piece.data[i], piece.mark);
        ++checked;
      }
      memory.deallocate(piece.data, piece.bytes, 64);
      pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }
  for (const Piece& piece : pieces) {
    memory.deallocate(piece.data, piece.bytes, 64);
  }
  EXPECT_GT(checked, 100000u);
  EXPECT_EQ(memory.used(), 0u);
  EXPECT_GE(memory.held(), memory.most());
}

TEST(StepMemory, JoinsWhatComesFree) {
  StepMemory memory;
  void* const a = memory.allocate(1000, 64);
  void* const b = memory.allocate(2000, 64);
  void* const c = memory.allocate(3000, 64);
  const std::size_t held = memory.held();
  memory.deallocate(a, 1000, 64);
  memory.deallocate(c, 3000, 64);
  memory.deallocate(b, 2000, 64);
  EXPECT_EQ(memory.allocate(6000, 64), a) << "three neighbors are one stretch";
  EXPECT_EQ(memory.held(), held);
  memory.deallocate(a, 6000, 64);
  EXPECT_EQ(memory.allocate(10000, 64), a) << "the last stretch grows";
  memory.deallocate(a, 10000, 64);
}

TEST(StepMemory, TakesTheSmallestStretchThatFits) {
  StepMemory memory;
  void* const large = memory.allocate(4096, 64);
  void* const wall = memory.allocate(64, 64);
  void* const small = memory.allocate(1024, 64);
  void* const end = memory.allocate(64, 64);
  memory.deallocate(large, 4096, 64);
  memory.deallocate(small, 1024, 64);
  EXPECT_EQ(memory.allocate(1000, 64), small);
  EXPECT_EQ(memory.allocate(1100, 64), large);
  memory.deallocate(small, 1000, 64);
  memory.deallocate(large, 1100, 64);
  memory.deallocate(wall, 64, 64);
  memory.deallocate(end, 64, 64);
}

TEST(StepMemory, RefusesWhatTheMachineDoesNotHave) {
  StepMemory memory;
  EXPECT_THROW(static_cast<void>(memory.allocate(std::size_t{1} << 60, 64)), std::bad_alloc);
  void* const a = memory.allocate(100, 64);
  EXPECT_THROW(static_cast<void>(memory.allocate(std::size_t{1} << 60, 64)), std::bad_alloc);
  memory.deallocate(a, 100, 64);
  EXPECT_EQ(memory.used(), 0u);
}

}  // namespace
}  // namespace precsim::nn
