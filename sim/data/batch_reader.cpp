// A batch in pieces for a few threads.
#include "sim/data/batch_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "formats/error.hpp"

namespace precsim::data {

BatchReader::BatchReader(const Dataset& dataset, int workers, Plan plan) : dataset_(dataset), plan_(std::move(plan)) {
  advance();
  try {
    for (int i = 0; i < workers; ++i) {
      workers_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  } catch (const std::system_error&) {
    throw UserError(fmt::format("data.workers = {} is more than the system starts here, which is {}; give fewer",
                                workers, workers_.size()));
  }
}

BatchReader::~BatchReader() {
  for (std::jthread& worker : workers_) {
    worker.request_stop();
  }
}

void BatchReader::advance() {
  std::optional<BatchRequest> request = plan_();
  const std::lock_guard lock(mutex_);
  request_ = std::move(request);
  const std::size_t count = request_ ? request_->indices.size() : 0;
  images_.resize(count * static_cast<std::size_t>(dataset_.shape().pixels()));
  labels_.resize(count);
  piece_ = std::max<std::size_t>(1, count / (8 * std::max<std::size_t>(1, workers_.size())));
  taken_ = 0;
  read_ = 0;
  error_ = nullptr;
  wake_.notify_all();
}

void BatchReader::next(std::span<float> images, std::span<std::int32_t> labels) {
  PRECSIM_CHECK(request_.has_value(), "after the last batch");
  const std::size_t count = request_->indices.size();
  PRECSIM_CHECK(labels.size() == count && images.size() == images_.size(),
                fmt::format("{} images, space for {} labels and {} values", count, labels.size(), images.size()));
  if (workers_.empty()) {
    dataset_.read(request_->indices, request_->epoch, images, labels);
    advance();
    return;
  }
  {
    std::unique_lock lock(mutex_);
    while (has_piece()) {
      take_piece(lock);
    }
    done_.wait(lock, [&] { return read_ == count; });
  }
  if (error_) {
    std::rethrow_exception(error_);
  }
  std::copy(images_.begin(), images_.end(), images.begin());
  std::copy(labels_.begin(), labels_.end(), labels.begin());
  advance();
}

void BatchReader::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return has_piece(); }) && !stop.stop_requested()) {
    take_piece(lock);
  }
}

bool BatchReader::has_piece() const {
  return request_ && taken_ < request_->indices.size();
}

void BatchReader::take_piece(std::unique_lock<std::mutex>& lock) {
  const std::size_t first = taken_;
  const std::size_t count = std::min(piece_, request_->indices.size() - first);
  taken_ += count;
  lock.unlock();
  std::exception_ptr error;
  try {
    read_piece(first, count);
  } catch (...) {
    error = std::current_exception();
  }
  lock.lock();
  if (error && (!error_ || first < error_at_)) {
    error_ = error;
    error_at_ = first;
  }
  read_ += count;
  if (read_ == request_->indices.size()) {
    done_.notify_one();
  }
}

void BatchReader::read_piece(std::size_t first, std::size_t count) {
  const auto pixels = static_cast<std::size_t>(dataset_.shape().pixels());
  dataset_.read(std::span(request_->indices).subspan(first, count), request_->epoch,
                std::span(images_).subspan(first * pixels, count * pixels), std::span(labels_).subspan(first, count));
}

}  // namespace precsim::data
