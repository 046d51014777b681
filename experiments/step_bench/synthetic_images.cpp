// Synthetic images.
#include "experiments/step_bench/synthetic_images.hpp"

#include <algorithm>

#include "experiments/bench/data.hpp"
#include "formats/hash.hpp"

namespace precsim::step_bench {
namespace {

class SyntheticImages final : public data::Dataset {
 public:
  SyntheticImages(const data::ImageShape& shape, int classes, std::int64_t distinct, std::int64_t count)
      : shape_(shape),
        classes_(classes),
        distinct_(distinct),
        count_(count),
        pixels_(bench::filled_values("normal", distinct * shape.pixels(), 1)) {}

  data::ImageShape shape() const override { return shape_; }
  int classes() const override { return classes_; }
  std::int64_t size() const override { return count_; }

  void read(std::span<const std::int64_t> indices, std::uint32_t, std::span<float> images,
            std::span<std::int32_t> labels) const override {
    float* to = images.data();
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const std::int64_t image = indices[i] % distinct_;
      to = std::copy_n(pixels_.data() + image * shape_.pixels(), shape_.pixels(), to);
      labels[i] = static_cast<std::int32_t>(image % classes_);
    }
  }

  std::string checksum() const override {
    formats::Hash64 hash;
    for (const std::int64_t number : {std::int64_t{shape_.height}, std::int64_t{shape_.width},
                                      std::int64_t{shape_.channels}, std::int64_t{classes_}, distinct_, count_}) {
      hash.integer(static_cast<std::uint64_t>(number));
    }
    return hash.hex();
  }

 private:
  data::ImageShape shape_;
  int classes_;
  std::int64_t distinct_, count_;
  std::vector<float> pixels_;
};

}  // namespace

data::Splits synthetic_images(const data::ImageShape& shape, int classes, std::int64_t distinct, std::int64_t count) {
  return {std::make_shared<SyntheticImages>(shape, classes, distinct, count),
          std::make_shared<SyntheticImages>(shape, classes, 1, 1)};
}

}  // namespace precsim::step_bench
