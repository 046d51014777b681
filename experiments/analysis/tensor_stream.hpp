// A window that moves over a tensor in rising order, reading every element once.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "formats/error.hpp"

namespace precsim::analysis {

class TensorStream {
 public:
  using Read = std::function<void(std::int64_t first, std::span<float> out)>;
  TensorStream(std::int64_t size, Read read) : size_(size), read_(std::move(read)) {}

  /// The elements first ... end - 1, valid until the next call; neither bound may go back.
  const float* hold(std::int64_t first, std::int64_t end) {
    PRECSIM_CHECK(first_ <= first && end_ <= end && end <= size_, "window " + std::to_string(first));
    const std::int64_t kept = std::max<std::int64_t>(0, end_ - first);
    data_.erase(data_.begin(), data_.end() - kept);
    const std::int64_t from = first + kept;
    data_.resize(static_cast<std::size_t>(end - first));
    read_(from, std::span(data_).subspan(static_cast<std::size_t>(kept)));
    first_ = first;
    end_ = end;
    return data_.data();
  }

 private:
  std::int64_t size_;
  Read read_;
  std::int64_t first_ = 0, end_ = 0;
  std::vector<float> data_;
};

}  // namespace precsim::analysis
