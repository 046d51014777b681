// BatchReader: the same batches as direct reading, for any workers; errors, early ends.
#include "sim/data/batch_reader.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>

#include "formats/error.hpp"

namespace precsim::data {
namespace {

/// Image i of epoch e has the values 1000 * e + 10 * i + p and the label i % 7. Images that should fail do so late in
/// reverse order, so that later ones fail first.
class Numbers final : public Dataset {
 public:
  explicit Numbers(std::vector<std::int64_t> failing = {}) : failing_(std::move(failing)) {}
  ImageShape shape() const override { return {1, 3, 1}; }
  int classes() const override { return 7; }
  std::int64_t size() const override { return 1000; }
  std::string checksum() const override { return "0123456789abcdef"; }
  void read(std::span<const std::int64_t> indices, std::uint32_t epoch, std::span<float> images,
            std::span<std::int32_t> labels) const override {
    for (std::size_t i = 0; i < indices.size(); ++i) {
      for (const std::int64_t bad : failing_) {
        if (indices[i] == bad) {
          std::this_thread::sleep_for(std::chrono::milliseconds(bad < 50 ? 20 : 1));
          throw std::runtime_error("image " + std::to_string(bad));
        }
      }
      for (std::size_t p = 0; p < 3; ++p) {
        images[3 * i + p] =
            static_cast<float>(1000 * epoch) + static_cast<float>(10 * indices[i]) + static_cast<float>(p);
      }
      labels[i] = static_cast<std::int32_t>(indices[i] % 7);
      ++reads;
    }
  }
  mutable std::atomic<int> reads = 0;

 private:
  std::vector<std::int64_t> failing_;
};

/// Batches of growing and falling sizes, of two epochs.
std::vector<BatchRequest> requests() {
  std::vector<BatchRequest> list;
  std::int64_t next = 0;
  for (const int size : {1, 40, 7, 100, 2, 64, 64, 64}) {
    BatchRequest request{std::vector<std::int64_t>(static_cast<std::size_t>(size)), next > 100 ? 1u : 0u};
    std::iota(request.indices.rbegin(), request.indices.rend(), next);
    next += size;
    list.push_back(request);
  }
  return list;
}

BatchReader::Plan plan_of(const std::vector<BatchRequest>& list, int& asked) {
  return [&list, &asked]() -> std::optional<BatchRequest> {
    const auto at = static_cast<std::size_t>(asked++);
    return at < list.size() ? std::optional(list[at]) : std::nullopt;
  };
}

TEST(BatchReader, gives_what_direct_reading_gives) {
  const Numbers set;
  const std::vector<BatchRequest> list = requests();
  for (const int workers : {0, 1, 2, 3, 8}) {
    int asked = 0;
    BatchReader reader(set, workers, plan_of(list, asked));
    EXPECT_EQ(asked, 1) << "one batch ahead, no more";
    for (const BatchRequest& request : list) {
      const std::size_t count = request.indices.size();
      std::vector<float> images(3 * count, -1), expected(3 * count);
      std::vector<std::int32_t> labels(count, -1), expected_labels(count);
      reader.next(images, labels);
      set.read(request.indices, request.epoch, expected, expected_labels);
      ASSERT_EQ(images, expected) << workers;
      ASSERT_EQ(labels, expected_labels) << workers;
    }
    EXPECT_EQ(asked, static_cast<int>(list.size()) + 1);
    std::vector<float> none;
    std::vector<std::int32_t> none_either;
    EXPECT_THROW(reader.next(none, none_either), CheckError);
  }
}

TEST(BatchReader, reads_ahead) {
  const Numbers set;
  const std::vector<BatchRequest> list = requests();
  int asked = 0;
  const BatchReader reader(set, 2, plan_of(list, asked));
  for (int waited = 0; set.reads == 0 && waited < 10000; ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(set.reads, 1) << "the first batch is one image";
}

TEST(BatchReader, tells_the_first_error_of_a_batch) {
  const Numbers set({3, 41, 77, 99});
  std::vector<BatchRequest> list(2);
  list[0].indices = {0, 1, 2};
  list[1].indices.resize(100);
  std::iota(list[1].indices.begin(), list[1].indices.end(), 0);
  for (const int workers : {0, 1, 4}) {
    int asked = 0;
    BatchReader reader(set, workers, plan_of(list, asked));
    std::vector<float> images(9);
    std::vector<std::int32_t> labels(3);
    reader.next(images, labels);
    images.resize(300);
    labels.resize(100);
    try {
      reader.next(images, labels);
      FAIL() << "no error";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "image 3") << workers;
    }
  }
}

TEST(BatchReader, ends_cleanly_with_work_left) {
  const Numbers set;
  BatchRequest large;
  large.indices.assign(1000, 5);
  const std::vector<BatchRequest> list(3, large);
  for (int round = 0; round < 50; ++round) {
    int asked = 0;
    BatchReader reader(set, 3, plan_of(list, asked));
    if (round % 2 == 0) {
      std::vector<float> images(3000);
      std::vector<std::int32_t> labels(1000);
      reader.next(images, labels);
      EXPECT_EQ(images[0], 50.0f);
    }
  }
}

}  // namespace
}  // namespace precsim::data
