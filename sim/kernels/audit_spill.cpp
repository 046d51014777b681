// Tiles of the audit: what becomes of chain ends.
#include <algorithm>
#include <bit>
#include <cstring>

#include "formats/exact.hpp"
#include "sim/arith/reduce.hpp"
#include "sim/kernels/audit_tile.hpp"

namespace precsim::kernels {
namespace {

constexpr std::size_t most_ends_not_joined = (std::size_t{1} << 15) - slots_per_span;
constexpr std::size_t most_vectors_counted = std::size_t{1} << 26;

void count_bits(std::uint32_t (&words)[line_lanes], std::uint64_t weight, Telemetry& telemetry) {
  for (std::uint32_t& word : words) {
    for (; word != 0; word &= word - 1) {
      telemetry.chain_bits[static_cast<std::size_t>(std::countr_zero(word))] += weight;
    }
  }
}

/// Moves what the planes and the waiting carries stand for.
void move_counts(ChainCounts& counts, Telemetry& telemetry) {
  std::uint64_t weight = 1;
  for (int tier = 0; tier < ChainCounts::tiers; ++tier) {
    for (int level = 0; level < 3; ++level, weight *= 2) {
      count_bits(counts.planes[3 * tier + level], weight, telemetry);
    }
    for (auto& carry : counts.carries[tier]) {
      count_bits(carry, weight, telemetry);
    }
  }
  std::memset(counts.waiting, 0, sizeof counts.waiting);
}

}  // namespace

void TileAudit::set_scale(const arith::Chain& chain) {
  const std::int64_t row_block = job_.swapped ? chain.block_b : chain.block_a;
  const std::int64_t lane_block = job_.swapped ? chain.block_a : chain.block_b;
  int last = 0;
  arith::SpillFactors factors = arith::spill_factors(last);
  double power = formats::power_of_two(last);
  for (int line = 0; line < lines(); ++line) {
    const std::int64_t row = std::min(at_.row + line / at_.panels, job_.rows.rows - 1);
    const int of_row = job_.rows.row_exponents(at_.group, row)[job_.rows.block_stride * row_block];
    for (int j = 0; j < line_lanes; ++j) {
      const std::int64_t lane = (at_.panel + line % at_.panels) * line_lanes + j;
      const std::int16_t* const of_lane = job_.lanes.row_exponents(at_.group, std::min(lane, job_.lanes.rows - 1));
      const int exponent = of_row + of_lane[job_.lanes.block_stride * lane_block];
      if (exponent != last) {
        last = exponent;
        factors = arith::spill_factors(exponent);
        power = formats::power_of_two(exponent);
      }
      scale_.first[line][j] = factors.first;
      scale_.second[line][j] = factors.second;
      power_[line][j] = power;
    }
  }
}

void TileAudit::spill(const AuditSpan& span) {
  if (!scale_by_chain_) {
    spill_lines(span.ends);
    return;
  }
  for (const AuditPart& part : span.parts) {
    if (!part.ends) {
      continue;
    }
    const arith::Chain& chain = job_.plan.chains[part.chain];
    set_scale(chain);
    spill_lines({&part.last, 1});
    for (int line = 0; line < lines() && job_.full; ++line) {
      kernel_.exact({row_of(line) + chain.begin / 2, panel_of(line) + chain.begin / 2 * line_lanes,
                     (chain.end - chain.begin + 1) / 2, chain.begin, arith::Atom::pair, arith::OverflowRule::wrap},
                    power_[line], exact_[line]);
    }
  }
}

void TileAudit::spill_lines(std::span<const std::int32_t> ends) {
  if (recounts_.empty()) {
    spill_ends(0, lines(), ends);
    return;
  }
  for (int line = 0; line < lines(); ++line) {
    std::span<const std::int32_t> rest = ends;
    for (const Recount& recount : recounts_) {
      const auto at = std::find(rest.begin(), rest.end(), recount.slot);
      if (recount.line == line && at != rest.end()) {
        spill_ends(line, line + 1, {rest.begin(), at});
        spill_recounted(recount);
        rest = {at + 1, rest.end()};
      }
    }
    spill_ends(line, line + 1, rest);
  }
}

void TileAudit::spill_ends(int first_line, int last_line, std::span<const std::int32_t> ends) {
  if (ends.empty()) {
    return;
  }
  const ChainEnds chains{slot(0), slot_lanes(), first_line, last_line, ends};
  if (!job_.full) {
    kernel_.spill(chains, scale_, sums_);
    return;
  }
  const std::size_t vectors = ends.size() * most_lines;
  if (ends_not_joined_ + ends.size() > most_ends_not_joined) {
    kernel_.join(sums_, lines(), joined_);
    ends_not_joined_ = 0;
  }
  if (vectors_counted_ + vectors > most_vectors_counted) {
    move_counts(counts_, telemetry_);
    vectors_counted_ = 0;
  }
  ends_not_joined_ += ends.size();
  vectors_counted_ += vectors;
  kernel_.count(chains, scale_, sums_, counts_);
}

void TileAudit::spill_recounted(const Recount& recount) {
  std::memcpy(slot(recount.slot) + recount.line * line_lanes, recount.lane, sizeof recount.lane);
  kernel_.spill({slot(0), slot_lanes(), recount.line, recount.line + 1, {&recount.slot, 1}}, scale_, sums_);
  if (!job_.full) {
    return;
  }
  for (int j = 0; j < line_lanes; ++j) {
    const std::int64_t sum = recount.sum[j];
    joined_[recount.line][j] += sum;
    telemetry_.max_chain_sum = std::max(telemetry_.max_chain_sum, static_cast<std::uint64_t>(sum < 0 ? -sum : sum));
    ++telemetry_.chain_bits[static_cast<std::size_t>(arith::bits_needed(sum) - 1)];
  }
}

void TileAudit::finish() {
  if (job_.full && !scale_by_chain_) {
    kernel_.join(sums_, lines(), joined_);
  }
  for (int line = 0; line < lines(); ++line) {
    finish_line(line);
  }
  if (!job_.proved && has_events_) {
    record_events();
  }
}

void TileAudit::finish_line(int line) {
  const std::int64_t lane = (at_.panel + line % at_.panels) * line_lanes;
  const auto count = static_cast<std::size_t>(std::min<std::int64_t>(line_lanes, job_.lanes.rows - lane));
  const std::size_t index = job_.index(at_.group, at_.row + line / at_.panels, lane);
  const bool direct = !job_.swapped && count == line_lanes;
  float aside[line_lanes];
  kernel_.result(sums_.c[line], direct ? job_.result.data() + index : aside);
  double* const exact = direct && job_.full ? band_.data() + (index - band_first_) : exact_[line];
  if (job_.full && !scale_by_chain_) {
    kernel_.scale(joined_[line], power_[line], exact);
  } else if (job_.full && direct) {
    std::memcpy(exact, exact_[line], sizeof exact_[line]);
  }
  for (std::size_t j = 0; j < count && !direct; ++j) {
    const std::size_t at = index + j * lane_stride_;
    job_.result[at] = aside[j];
    if (job_.full) {
      band_[at - band_first_] = exact_[line][j];
    }
  }
}

void TileAudit::record_events() {
  for (int line = 0; line < lines(); ++line) {
    for (int j = 0; j < line_lanes; ++j) {
      if (stepped_[line].events[j] == 0) {
        continue;
      }
      const std::int64_t lane = (at_.panel + line % at_.panels) * line_lanes + j;
      const auto output = static_cast<std::int64_t>(job_.index(at_.group, at_.row + line / at_.panels, lane));
      telemetry_.overflow_events += stepped_[line].events[j];
      ++telemetry_.overflow_outputs;
      if (telemetry_.first_output < 0 || output < telemetry_.first_output) {
        telemetry_.first_output = output;
        telemetry_.first_k = stepped_[line].first[j];
      }
    }
  }
}

const Telemetry& TileAudit::collect() {
  move_counts(counts_, telemetry_);
  vectors_counted_ = 0;
  for (const std::uint32_t zigzag : counts_.largest) {
    telemetry_.max_chain_sum = std::max(telemetry_.max_chain_sum, (std::uint64_t{zigzag} + 1) / 2);
  }
  return telemetry_;
}

}  // namespace precsim::kernels
