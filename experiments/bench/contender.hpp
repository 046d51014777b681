// What a benchmark consists of: cases, and the contenders of a case that take turns.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/array_kernel.hpp"
#include "sim/kernels/tile.hpp"

namespace precsim::bench {

/// Something that can be timed: `work` units are done per call of `run`, shared among the OpenMP threads.
struct Work {
  std::string name;
  double work = 0;
  std::function<void()> run;
};

/// One way to do a case, and the ceiling that nothing can exceed; null where none is known.
struct Contender {
  Work what;
  std::shared_ptr<const Work> ceiling;
  /// Whether the result of the last run is right: empty, or a half sentence that says what is wrong.
  std::function<std::string()> check;
  /// The names of the contenders that a peer is compared with; empty for this program's own.
  std::vector<std::string> against = {};
};

enum class Unit : std::uint8_t { macs, elements };
std::string_view name(Unit unit);  ///< "GMAC/s", "Melem/s"
double scale(Unit unit);           ///< units of work in one of those

/// Where a case stands in the total of a network; `network` is empty for cases that are part of none.
struct Part {
  std::string_view network;
  std::string_view pass;
  int multiplicity = 1;
  bool first_layer = false;
};

/// What every case is prepared for.
struct Setup {
  const kernels::TileKernel& kernel;
  const formats::ArrayKernel& arrays() const { return kernels::array_kernel(&kernel); }
};

/// One row of the catalogue. `prepare` allocates operands and returns the contenders, peers last.
struct Case {
  std::string name;  ///< "gemm/square/1024"; the group comes first
  Unit unit = Unit::macs;
  bool full_only = false;
  Part part = {};
  std::function<std::vector<Contender>(const Setup&)> prepare;
};

struct Group {
  std::string_view name;
  std::string_view meaning;
  std::vector<Case> (*cases)();
};
std::span<const Group> groups();

std::vector<Case> gemm_cases();
std::vector<Case> convolution_cases();
std::vector<Case> conversion_cases();
std::vector<Case> simulation_cases();

}  // namespace precsim::bench
