// The tables and attributes of a training run's record, schema version 4, as data. SCHEMA.md says the same in words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "experiments/record/table.hpp"

namespace precsim::record {

/// Raised by every change that a reader of records could notice.
inline constexpr std::int64_t schema_version = 4;

inline constexpr int exponent_bins = 277;  ///< E(x) = -149 ... 127, one bin each
inline constexpr int lowest_exponent = -149;
inline constexpr int octave_bins = 40;     ///< E(absmax) - E(x) = 0 ... 38, and all that is deeper
inline constexpr int chain_bit_bins = 64;  ///< two's complement bits 1 ... 64

/// Indices into run_tables(), for Record::append.
struct Table {
  enum Index : std::size_t {
    training,
    evaluation,
    tensor_statistics,
    exponent_histograms,
    octave_errors,
    exponent_control,
    products,
    telemetry,
    summary,
  };
};

std::span<const TableSchema> run_tables();

enum class AttributeType : std::uint8_t { int64, float64, text };

struct AttributeSchema {
  std::string name;
  AttributeType type;
  std::string description;
};

/// What every run's "/" and "/provenance" have at least, in order; the record itself adds the last two of provenance.
std::span<const AttributeSchema> run_attributes();
std::span<const AttributeSchema> provenance_attributes();

}  // namespace precsim::record
