// Index maps of the three products of a convolution.
#include "sim/kernels/conv_shape.hpp"

#include <fmt/format.h>

#include <utility>

#include "formats/error.hpp"

namespace precsim::kernels {
namespace {

struct Pixel {
  std::int64_t n, y, x;
};

Pixel pixel_of(std::int64_t index, std::int64_t height, std::int64_t width) {
  return {index / (height * width), index / width % height, index % width};
}

/// Channel c of the input pixel that output pixel `out` sees through tap (r, s), or -1 in the padding.
std::int64_t input_element(const ConvShape& shape, const Pixel& out, std::int64_t r, std::int64_t s, std::int64_t c) {
  const std::int64_t y = out.y * shape.stride - shape.pad + r;
  const std::int64_t x = out.x * shape.stride - shape.pad + s;
  if (y < 0 || y >= shape.h || x < 0 || x >= shape.w) {
    return -1;
  }
  return ((out.n * shape.h + y) * shape.w + x) * shape.ic + c;
}

/// Channel c of the output pixel that saw input pixel `in` through tap (r, s), or -1 if none did.
std::int64_t error_element(const ConvShape& shape, const Pixel& in, std::int64_t r, std::int64_t s, std::int64_t c) {
  const std::int64_t y = in.y + shape.pad - r;
  const std::int64_t x = in.x + shape.pad - s;
  if (y < 0 || x < 0 || y % shape.stride != 0 || x % shape.stride != 0 || y / shape.stride >= shape.out_h() ||
      x / shape.stride >= shape.out_w()) {
    return -1;
  }
  return ((in.n * shape.out_h() + y / shape.stride) * shape.out_w() + x / shape.stride) * shape.oc + c;
}

std::int64_t weight_element(const ConvShape& shape, std::int64_t oc, std::int64_t tap, std::int64_t group_ic) {
  return (oc * shape.kh * shape.kw + tap) * shape.group_ic() + group_ic;
}

}  // namespace

std::string_view name(Pass pass) {
  static constexpr std::array<std::string_view, 3> names{"forward", "input_gradient", "weight_gradient"};
  return names[static_cast<std::size_t>(pass)];
}

void ConvShape::check(std::string_view what) const {
  constexpr std::int64_t most = std::int64_t{1} << 31;
  const std::pair<std::string_view, std::int64_t> sizes[] = {{"n", n},   {"h", h},           {"w", w},
                                                             {"ic", ic}, {"oc", oc},         {"kh", kh},
                                                             {"kw", kw}, {"stride", stride}, {"groups", groups}};
  for (const auto& [field, value] : sizes) {
    if (value < 1 || value > most) {
      throw UserError(fmt::format("{}: {} must be from 1 to 2^31, not {}", what, field, value));
    }
  }
  if (pad < 0 || pad >= kh || pad >= kw) {
    throw UserError(fmt::format("{}: pad must be from 0 to the kernel size less one, not {}", what, pad));
  }
  if (ic % groups != 0 || oc % groups != 0) {
    throw UserError(fmt::format("{}: groups ({}) must divide ic ({}) and oc ({})", what, groups, ic, oc));
  }
  if (h + 2 * pad < kh || w + 2 * pad < kw) {
    throw UserError(fmt::format("{}: the kernel {}x{} does not fit into the padded image {}x{}", what, kh, kw,
                                h + 2 * pad, w + 2 * pad));
  }
  const double limit = 1099511627776.0;
  const auto product = [](std::initializer_list<std::int64_t> factors) {
    double result = 1;
    for (const std::int64_t factor : factors) {
      result *= static_cast<double>(factor);
    }
    return result;
  };
  if (product({n, h, w, ic}) > limit || product({oc, kh, kw, group_ic()}) > limit ||
      product({n, out_h(), out_w(), oc}) > limit) {
    throw UserError(fmt::format("{}: a tensor would have more than 2^40 elements", what));
  }
}

ProductShape product_shape(const ConvShape& shape, Pass pass) {
  switch (pass) {
    case Pass::forward:
      return {shape.groups, shape.n * shape.out_h() * shape.out_w(), shape.group_oc(), shape.kh * shape.kw,
              shape.group_ic()};
    case Pass::input_gradient:
      return {shape.groups, shape.n * shape.h * shape.w, shape.group_ic(), shape.kh * shape.kw, shape.group_oc()};
    case Pass::weight_gradient:
      return {shape.groups, shape.group_oc(), shape.kh * shape.kw * shape.group_ic(), 1,
              shape.n * shape.out_h() * shape.out_w()};
  }
  return {};
}

std::int64_t source_index(const ConvShape& shape, Pass pass, Side side, std::int64_t group, std::int64_t row,
                          std::int64_t tap, std::int64_t channel) {
  const std::int64_t ic0 = group * shape.group_ic();
  const std::int64_t oc0 = group * shape.group_oc();
  switch (pass) {
    case Pass::forward:
      return side == Side::left ? input_element(shape, pixel_of(row, shape.out_h(), shape.out_w()), tap / shape.kw,
                                                tap % shape.kw, ic0 + channel)
                                : weight_element(shape, oc0 + row, tap, channel);
    case Pass::input_gradient:
      return side == Side::left
                 ? error_element(shape, pixel_of(row, shape.h, shape.w), tap / shape.kw, tap % shape.kw, oc0 + channel)
                 : weight_element(shape, oc0 + channel, tap, row);
    case Pass::weight_gradient: {
      if (side == Side::left) {
        return channel * shape.oc + oc0 + row;
      }
      const std::int64_t view_tap = row / shape.group_ic();
      return input_element(shape, pixel_of(channel, shape.out_h(), shape.out_w()), view_tap / shape.kw,
                           view_tap % shape.kw, ic0 + row % shape.group_ic());
    }
  }
  return -1;
}

std::int64_t channel_stride(const ConvShape& shape, Pass pass, Side side) {
  if (pass == Pass::weight_gradient) {
    return shape.oc;
  }
  return pass == Pass::input_gradient && side == Side::right ? shape.kh * shape.kw * shape.group_ic() : 1;
}

std::int64_t result_index(const ConvShape& shape, Pass pass, std::int64_t group, std::int64_t row,
                          std::int64_t column) {
  switch (pass) {
    case Pass::forward:
      return row * shape.oc + group * shape.group_oc() + column;
    case Pass::input_gradient:
      return row * shape.ic + group * shape.group_ic() + column;
    case Pass::weight_gradient:
      return (group * shape.group_oc() + row) * shape.kh * shape.kw * shape.group_ic() + column;
  }
  return -1;
}

ResultPlace result_place(const ConvShape& shape, Pass pass, std::int64_t index) {
  if (pass == Pass::weight_gradient) {
    const std::int64_t columns = shape.kh * shape.kw * shape.group_ic();
    const std::int64_t oc = index / columns;
    return {oc / shape.group_oc(), oc % shape.group_oc(), index % columns};
  }
  const bool forward = pass == Pass::forward;
  const std::int64_t channels = forward ? shape.oc : shape.ic;
  const std::int64_t of_group = forward ? shape.group_oc() : shape.group_ic();
  const std::int64_t channel = index % channels;
  return {channel / of_group, index / channels, channel % of_group};
}

std::array<std::int64_t, 4> result_sizes(const ConvShape& shape, Pass pass) {
  switch (pass) {
    case Pass::forward:
      return {shape.n, shape.out_h(), shape.out_w(), shape.oc};
    case Pass::input_gradient:
      return {shape.n, shape.h, shape.w, shape.ic};
    case Pass::weight_gradient:
      return {shape.oc, shape.kh, shape.kw, shape.group_ic()};
  }
  return {};
}

}  // namespace precsim::kernels
