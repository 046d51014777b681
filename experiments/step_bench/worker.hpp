// A worker: trains one contender, some steps at a time, and measures them.
#pragma once

#include <cstdint>
#include <functional>

#include "experiments/step_bench/contender.hpp"

namespace precsim::step_bench {

/// Whom a worker serves.
struct Client {
  std::function<void(const Greeting&)> greet;  ///< after the warm-up
  std::function<std::int64_t()> next;          ///< how many steps to do; 0 ends the worker
  std::function<void(const Sample&)> answer;   ///< after those steps
};

/// Raises UserError for a contender that cannot be: unknown names, a plan that the model cannot honor.
void check(const Contender& contender);

/// Trains on synthetic images with a small learning rate, so that steps stay alike: two steps to warm up, the greeting,
/// and then what the client asks for. Sets the number of threads. Raises UserError as check() does, and for training
/// that diverges.
void serve(const Contender& contender, const Client& client);

}  // namespace precsim::step_bench
