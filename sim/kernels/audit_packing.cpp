// Packing for the audit.
#include "sim/kernels/audit_packing.hpp"

#include <algorithm>
#include <cstring>

#include "sim/kernels/threads.hpp"

namespace precsim::kernels {
namespace {

constexpr std::int64_t least_packed_width = 4;
constexpr std::int64_t most_block_words = 1 << 13;  ///< of pack_across, in lines: half of a first-level cache and less

/// Working memory of a thread, kept from call to call.
std::int16_t* kept_codes(std::int64_t count) {
  thread_local native::KeptBuffer of_thread;
  return reinterpret_cast<std::int16_t*>(of_thread.at_least((count + 1) / 2));
}

/// Steps of `width` words from steps of sixteen.
void narrow(const native::Word* from, std::int64_t steps, std::int64_t width, native::Word* to) {
  constexpr std::int64_t chunk = 4;
  for (std::int64_t s = 0; s < steps; ++s, from += line_lanes, to += width) {
    std::int64_t j = 0;
    for (; j + chunk <= width; j += chunk) {
      std::memcpy(to + j, from + j, chunk * sizeof(native::Word));
    }
    for (; j < width; ++j) {
      to[j] = from[j];
    }
  }
}

}  // namespace

AuditSide::AuditSide(const Matrix& matrix, const Strips& strips, const native::Packing& packing)
    : matrix_(matrix), strips_(strips), packing_(packing) {}

AuditSide::AuditSide(const Matrix& outline, const Lowering<std::int16_t>& tensor, const Strips& strips,
                     const native::Packing& packing)
    : AuditSide(outline, strips, packing) {
  tensor_.emplace(tensor);
  for (std::int64_t strip = 0; strip < strips.count && tensor.lies_across(); ++strip) {
    begins_.push_back(strips.first(strip));
  }
}

void AuditSide::pack_strip(std::int64_t group, std::int64_t strip, std::int16_t* lowered, native::Word* to) const {
  const native::Word* rows[line_lanes] = {};
  const std::int64_t first = strips_.first(strip);
  const std::int64_t count = strips_.first(strip + 1) - first;
  for (std::int64_t j = 0; j < count; ++j) {
    if (tensor_) {
      tensor_->row(group, first + j, lowered + j * matrix_.length());
    }
    rows[j] = reinterpret_cast<const native::Word*>(tensor_ ? lowered + j * matrix_.length()
                                                            : matrix_.row_codes(group, first + j));
  }
  const std::int64_t width = strips_.width(strip);
  if (width >= least_packed_width) {
    packing_.rows(rows, steps(), to, width);
    return;
  }
  for (std::int64_t s = 0; s < steps(); ++s) {
    for (std::int64_t j = 0; j < width; ++j) {
      to[s * width + j] = rows[j][s];
    }
  }
}

void AuditSide::pack(std::int64_t group, std::int64_t first, std::int64_t last, native::Word* to) const {
  std::int16_t* const lowered = tensor_ ? kept_codes(line_lanes * matrix_.length()) : nullptr;
  for (std::int64_t strip = first; strip < last; ++strip) {
    pack_strip(group, strip, lowered, to + offset(strip) - offset(first));
  }
}

void AuditSide::pack_all(native::Word* to) const {
  if (!packs_strips()) {
    pack_across(to);
    return;
  }
#pragma omp parallel for schedule(static) if (worth_threads(matrix_.groups * words_of_group()))
  for (std::int64_t i = 0; i < matrix_.groups * strips_.count; ++i) {
    const std::int64_t strip = i % strips_.count;
    pack(i / strips_.count, strip, strip + 1, to + i / strips_.count * words_of_group() + offset(strip));
  }
}

void AuditSide::pack_across(native::Word* to) const {
  const std::int64_t block = std::clamp<std::int64_t>(most_block_words / across_distance(), 1, steps());
  const std::int64_t blocks = (steps() + block - 1) / block;
#pragma omp parallel for schedule(static) if (worth_threads(matrix_.groups * words_of_group()))
  for (std::int64_t i = 0; i < matrix_.groups * blocks; ++i) {
    const std::int64_t first = i % blocks * block;
    const std::int64_t count = std::min(block, steps() - first);
    std::int16_t* const lines = kept_codes(2 * block * across_distance());
    take_across(i / blocks, first, count, lines);
    interleave(lines, first, count, to + i / blocks * words_of_group());
  }
}

void AuditSide::take_across(std::int64_t group, std::int64_t first_step, std::int64_t steps,
                            std::int16_t* lines) const {
  for (std::int64_t k = 2 * first_step; k < 2 * (first_step + steps); ++k, lines += across_distance()) {
    const bool has_element = k < tensor_->reduction();
    if (has_element) {
      tensor_->across(group, k, lines);
    }
    std::fill(lines + (has_element ? strips_.rows : 0), lines + across_distance(), std::int16_t{0});
  }
}

void AuditSide::interleave(const std::int16_t* lines, std::int64_t first_step, std::int64_t steps,
                           native::Word* to) const {
  if (strips_.panels) {
    packing_.pack({lines, 2 * across_distance(), across_distance(), begins_}, steps, to + first_step * line_lanes,
                  this->steps() * line_lanes);
    return;
  }
  alignas(64) native::Word sixteen[most_block_words / 2];
  for (std::int64_t strip = 0; strip < strips_.count; ++strip) {
    const std::int64_t width = strips_.width(strip);
    const std::span<const std::int64_t> begin(&begins_[static_cast<std::size_t>(strip)], 1);
    packing_.pack({lines, 2 * across_distance(), across_distance(), begin}, steps, sixteen, 0);
    narrow(sixteen, steps, width, to + offset(strip) + first_step * width);
  }
}

}  // namespace precsim::kernels
