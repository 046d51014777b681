// Tiles of the audit: lanes, doubts, spills.
#include "sim/kernels/audit_tile.hpp"

#include <algorithm>
#include <cstring>

namespace precsim::kernels {
TileAudit::TileAudit(const AuditJob& job)
    : job_(job),
      kernel_(*job.kernel.audit),
      scale_by_chain_(job.rows.block_stride != 0 || job.lanes.block_stride != 0),
      lanes_(std::int64_t{slots_per_span + 1} * most_lines * line_lanes),
      lane_stride_(job.lanes.rows > 1 ? job.index(0, 0, 1) - job.index(0, 0, 0) : 1) {
  if (!scale_by_chain_ && job.rows.row_stride == 0 && job.lanes.row_stride == 0) {
    at_ = {0, 0, 0, job.most_rows(), job.kernel.native->panels, 0, nullptr, nullptr};
    set_scale(job.plan.chains.front());
  }
}

std::int32_t* TileAudit::slot(std::int64_t slot) {
  return reinterpret_cast<std::int32_t*>(lanes_.data()) + (slot + 1) * slot_lanes();
}

const native::Word* TileAudit::row_of(int line) const {
  return reinterpret_cast<const native::Word*>(job_.rows.row_codes(at_.group, at_.row + line / at_.panels));
}

const native::Word* TileAudit::panel_of(int line) const {
  return at_.panel_words + line % at_.panels * job_.steps() * line_lanes;
}

void TileAudit::begin_band(std::size_t first, std::size_t count) {
  band_first_ = first;
  band_.resize(job_.full ? count : 0);
}

void TileAudit::run(const AuditPlace& place) {
  at_ = place;
  begin();
  for (std::size_t s = 0; s < job_.cut.spans.size(); ++s) {
    run_lanes(s);
    recounts_.clear();
    if (!job_.proved) {
      watch(job_.cut.spans[s]);
    }
    spill(job_.cut.spans[s]);
  }
  finish();
}

void TileAudit::begin() {
  for (int line = 0; line < lines() && !job_.swapped; ++line) {
    const std::int64_t lane = (at_.panel + line % at_.panels) * line_lanes;
    __builtin_prefetch(job_.result.data() + job_.index(at_.group, at_.row + line / at_.panels, lane), 1);
  }
  sums_ = {};
  std::memset(joined_, 0, sizeof joined_);
  ends_not_joined_ = 0;
  if (scale_by_chain_) {
    std::memset(exact_, 0, sizeof exact_);
  } else if (job_.rows.row_stride != 0 || job_.lanes.row_stride != 0) {
    set_scale(job_.plan.chains.front());
  }
  if (!job_.proved) {
    has_events_ = in_overflow_ = false;
    for (int line = 0; line < lines(); ++line) {
      overflowed_[line] = false;
      std::memset(stepped_[line].events, 0, sizeof stepped_[line].events);
      std::fill_n(stepped_[line].first, line_lanes, std::int64_t{-1});
    }
  }
}

void TileAudit::run_lanes(std::size_t span) {
  const AuditSpan& now = job_.cut.spans[span];
  native::Tile tile;
  for (int r = 0; r < std::min(at_.rows, native::row_pointers); ++r) {
    tile.rows[r] = at_.row_words + r;
  }
  tile.second = native::row_pointers;
  tile.row_step = at_.rows;
  tile.panel = panel_of(0);
  tile.next_panel = job_.steps() * line_lanes;
  bool begins = now.parts.front().begins;
  if (!begins) {
    const auto before = static_cast<std::int64_t>(job_.cut.spans[span - 1].pieces) - 1;
    std::memcpy(slot(-1), slot(before), static_cast<std::size_t>(slot_lanes()) * sizeof(std::int32_t));
  }
  const std::int64_t distance = std::int64_t{at_.panels} * line_lanes;
  const auto loop = job_.kernel.native->wrap.lanes.of[at_.panels - 1][at_.rows - 1];
  for (std::size_t i = 0; i < now.pieces; ++i) {
    native::Segment segment = job_.cut.segments[now.first_piece + i];
    segment.row *= at_.rows;
    native::Word* const to = reinterpret_cast<native::Word*>(slot(static_cast<std::int64_t>(i)));
    const native::Source from =
        begins ? native::Source{native::no_lanes, 0} : native::Source{to - slot_lanes(), distance};
    loop(tile, {&segment, 1}, nullptr, from, {to, distance});
    begins = segment.ends_chain;
  }
}

WatchedLines TileAudit::watched_lines(const AuditSpan& span) {
  const auto pieces = static_cast<std::int64_t>(job_.cut.pieces.size());
  const auto first = static_cast<std::int64_t>(span.first_piece);
  const std::int64_t panel = at_.group * job_.panels_of_group() + at_.panel;
  return {slot(0),
          slot_lanes(),
          lines(),
          at_.panels,
          static_cast<int>(span.pieces),
          span.from_zero,
          job_.tile_norms.data() + at_.row_tile * pieces + first,
          job_.row_norms.data() + (at_.group * job_.rows.rows + at_.row) * pieces + first,
          pieces,
          job_.lane_norms.data() + (panel * pieces + first) * line_lanes,
          pieces * line_lanes};
}

void TileAudit::watch(const AuditSpan& span) {
  if (!kernel_.watch(watched_lines(span), doubts_) && !in_overflow_) {
    return;
  }
  in_overflow_ = false;
  for (int line = 0; line < lines(); ++line) {
    if (doubts_[line] == 0 && !overflowed_[line]) {
      continue;
    }
    for (const AuditPart& part : span.parts) {
      recount(span, part, line);
      overflowed_[line] = overflowed_[line] && !part.ends;
    }
    in_overflow_ = in_overflow_ || overflowed_[line];
  }
}

/// Slots [first, last) of a part.
void TileAudit::step_through(const AuditSpan& span, const AuditPart& part, int line, int first, int last) {
  SteppedLine& stepped = stepped_[line];
  constexpr std::size_t bytes = sizeof stepped.low;
  if (part.begins && first == part.first) {
    std::memset(stepped.low, 0, bytes);
  } else {
    std::memcpy(stepped.low, slot(first - 1) + line * line_lanes, bytes);
  }
  if (!overflowed_[line]) {
    std::memcpy(stepped.clamped, stepped.low, bytes);
    std::memset(stepped.high, 0, bytes);
  }
  std::uint32_t before[line_lanes];
  std::memcpy(before, stepped.events, bytes);
  const arith::Chain& begin = job_.cut.pieces[span.first_piece + static_cast<std::size_t>(first)];
  const arith::Chain& end = job_.cut.pieces[span.first_piece + static_cast<std::size_t>(last - 1)];
  kernel_.step(
      {row_of(line) + begin.begin / 2, panel_of(line) + begin.begin / 2 * line_lanes, (end.end - begin.begin + 1) / 2,
       begin.begin, job_.plan.accumulator.atom, job_.plan.accumulator.overflow},
      stepped);
  if (std::memcmp(before, stepped.events, bytes) != 0) {
    overflowed_[line] = has_events_ = true;
  }
}

void TileAudit::recount(const AuditSpan& span, const AuditPart& part, int line) {
  const bool saturate = job_.plan.accumulator.overflow == arith::OverflowRule::saturate;
  const auto doubtful = [&](int slot) {
    return slot <= part.last && ((doubts_[line] >> slot & 1) != 0 || (saturate && overflowed_[line]));
  };
  for (int first = part.first; first <= part.last; ++first) {
    if (!doubtful(first)) {
      continue;
    }
    int last = first + 1;
    while (doubtful(last)) {
      ++last;
    }
    step_through(span, part, line, first, last);
    first = last - 1;
  }
  if (!overflowed_[line] || !part.ends) {
    return;
  }
  Recount recount{line, part.last, {}, {}};
  const std::int32_t* const wrapped = slot(part.last) + line * line_lanes;
  for (int j = 0; j < line_lanes; ++j) {
    recount.lane[j] = saturate ? static_cast<std::int32_t>(stepped_[line].clamped[j]) : wrapped[j];
    recount.sum[j] = std::int64_t{stepped_[line].high[j]} * (std::int64_t{1} << 32) + wrapped[j];
  }
  recounts_.push_back(recount);
}

}  // namespace precsim::kernels
