// Reductions of given vectors.
#include "experiments/explain/vectors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>
#include <utility>

#include "formats/error.hpp"
#include "formats/grammar.hpp"

namespace precsim::explain {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t most_bytes = std::uintmax_t{64} << 20;
constexpr std::size_t most_numbers = std::size_t{1} << 22;
constexpr std::string_view separators = " \t\r\n,";

class GivenOperand : public product::OperandSource {
 public:
  explicit GivenOperand(const Vector& vector) : vector_(vector) {}
  std::string name() const override { return vector_.name; }
  std::string_view kind() const override { return "vector"; }
  product::SourceTensor tensor(const product::OperandRequest&) const override {
    return {vector_.values, vector_.codes, vector_.exponent};
  }

 private:
  const Vector& vector_;
};

/// The text itself, or of the file that it names.
std::string content_of(std::string_view name, std::string_view text) {
  if (!text.starts_with('@')) {
    return std::string(text);
  }
  const fs::path path(text.substr(1));
  std::error_code error;
  if (!fs::is_regular_file(path, error)) {
    throw UserError(fmt::format("{}: there is no file {}", name, path.string()));
  }
  if (fs::file_size(path, error) > most_bytes || error) {
    throw UserError(fmt::format("{}: {} is larger than 64 MiB", name, path.string()));
  }
  std::ifstream stream(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) {
    throw UserError(fmt::format("{}: cannot read {}", name, path.string()));
  }
  return content;
}

/// Calls add(word) for every word.
template <class Add>
void for_words(std::string_view name, std::string_view text, Add add) {
  const std::string content = content_of(name, text);
  std::size_t count = 0;
  for (std::string_view rest = content;;) {
    const std::size_t begin = rest.find_first_not_of(separators);
    if (begin == std::string_view::npos) {
      break;
    }
    rest.remove_prefix(begin);
    const std::string_view word = rest.substr(0, rest.find_first_of(separators));
    if (++count > most_numbers) {
      throw UserError(fmt::format("{}: more than {} numbers", name, most_numbers));
    }
    add(word);
    rest.remove_prefix(word.size());
  }
  if (count == 0) {
    throw UserError(
        fmt::format("{} needs numbers: --{} \"1 2.5 -3\", or --{} @FILE", name, name.substr(2), name.substr(2)));
  }
}

bool parse_float(std::string_view word, float& value) {
  const bool negative = word.starts_with('-');
  std::string_view digits = word.substr(negative ? 1 : 0);
  const bool hexadecimal = digits.starts_with("0x") || digits.starts_with("0X");
  digits.remove_prefix(hexadecimal ? 2 : 0);
  if (digits.empty() || digits.front() == '-') {
    return false;
  }
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value,
                                            hexadecimal ? std::chars_format::hex : std::chars_format::general);
  if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value)) {
    return false;
  }
  value = negative ? -value : value;
  return true;
}

std::string quoted(std::string_view word) {
  constexpr std::size_t most = 40;
  return word.size() <= most ? fmt::format("'{}'", word) : fmt::format("'{}...'", word.substr(0, most));
}

}  // namespace

std::vector<float> parse_values(std::string_view name, std::string_view text) {
  std::vector<float> values;
  for_words(name, text, [&](std::string_view word) {
    float value = 0;
    if (!parse_float(word, value)) {
      throw UserError(fmt::format("{}: {} is no finite number that FP32 can hold", name, quoted(word)));
    }
    values.push_back(value);
  });
  return values;
}

std::vector<std::int16_t> parse_codes(std::string_view name, std::string_view text, const formats::Format& format) {
  if (format.kind() != formats::OperandKind::integer) {
    throw UserError(
        fmt::format("--codes: {} has no integer codes; valid are dfpP and fixI.F of at most 16 bits", format.name()));
  }
  const std::int64_t most = (std::int64_t{1} << (format.width() - 1)) - 1;
  std::vector<std::int16_t> codes;
  for_words(name, text, [&](std::string_view word) {
    std::int64_t code = 0;
    if (!formats::parse_integer(word, -most - 1, most, code)) {
      throw UserError(fmt::format("{}: {} is no code of {}, which are the integers from {} to {}", name, quoted(word),
                                  format.name(), -most - 1, most));
    }
    codes.push_back(static_cast<std::int16_t>(code));
  });
  return codes;
}

VectorStory tell_vectors(const std::array<Vector, 2>& vectors, const kernels::Accumulators& accumulators,
                         std::uint32_t seed) {
  const auto length = [&](std::size_t i) { return std::max(vectors[i].values.size(), vectors[i].codes.size()); };
  if (length(0) != length(1)) {
    throw UserError(fmt::format("{} has {} numbers and {} has {}; they must have as many", vectors[0].name, length(0),
                                vectors[1].name, length(1)));
  }
  product::ProductRequest request;
  request.shape = kernels::ConvShape::gemm(1, 1, static_cast<std::int64_t>(length(0)));
  for (std::size_t i = 0; i < 2; ++i) {
    request.sides[i] = {vectors[i].conversion, std::make_shared<GivenOperand>(vectors[i])};
  }
  request.accumulators = accumulators;
  request.seed = seed;
  request.engine = kernels::Engine::check;
  product::ProductReport report = product::run_product(request);
  const kernels::ProductCall call{request.shape,
                                  request.pass,
                                  report.operands[0].operand,
                                  report.operands[1].operand,
                                  accumulators,
                                  product::result_bits(seed)};
  Story story = tell(call, report.telemetry, 0);
  return {std::move(report), std::move(story)};
}

}  // namespace precsim::explain
