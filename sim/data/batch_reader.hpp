// Reads the batches of a data set in the background, one ahead of its user.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "sim/data/dataset.hpp"

namespace precsim::data {

/// What one batch is made of.
struct BatchRequest {
  std::vector<std::int64_t> indices;
  std::uint32_t epoch = 0;
};

/// Gives the batches that a plan names, in its order; the next one is read while the user works with the last, and what
/// is left of it when it is wanted by the user's thread, too. What comes is what Dataset::read gives, in every bit, for
/// any number of workers.
class BatchReader {
 public:
  /// The next batch that will be wanted, or nothing after the last.
  using Plan = std::function<std::optional<BatchRequest>()>;

  /// `dataset` must outlive this. `plan` is called by this constructor and by next() only, one batch ahead. Without
  /// workers next() reads by itself. Raises UserError when the system does not start that many threads.
  BatchReader(const Dataset& dataset, int workers, Plan plan);
  BatchReader(const BatchReader&) = delete;
  BatchReader& operator=(const BatchReader&) = delete;
  /// Workers stop after the images that they are at.
  ~BatchReader();

  /// Writes the next batch; the spans have its sizes. There must be one. An exception of Dataset::read comes out here,
  /// of several the one of the image that comes first in the batch.
  void next(std::span<float> images, std::span<std::int32_t> labels);

 private:
  void advance();
  void work(const std::stop_token& stop);
  bool has_piece() const;
  void take_piece(std::unique_lock<std::mutex>& lock);
  void read_piece(std::size_t first, std::size_t count);

  const Dataset& dataset_;
  const Plan plan_;
  std::optional<BatchRequest> request_;
  std::vector<float> images_;
  std::vector<std::int32_t> labels_;

  std::mutex mutex_;
  std::condition_variable_any wake_;  // workers: images are left to read
  std::condition_variable done_;      // user: all are read
  std::size_t piece_ = 1;             // images that a thread takes at once
  std::size_t taken_ = 0;
  std::size_t read_ = 0;
  std::exception_ptr error_;
  std::size_t error_at_ = 0;
  std::vector<std::jthread> workers_;  // the last member: joined before the others go
};

}  // namespace precsim::data
