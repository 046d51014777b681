// Rendering the story of one output as text and as JSON.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "experiments/cli/table.hpp"
#include "experiments/explain/excerpt.hpp"
#include "experiments/explain/story.hpp"
#include "formats/catalogue.hpp"

namespace precsim::experiments {

/// Where a product stands in a run.
struct RunPlace {
  std::string layer;
  std::int64_t step = 0;
  std::string started;  ///< "from the beginning", "from step 20 of run.checkpoint.h5"
};

/// Under what the codes of one side of a mixed product were decoded.
struct DecodedFrom {
  std::vector<std::int16_t> exponents = {};  ///< one per block of the reduction; empty: none, or not known
  std::int64_t block = 0;                    ///< products per block; 0: one block

  int exponent(std::int64_t k) const { return exponents[block == 0 ? 0 : static_cast<std::size_t>(k / block)]; }
};

/// A story with what surrounds it.
struct ToldStory {
  explain::Story story;
  std::array<std::string, 2> names;  ///< of the operands: "activations", "--a"
  std::array<formats::Conversion, 2> conversions;
  std::optional<RunPlace> run;  ///< none: given vectors, or a product by itself
  std::string engine;           ///< who computed `computed`, in words
  float computed = 0;
  std::array<DecodedFrom, 2> decoded = {};
  std::string product = {};  ///< in words, where it is by itself

  bool has_index() const { return run || !product.empty(); }

  bool same_bits() const;
};

std::string story_text(const ToldStory& told, bool full);
cli::Json story_json(const ToldStory& told, bool full);

}  // namespace precsim::experiments
