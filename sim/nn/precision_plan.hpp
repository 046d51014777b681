// Precision plans: which format and rounding every role has, and which accumulator every pass.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/catalogue.hpp"
#include "sim/kernels/multiply.hpp"
#include "sim/nn/roles.hpp"

namespace precsim::nn {

/// What one layer does: a conversion per role and pass (operands may differ by pass; the other roles have the same in
/// all three), and accumulators per pass. `saved` without a format means "what is stored".
struct LayerPlan {
  std::array<std::array<formats::Conversion, 3>, role_count> conversions;
  std::array<kernels::Accumulators, 3> accumulators;
  bool saves_separately = false;

  const formats::Conversion& of(Role role, Pass pass = Pass::forward) const {
    return conversions[static_cast<std::size_t>(role)][static_cast<std::size_t>(pass)];
  }
  const kernels::Accumulators& accumulator(Pass pass) const { return accumulators[static_cast<std::size_t>(pass)]; }
};

/// What a plan may ask of one layer.
struct LayerTraits {
  std::string name;
  bool product = false;            ///< convolution or linear: every role
  bool saves = false;              ///< has role `saved`
  bool first_convolution = false;  ///< the selector first_convolution
  bool classifier = false;         ///< the selector classifier: the last product layer (and of each auxiliary output)
  bool input_gradient = true;      ///< false where nothing before it learns
  bool statistics = false;         ///< of a product's output are wanted in training, by channel
};

/// The canonical text of a setting's value; raises UserError as PrecisionPlan::set does.
std::string canonical_value(std::string_view key, std::string_view value);

/// An ordered list of settings `[LAYER.]WHAT[.PASS] = VALUE`. LAYER: a layer's name, first_convolution or classifier.
/// WHAT: a role (value FORMAT[@ROUNDING]), rounding (of every role without its own), accumulator (of integer
/// products) or float_accumulator. Settings without a layer apply first, then selectors, then layers by name; later
/// ones win, ones with a pass after ones without. Everything not set is FP32 with chain=auto accumulators.
class PrecisionPlan {
 public:
  /// `name` as find_plan() in named_plans.hpp takes it.
  explicit PrecisionPlan(std::string_view name = "fp32");

  /// Adds a setting. Raises UserError for an unknown role, pass, format, or a combination that has no meaning
  /// whatever the model (blocks on roles that are not operands, passes in which a role has no part).
  void set(std::string_view key, std::string_view value);

  /// Raises UserError for settings that cannot be honored by this model: unknown layers, roles a layer does not
  /// have, `channel` on reduced indices, `momentum` without momentum; and for added settings without effect:
  /// accumulators that no product has, a rounding that no conversion takes.
  void check(std::span<const LayerTraits> layers, bool has_momentum) const;

  LayerPlan layer(const LayerTraits& traits) const;

 private:
  struct Setting {
    std::string text;   ///< as given, for errors
    std::string layer;  ///< empty: all
    std::string what;
    std::optional<Pass> pass;
    std::string value;
    bool of_user = true;  ///< not part of the named plan
  };
  void check_governs(const Setting& setting, std::span<const LayerTraits> layers) const;
  int scope(const Setting& setting, const LayerTraits& traits) const;
  void apply(const Setting& setting, formats::Rounding rounding, LayerPlan& plan) const;

  std::vector<Setting> settings_;
};

}  // namespace precsim::nn
