// Whole integer products recounted in 128 bits; see integer_oracle.hpp.
#include "tests/oracle/integer_oracle.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace oracle {
namespace {

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

constexpr Int128 two_31 = Int128{1} << 31;

/// One output, added to the account.
void count_output(const IntegerProduct& product, const Accumulation& how, const std::vector<Piece>& pieces,
                  std::int64_t output, Recount& account) {
  const std::int64_t left = (output / product.columns) * product.length;
  const std::int64_t group = output / (product.rows * product.columns);
  const std::int64_t right = (group * product.columns + output % product.columns) * product.length;
  const std::int64_t index = product.result[at(output)];
  float c = 0;
  double fused = 0;
  Int128 total = 0;
  std::uint64_t events = 0;
  std::int64_t first_k = -1;
  std::vector<std::int64_t> products;
  for (const Piece& piece : pieces) {
    const int exponent =
        product.left.exponents[at(left + piece.begin)] + product.right.exponents[at(right + piece.begin)];
    const double scale = std::ldexp(1.0, exponent);
    products.clear();
    for (std::int64_t k = piece.begin; k < piece.end; ++k) {
      products.push_back(std::int64_t{product.left.codes[at(left + k)]} * product.right.codes[at(right + k)]);
      fused = std::fma(static_cast<double>(products.back()), scale, fused);
    }
    const Lane lane = run_lane(products, how.per_step, how.saturate);
    c = spill(lane.value, exponent, c);
    first_k = events == 0 && lane.events != 0 ? piece.begin + lane.first : first_k;
    events += lane.events;
    total += lane.true_sum;
    const Int128 size = lane.true_sum < 0 ? -lane.true_sum : lane.true_sum;
    account.largest_sum = size > account.largest_sum ? size : account.largest_sum;
    ++account.sum_bits[at(bits_of(lane.true_sum) - 1)];
  }
  account.result[at(index)] = c == 0 ? 0.0f : c;
  const int exponent = product.length == 0 ? 0 : product.left.exponents[at(left)] + product.right.exponents[at(right)];
  account.exact[at(index)] =
      product.one_exponent_pair() ? std::ldexp(static_cast<double>(static_cast<std::int64_t>(total)), exponent) : fused;
  account.events += events;
  account.outputs_with_events += events != 0 ? 1 : 0;
  if (events != 0 && (account.first_output < 0 || index < account.first_output)) {
    account.first_output = index;
    account.first_k = first_k;
  }
}

/// The largest sum of squares of one chain over all lines of a group.
Int128 largest_norm(const ConvertedSide& side, std::int64_t lines, std::int64_t length, std::int64_t group,
                    const Piece& piece) {
  Int128 most = 0;
  for (std::int64_t line = group * lines; line < (group + 1) * lines; ++line) {
    Int128 squares = 0;
    for (std::int64_t k = piece.begin; k < piece.end; ++k) {
      const std::int64_t code = side.codes[at(line * length + k)];
      squares += code * code;
    }
    most = squares > most ? squares : most;
  }
  return most;
}

}  // namespace

IntegerProduct single_output(const std::vector<std::int32_t>& left, const std::vector<std::int32_t>& right) {
  IntegerProduct product;
  product.length = product.period = static_cast<std::int64_t>(left.size());
  product.left = {left, std::vector<int>(left.size())};
  product.right = {right, std::vector<int>(right.size())};
  product.result = {0};
  return product;
}

double Recount::sqnr_db() const {
  if (noise == 0) {
    return signal == 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  }
  return static_cast<double>(10 * std::log10(static_cast<long double>(signal) / static_cast<long double>(noise)));
}

void Recount::measure() {
  double errors = 0;
  for (std::size_t i = 0; i < result.size(); ++i) {
    const double error = static_cast<double>(result[i]) - exact[i];
    signal += exact[i] * exact[i];
    noise += error * error;
    errors += error;
    max_abs_error = std::fmax(max_abs_error, std::fabs(error));
  }
  mean_error = errors / static_cast<double>(result.size());
}

Recount recount(const IntegerProduct& product, const Accumulation& how) {
  const std::vector<Piece> pieces = product.pieces(how.chain);
  Recount account;
  account.result.resize(product.result.size());
  account.exact.resize(product.result.size());
  account.chains = pieces.size() * product.result.size();
  for (std::size_t output = 0; output < product.result.size(); ++output) {
    count_output(product, how, pieces, static_cast<std::int64_t>(output), account);
  }
  account.measure();
  return account;
}

bool norms_prove(const IntegerProduct& product, std::int64_t chain) {
  for (const Piece& piece : product.pieces(chain)) {
    for (std::int64_t group = 0; group < product.groups; ++group) {
      if (!norms_fit(largest_norm(product.left, product.rows, product.length, group, piece),
                     largest_norm(product.right, product.columns, product.length, group, piece))) {
        return false;
      }
    }
  }
  return true;
}

LongestChain longest_chain(const IntegerProduct& product, std::int64_t shortest) {
  for (std::int64_t length = 512; length >= shortest; length /= 2) {
    if (norms_prove(product, length)) {
      return {length, true};
    }
  }
  return {shortest, false};
}

bool stays_in_range(const IntegerProduct& product, std::int64_t chain) {
  const std::vector<Piece> pieces = product.pieces(chain);
  for (std::int64_t output = 0; output < static_cast<std::int64_t>(product.result.size()); ++output) {
    const std::int64_t left = (output / product.columns) * product.length;
    const std::int64_t group = output / (product.rows * product.columns);
    const std::int64_t right = (group * product.columns + output % product.columns) * product.length;
    for (const Piece& piece : pieces) {
      Int128 sum = 0;
      for (std::int64_t k = piece.begin; k < piece.end; ++k) {
        sum += std::int64_t{product.left.codes[at(left + k)]} * product.right.codes[at(right + k)];
        if (sum >= two_31 || sum <= -two_31) {
          return false;
        }
      }
    }
  }
  return true;
}

std::vector<std::int32_t> squares_to(std::int64_t total) {
  const auto root = [](std::int64_t x) { return static_cast<std::int64_t>(std::sqrt(static_cast<double>(x))); };
  for (std::int64_t a = std::min<std::int64_t>(32768, root(total)); a >= 0; --a) {
    for (std::int64_t b = std::min<std::int64_t>(32768, root(total - a * a)); b >= 0; b -= 1 + b / 7) {
      const std::int64_t rest = total - a * a - b * b;
      for (std::int64_t c = std::min<std::int64_t>(32768, root(rest)); c >= 0 && 2 * c * c >= rest; --c) {
        const std::int64_t d = root(rest - c * c);
        if (d * d == rest - c * c && d <= 32768) {
          return {static_cast<std::int32_t>(-a), static_cast<std::int32_t>(-b), static_cast<std::int32_t>(-c),
                  static_cast<std::int32_t>(-d)};
        }
      }
    }
  }
  return {};
}

std::array<std::int32_t, 16> vp4dpwssd(const std::array<std::int32_t, 16>& lanes, const FourRegisters& registers,
                                       const std::array<std::int16_t, 8>& memory, bool saturate) {
  std::array<std::int32_t, 16> out{};
  for (std::size_t i = 0; i < 16; ++i) {
    Int128 lane = lanes[i];
    for (std::size_t m = 0; m < 4; ++m) {
      lane += std::int64_t{registers.words[m][2 * i]} * memory[2 * m];
      lane += std::int64_t{registers.words[m][2 * i + 1]} * memory[2 * m + 1];
      if (saturate) {
        lane = lane >= two_31 ? two_31 - 1 : lane < -two_31 ? -two_31 : lane;
      } else {
        lane -= lane >= two_31 ? 2 * two_31 : 0;
        lane += lane < -two_31 ? 2 * two_31 : 0;
      }
    }
    out[i] = static_cast<std::int32_t>(lane);
  }
  return out;
}

}  // namespace oracle
