// The operands of an audited product as its tiles read them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/kernels/audit_kernel.hpp"
#include "sim/kernels/lowering.hpp"
#include "sim/kernels/matrix.hpp"
#include "sim/kernels/native/pack.hpp"
#include "sim/kernels/native/packing.hpp"

namespace precsim::kernels {

/// The rows of a group in strips of neighbors: panels, or the rows of tiles, nearly equal in number.
struct Strips {
  std::int64_t rows, count;
  bool panels;

  static Strips of_panels(std::int64_t rows) { return {rows, (rows + line_lanes - 1) / line_lanes, true}; }
  static Strips of_tiles(std::int64_t rows, std::int64_t count) { return {rows, count, false}; }
  std::int64_t first(std::int64_t strip) const {
    return panels ? (strip * line_lanes < rows ? strip * line_lanes : rows) : rows * strip / count;
  }
  /// Lanes of all strips before this one, with the zeros that fill the last panel.
  std::int64_t lanes_before(std::int64_t strip) const { return panels ? strip * line_lanes : first(strip); }
  std::int64_t width(std::int64_t strip) const { return lanes_before(strip + 1) - lanes_before(strip); }
};

/// One side of a product in strips, [strip][step][lane], zeros beyond the last row. The codes are those of a matrix, or
/// of the tensor that it would be lowered from; then it needs none itself.
class AuditSide {
 public:
  AuditSide(const Matrix& matrix, const Strips& strips, const native::Packing& packing);
  AuditSide(const Matrix& outline, const Lowering<std::int16_t>& tensor, const Strips& strips,
            const native::Packing& packing);

  const Strips& strips() const { return strips_; }
  std::int64_t steps() const { return matrix_.length() / 2; }
  /// Words from the first strip of a group to this one.
  std::int64_t offset(std::int64_t strip) const { return strips_.lanes_before(strip) * steps(); }
  std::int64_t words_of_group() const { return offset(strips_.count); }

  /// Whether strips can be packed one by one; otherwise only all at once.
  bool packs_strips() const { return !tensor_ || !tensor_->lies_across(); }
  /// Strips [first, last) of a group.
  void pack(std::int64_t group, std::int64_t first, std::int64_t last, native::Word* to) const;
  /// All strips of all groups.
  void pack_all(native::Word* to) const;

 private:
  void pack_strip(std::int64_t group, std::int64_t strip, std::int16_t* lowered, native::Word* to) const;
  void pack_across(native::Word* to) const;
  void take_across(std::int64_t group, std::int64_t first_step, std::int64_t steps, std::int16_t* lines) const;
  void interleave(const std::int16_t* lines, std::int64_t first_step, std::int64_t steps, native::Word* to) const;
  /// Codes from a line of pack_across to the next: every lane and as many zeros as a panel may read beyond.
  std::int64_t across_distance() const { return native::padded_columns(strips_.rows) + line_lanes; }

  const Matrix& matrix_;
  std::optional<Lowering<std::int16_t>> tensor_;
  Strips strips_;
  const native::Packing& packing_;
  std::vector<std::int64_t> begins_;  ///< of strips, where they are packed at once
};

}  // namespace precsim::kernels
