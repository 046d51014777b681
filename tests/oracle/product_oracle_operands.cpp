// Convolutions and blocked operands of the product oracle; see product_oracle.hpp.
#include <cmath>
#include <stdexcept>

#include "tests/oracle/product_oracle.hpp"

namespace oracle {
namespace {

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

/// |x| in whole steps rounded under the mode; x is a double that holds the exact quotient.
double round_quotient(double x, const Dfp& dfp, std::uint32_t word) {
  const double kept = std::floor(std::fabs(x));
  const double f = std::fabs(x) - kept;
  const bool odd = std::fmod(kept, 2) == 1;
  bool up = false;
  switch (dfp.mode) {
    case Mode::nearest_even:
      up = f > 0.5 || (f == 0.5 && odd);
      break;
    case Mode::nearest_away:
      up = f >= 0.5;
      break;
    case Mode::toward_zero:
      break;
    case Mode::toward_positive:
      up = f > 0 && x > 0;
      break;
    case Mode::toward_negative:
      up = f > 0 && x < 0;
      break;
    case Mode::to_odd:
      up = f > 0 && !odd;
      break;
    case Mode::stochastic:
      up = static_cast<double>(word >> (32 - dfp.stochastic_bits)) < std::floor(std::ldexp(f, dfp.stochastic_bits));
      break;
    case Mode::biased:
      up = f >= 0.25;
      break;
  }
  return std::copysign(kept + (up ? 1 : 0), x);
}

std::int32_t top_code(double rounded, const Dfp& dfp) {
  const double limit = std::ldexp(1.0, dfp.bits - 1 - dfp.headroom);
  if (std::fabs(rounded) < limit) {
    return static_cast<std::int32_t>(rounded);
  }
  if (dfp.top == Top::wrap) {
    const double span = 2 * limit;
    const double wrapped = rounded - span * std::floor((rounded + limit) / span);
    return static_cast<std::int32_t>(wrapped);
  }
  return static_cast<std::int32_t>(std::copysign(limit - 1, rounded));
}

/// Elements per row of the reduction that share an exponent, for the chunk that holds k.
struct Chunk {
  std::int64_t begin, end;
};
Chunk chunk_of(const Implicit& product, std::int64_t size, std::int64_t k) {
  const std::int64_t start = k / product.period * product.period;
  const std::int64_t begin = start + (k - start) / size * size;
  return {begin, begin + size < start + product.period ? begin + size : start + product.period};
}

std::int64_t tensor_channel(const Shape& shape, std::int64_t input_element) {
  return input_element % shape.ic;
}

}  // namespace

void for_each_mac(const Shape& shape, const std::function<void(const Mac&)>& visit) {
  const std::int64_t group_ic = shape.ic / shape.groups;
  const std::int64_t group_oc = shape.oc / shape.groups;
  for (std::int64_t n = 0; n < shape.n; ++n) {
    for (std::int64_t y = 0; y < shape.out_h(); ++y) {
      for (std::int64_t x = 0; x < shape.out_w(); ++x) {
        for (std::int64_t r = 0; r < shape.kh; ++r) {
          for (std::int64_t s = 0; s < shape.kw; ++s) {
            const std::int64_t in_y = y * shape.stride + r - shape.pad;
            const std::int64_t in_x = x * shape.stride + s - shape.pad;
            if (in_y < 0 || in_x < 0 || in_y >= shape.h || in_x >= shape.w) {
              continue;
            }
            const std::int64_t out_pixel = (n * shape.out_h() + y) * shape.out_w() + x;
            const std::int64_t in_pixel = (n * shape.h + in_y) * shape.w + in_x;
            for (std::int64_t oc = 0; oc < shape.oc; ++oc) {
              for (std::int64_t c = 0; c < group_ic; ++c) {
                const std::int64_t group = oc / group_oc;
                visit({out_pixel * shape.oc + oc, in_pixel * shape.ic + group * group_ic + c,
                       ((oc * shape.kh + r) * shape.kw + s) * group_ic + c, r * shape.kw + s, group, oc, c, out_pixel,
                       in_pixel});
              }
            }
          }
        }
      }
    }
  }
}

Implicit implicit(const Shape& shape, Product product, bool even) {
  const std::int64_t ic = shape.ic / shape.groups;
  const std::int64_t oc = shape.oc / shape.groups;
  const std::int64_t taps = shape.kh * shape.kw;
  const std::int64_t in_pixels = shape.n * shape.h * shape.w;
  const std::int64_t out_pixels = shape.n * shape.out_h() * shape.out_w();
  Implicit out;
  out.groups = shape.groups;
  const bool forward = product == Product::forward;
  const bool weights = product == Product::weight_gradient;
  out.rows = forward ? out_pixels : weights ? oc : in_pixels;
  out.columns = forward ? oc : weights ? taps * ic : ic;
  out.taps = weights ? 1 : taps;
  const std::int64_t channels = forward ? ic : weights ? out_pixels : oc;
  out.period = channels + (even && channels % 2 == 1 ? 1 : 0);
  out.left.assign(at(out.groups * out.rows * out.length()), -1);
  out.right.assign(at(out.groups * out.columns * out.length()), -1);
  out.result.assign(at(out.groups * out.rows * out.columns), -1);
  const auto place = [&](std::vector<std::int64_t>& side, std::int64_t rows, std::int64_t group, std::int64_t row,
                         std::int64_t k,
                         std::int64_t element) { side[at((group * rows + row) * out.length() + k)] = element; };
  for_each_mac(shape, [&](const Mac& mac) {
    const std::int64_t group_oc = mac.oc - mac.group * oc;
    if (forward) {
      place(out.left, out.rows, mac.group, mac.out_pixel, mac.tap * out.period + mac.c, mac.input);
    } else if (weights) {
      place(out.right, out.columns, mac.group, mac.tap * ic + mac.c, mac.out_pixel, mac.input);
    } else {
      place(out.left, out.rows, mac.group, mac.in_pixel, mac.tap * out.period + group_oc, mac.output);
    }
  });
  for (std::int64_t o = 0; o < shape.oc; ++o) {
    for (std::int64_t tap = 0; tap < taps && !weights; ++tap) {
      for (std::int64_t c = 0; c < ic; ++c) {
        const std::int64_t element = (o * taps + tap) * ic + c;
        place(out.right, out.columns, o / oc, forward ? o % oc : c, tap * out.period + (forward ? c : o % oc), element);
      }
    }
    for (std::int64_t pixel = 0; pixel < out_pixels && weights; ++pixel) {
      place(out.left, out.rows, o / oc, o % oc, pixel, pixel * shape.oc + o);
    }
  }
  for (std::int64_t g = 0; g < out.groups; ++g) {
    for (std::int64_t row = 0; row < out.rows; ++row) {
      for (std::int64_t column = 0; column < out.columns; ++column) {
        const std::int64_t element = forward   ? row * shape.oc + g * oc + column
                                     : weights ? (g * oc + row) * taps * ic + column
                                               : row * shape.ic + g * ic + column;
        out.result[at((g * out.rows + row) * out.columns + column)] = element;
      }
    }
  }
  return out;
}

Converted convert_block(const Dfp& dfp, const std::vector<float>& x,
                        const std::function<std::uint32_t(std::size_t)>& word) {
  float absmax = 0;
  for (const float value : x) {
    absmax = std::fabs(value) > absmax ? std::fabs(value) : absmax;
  }
  const double limit = std::ldexp(1.0, dfp.bits - 1 - dfp.headroom);
  Converted out;
  out.exponent = (absmax == 0 ? -149 : std::ilogb(absmax)) - (dfp.bits - 2) + dfp.headroom;
  const auto rounded = [&](std::size_t i) {
    return round_quotient(std::ldexp(static_cast<double>(x[i]), -out.exponent), dfp,
                          dfp.mode == Mode::stochastic ? word(i) : 0);
  };
  if (dfp.top == Top::bump) {
    bool bump = dfp.mode == Mode::stochastic && std::ldexp(static_cast<double>(absmax), -out.exponent) > limit - 1;
    for (std::size_t i = 0; i < x.size() && dfp.mode != Mode::stochastic; ++i) {
      bump = bump || std::fabs(rounded(i)) >= limit;
    }
    out.exponent += bump ? 1 : 0;
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    out.codes.push_back(top_code(rounded(i), dfp));
  }
  return out;
}

void for_each_block(const Shape& shape, Product product, bool left, const Blocks& blocks, bool even,
                    const std::vector<float>& tensor, const VisitBlock& visit) {
  const Implicit matrix = implicit(shape, product, even);
  const std::vector<std::int64_t>& side = left ? matrix.left : matrix.right;
  const bool patches = product == Product::weight_gradient && !left;
  const std::int64_t pixels = shape.n * shape.out_h() * shape.out_w();
  const std::int64_t length = matrix.length();
  for (std::int64_t start = 0; start < static_cast<std::int64_t>(side.size()); start += length) {
    for (std::int64_t k = 0; k < length;) {
      const Chunk chunk = blocks.by_channel ? Chunk{0, length} : chunk_of(matrix, blocks.size, k);
      std::vector<float> x;
      std::vector<std::uint64_t> draws;
      for (std::int64_t i = chunk.begin; i < chunk.end; ++i) {
        const std::int64_t element = side[at(start + i)];
        x.push_back(element < 0 ? 0 : tensor[at(element)]);
        draws.push_back(static_cast<std::uint64_t>(patches && !blocks.by_channel ? start / length * pixels + i
                                                   : element < 0                 ? 0
                                                                                 : element));
      }
      if (patches && blocks.by_channel) {
        const std::int64_t group_ic = shape.ic / shape.groups;
        const std::int64_t row = start / length;
        const std::int64_t channel = row / matrix.columns * group_ic + row % matrix.columns % group_ic;
        for (std::size_t i = 0; i < tensor.size(); ++i) {
          if (tensor_channel(shape, static_cast<std::int64_t>(i)) == channel) {
            x.push_back(tensor[i]);
            draws.push_back(i);
          }
        }
      }
      visit(start + chunk.begin, chunk.end - chunk.begin, x, draws);
      k = chunk.end;
    }
  }
}

ConvertedSide convert_side(const Shape& shape, Product product, bool left, const Blocks& blocks, const Dfp& dfp,
                           const std::vector<float>& tensor, const std::function<std::uint32_t(std::uint64_t)>& word) {
  const Implicit matrix = implicit(shape, product, true);
  const std::size_t size = (left ? matrix.left : matrix.right).size();
  ConvertedSide out{std::vector<std::int32_t>(size), std::vector<int>(size)};
  for_each_block(shape, product, left, blocks, true, tensor,
                 [&](std::int64_t place, std::int64_t count, const std::vector<float>& x,
                     const std::vector<std::uint64_t>& draws) {
                   const Converted block = convert_block(dfp, x, [&](std::size_t i) { return word(draws[i]); });
                   for (std::int64_t i = 0; i < count; ++i) {
                     out.codes[at(place + i)] = block.codes[at(i)];
                     out.exponents[at(place + i)] = block.exponent;
                   }
                 });
  return out;
}

}  // namespace oracle
