// Indices of outputs as text.
#include "experiments/commands/explain_index.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <vector>

#include "formats/error.hpp"
#include "formats/grammar.hpp"

namespace precsim::experiments {

using kernels::Pass;

std::array<std::string_view, 4> index_names(Pass pass) {
  switch (pass) {
    case Pass::forward:
      return {"n", "oh", "ow", "oc"};
    case Pass::input_gradient:
      return {"n", "h", "w", "ic"};
    case Pass::weight_gradient:
      return {"oc", "kh", "kw", "ic"};
  }
  return {};
}

std::string index_text(const kernels::ConvShape& shape, Pass pass, std::int64_t index) {
  const std::array<std::int64_t, 4> sizes = result_sizes(shape, pass);
  const std::array<std::string_view, 4> names = index_names(pass);
  std::string text;
  for (std::size_t i = 4; i-- > 0; index /= sizes[i]) {
    if (i == 0 || i == 3 || sizes[1] * sizes[2] != 1) {
      text = fmt::format("{} {}{}{}", names[i], index % sizes[i], text.empty() ? "" : ", ", text);
    }
  }
  return text;
}

std::int64_t parse_index(std::string_view option, std::string_view text, const kernels::ConvShape& shape, Pass pass) {
  const std::array<std::int64_t, 4> sizes = result_sizes(shape, pass);
  const std::array<std::string_view, 4> names = index_names(pass);
  const bool flat = sizes[1] * sizes[2] == 1;
  std::vector<std::size_t> axes = flat ? std::vector<std::size_t>{0, 3} : std::vector<std::size_t>{0, 1, 2, 3};
  const auto commas = static_cast<std::size_t>(std::count(text.begin(), text.end(), ','));
  const std::int64_t size = sizes[0] * sizes[1] * sizes[2] * sizes[3];
  std::int64_t index = 0;
  if (commas == 0 && formats::parse_integer(text, 0, size - 1, index)) {
    return index;
  }
  if (commas == 3) {
    axes = {0, 1, 2, 3};
  }
  bool good = commas + 1 == axes.size();
  std::string_view rest = text;
  for (std::size_t i = 0; good && i < axes.size(); ++i) {
    std::int64_t at = 0;
    good = formats::parse_integer(rest.substr(0, rest.find(',')), 0, sizes[axes[i]] - 1, at);
    index = index * sizes[axes[i]] + at;
    rest.remove_prefix(
        std::min(rest.size(), rest.find(',') == std::string_view::npos ? rest.size() : rest.find(',') + 1));
  }
  if (good) {
    return index;
  }
  std::vector<std::string> ranges;
  for (const std::size_t axis : axes) {
    ranges.push_back(fmt::format("{} from 0 to {}", names[axis], sizes[axis] - 1));
  }
  throw UserError(fmt::format("--{} {}: the result has {}; or give one number from 0 to {}", option, text,
                              fmt::join(ranges, ", "), size - 1));
}

}  // namespace precsim::experiments
