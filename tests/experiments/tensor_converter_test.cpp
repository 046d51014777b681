// Tests of streamed conversion: whatever the window, what formats::convert makes of the whole tensor; and of blocks.
#include "experiments/conversion/tensor_converter.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>
#include <vector>

#include "formats/error.hpp"

namespace precsim::conversion {
namespace {

using tensor_files::BlockGrid;
using testing::ElementsAre;
using testing::IsEmpty;

class Tensor : public tensor_files::TensorFile {
 public:
  explicit Tensor(std::vector<std::int64_t> shape)
      : entries_{{"x", std::move(shape), tensor_files::ElementType::float32, "float32"}},
        x_(static_cast<std::size_t>(entries_[0].size())) {
    const formats::RandomBits bits{5, formats::Stream::fill, 0, 0, 0};
    for (std::size_t i = 0; i < x_.size(); ++i) {
      const std::uint32_t word = bits.word(i);
      const int exponent = static_cast<int>(i / 11 % 40) - 149 + (word & 1 ? 140 : 0);  // some blocks of subnormals
      x_[i] = std::ldexp(static_cast<float>(static_cast<std::int16_t>(word >> 16)), exponent - 7);
    }
  }
  const std::vector<tensor_files::TensorEntry>& tensors() const override { return entries_; }
  void read(std::size_t, std::int64_t first, std::span<float> out) override {
    std::copy_n(x_.begin() + first, out.size(), out.begin());
  }
  std::vector<float>& x() { return x_; }

 private:
  std::vector<tensor_files::TensorEntry> entries_;
  std::vector<float> x_;
};

struct Result {
  std::vector<std::uint32_t> values;
  std::vector<std::int16_t> codes, exponents;
  std::uint64_t saturated = 0;

  bool operator==(const Result&) const = default;
};

Result converted(Tensor& tensor, const formats::Conversion& conversion, std::int64_t window) {
  Result result;
  ConverterHooks hooks;
  hooks.piece = [&](const Converted& piece) {
    for (const float value : piece.values) result.values.push_back(std::bit_cast<std::uint32_t>(value));
    result.codes.insert(result.codes.end(), piece.codes.begin(), piece.codes.end());
  };
  hooks.exponents = [&](std::span<const std::int16_t> more) {
    result.exponents.insert(result.exponents.end(), more.begin(), more.end());
  };
  result.saturated = convert_tensor(tensor, 0, conversion, 3, hooks, window).saturated;
  return result;
}

TEST(TensorConverter, GivesTheSameThroughEveryWindow) {
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{7, 3, 45}, {2, 700}, {64}, {90, 1}, {}}) {
    for (const char* name : {"dfp8:block=8", "dfp6:top=bump,block=32", "mxfp8_e4m3", "mxfp4_e2m1:block=4@stochastic",
                             "mxint8:block=16", "dfp12:channel", "dfp8@stochastic", "bf16"}) {
      SCOPED_TRACE(name);
      Tensor tensor(shape);
      const formats::Conversion conversion = formats::parse_conversion(name);
      const std::int64_t row = BlockGrid(shape, conversion.format->blocking()).row();
      const formats::RandomBits bits{3, formats::Stream::rounding, 0, formats::tensor_id("x"), 0};
      const formats::ConvertedArray whole = formats::convert(tensor.x(), row, conversion, bits, "x");
      for (const std::int64_t window : {1, 5, 32, 100, 1 << 18}) {
        const Result result = converted(tensor, conversion, window);
        EXPECT_TRUE(std::ranges::equal(result.values, whole.values, {}, {}, [](float value) {
          return std::bit_cast<std::uint32_t>(value);
        })) << window;
        EXPECT_EQ(result.exponents, whole.exponents) << window;
        EXPECT_EQ(result.saturated, whole.counts.saturated) << window;
        if (!whole.codes.empty()) {
          EXPECT_EQ(result.codes, whole.codes) << window;
        }
      }
    }
  }
}

TEST(TensorConverter, NamesTheElementThatCannotBe) {
  Tensor tensor({40, 50});
  tensor.x()[1234] = NAN;
  for (const std::int64_t window : {10, 64, 1 << 18}) {
    try {
      converted(tensor, formats::parse_conversion("mxfp8_e5m2"), window);
      ADD_FAILURE() << "accepted";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("1234")) << window;
    }
  }
}

TEST(BlockGrid, CutsRowsOfTheLastAxisChannelsOfTheFirst) {
  const std::vector<std::int64_t> shape = {3, 2, 70};
  const BlockGrid blocks(shape, {formats::BlockKind::reduction, 32});
  EXPECT_EQ(blocks.count(), 18);
  EXPECT_EQ(blocks.row(), 70);
  EXPECT_THAT(blocks.exponents_shape(), ElementsAre(3, 2, 3));
  EXPECT_EQ(blocks.at(139).index, 5);
  EXPECT_EQ(blocks.at(139).size, 6);
  const BlockGrid channels(shape, {formats::BlockKind::channel, 0});
  EXPECT_THAT(channels.exponents_shape(), ElementsAre(3));
  EXPECT_EQ(channels.longest(), 140);
  EXPECT_THAT(BlockGrid(shape, {formats::BlockKind::tensor, 0}).exponents_shape(), IsEmpty());
  const std::vector<std::int64_t> empty = {0, 40};
  const BlockGrid nothing(empty, {formats::BlockKind::reduction, 32});
  EXPECT_EQ(nothing.count(), 0);
  EXPECT_THAT(nothing.exponents_shape(), ElementsAre(0, 2));
}

}  // namespace
}  // namespace precsim::conversion
