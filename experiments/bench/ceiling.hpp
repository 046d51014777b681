// Measured ceilings: loops over registers that keep the units of an instruction busy, and a plain copy.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "experiments/bench/contender.hpp"

namespace precsim::bench {

/// A loop whose every turn does `work` multiply-accumulates from registers, on independent accumulators.
struct RegisterLoop {
  std::string_view instruction;
  double work = 0;
  void (*run)(std::int64_t turns) = nullptr;
};

/// One row for each row of the kernel table: the fastest that its instruction set can do. Null loops: not known.
struct KernelCeilings {
  std::string_view kernel;
  RegisterLoop integer, floating;
};
std::span<const KernelCeilings> kernel_ceilings();
const KernelCeilings& ceilings_of(const kernels::TileKernel& kernel);

/// VDPBF16PS, by which no row computes but peers do; null where the CPU has none.
RegisterLoop bf16_loop();

/// The loop, its turns shared among the OpenMP threads; null for a null loop.
std::shared_ptr<const Work> register_ceiling(const RegisterLoop& loop);

/// A plain copy of these numbers, the threads sharing it; `owner` keeps them alive.
std::shared_ptr<const Work> copy_ceiling(std::shared_ptr<const void> owner, std::span<const float> from);

/// The part [begin, end) of `count` elements that is this OpenMP thread's, cut at multiples of 1024.
struct Share {
  std::int64_t begin, end;
};
Share own_share(std::int64_t count);

}  // namespace precsim::bench
