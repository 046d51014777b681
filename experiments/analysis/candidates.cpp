// Formats that compete; see candidates.hpp.
#include "experiments/analysis/candidates.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

namespace precsim::analysis {
namespace {

constexpr double exponent_bits = 16, mx_exponent_bits = 8;
constexpr int widest_dfp = 16, narrowest_dfp = 2;
constexpr int widest_exponent = 8, narrowest_exponent = 2, widest_fraction = 23;

void add(std::vector<formats::FormatPtr>& formats, const std::string& name, double bits) {
  formats::FormatPtr format = formats::parse_format(name);
  const bool known = std::ranges::any_of(formats, [&](const auto& other) { return other->name() == format->name(); });
  if (!known && bits_per_element(*format) <= bits) {
    formats.push_back(std::move(format));
  }
}

}  // namespace

double bits_per_element(const formats::Format& format) {
  const formats::Blocking blocking = format.blocking();
  if (blocking.kind != formats::BlockKind::reduction) {
    return format.width();
  }
  const double scale = format.name().starts_with("mx") ? mx_exponent_bits : exponent_bits;
  return format.width() + scale / blocking.size;
}

std::vector<formats::FormatPtr> candidates(double bits) {
  std::vector<formats::FormatPtr> formats;
  for (const std::string& name : formats::catalogue_names()) {
    add(formats, name, bits);
  }
  const int whole = static_cast<int>(std::floor(bits));
  for (int exponent = narrowest_exponent; exponent <= widest_exponent; ++exponent) {
    const int fraction = whole - 1 - exponent;
    if (1 <= fraction && fraction <= widest_fraction) {
      add(formats, fmt::format("e{}m{}", exponent, fraction), bits);
    }
  }
  for (const char* blocks : {"", ":channel", ":block=16", ":block=32", ":block=64", ":block=128", ":block=256"}) {
    for (int width = std::min(widest_dfp, whole); width >= narrowest_dfp; --width) {
      const std::string name = fmt::format("dfp{}{}", width, blocks);
      if (bits_per_element(*formats::parse_format(name)) <= bits) {
        add(formats, name, bits);
        break;
      }
    }
  }
  return formats;
}

}  // namespace precsim::analysis
