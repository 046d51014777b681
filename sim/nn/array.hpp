// Memory of one tensor: a fixed number of elements on its own cache lines, without initialization.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <memory_resource>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace precsim::nn {

/// Like a vector that never grows and does not initialize what it allocates. Copies take the default memory.
template <class T>
class Array {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  using value_type = T;
  static constexpr std::size_t alignment = 64;

  Array() = default;
  explicit Array(std::int64_t size, std::pmr::memory_resource* memory = std::pmr::new_delete_resource())
      : memory_(memory), size_(static_cast<std::size_t>(size)) {
    data_ = size_ == 0 ? nullptr : static_cast<T*>(memory_->allocate(size_ * sizeof(T), alignment));
  }
  Array(std::span<const T> elements) : Array(static_cast<std::int64_t>(elements.size())) {  // NOLINT: a copy
    std::copy(elements.begin(), elements.end(), data_);
  }
  Array(const std::vector<T>& elements) : Array(std::span<const T>(elements)) {}  // NOLINT: a copy
  Array(std::initializer_list<T> elements) : Array(std::span<const T>(elements)) {}
  Array(const Array& other) : Array(std::span<const T>(other)) {}
  Array(Array&& other) noexcept { swap(other); }
  Array& operator=(Array other) noexcept {
    swap(other);
    return *this;
  }
  ~Array() {
    if (data_ != nullptr) {
      memory_->deallocate(data_, size_ * sizeof(T), alignment);
    }
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  void fill(T value) { std::fill(begin(), end(), value); }

  friend bool operator==(const Array& a, const Array& b) { return std::ranges::equal(a, b); }
  friend bool operator==(const Array& a, const std::vector<T>& b) { return std::ranges::equal(a, b); }

 private:
  void swap(Array& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  std::pmr::memory_resource* memory_ = nullptr;
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace precsim::nn
