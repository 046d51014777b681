// PNG through libpng. Its errors leave by longjmp, so functions that call setjmp own nothing.
#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <new>
#include <string>

#include "sim/data/picture.hpp"

namespace precsim::data {
namespace {

constexpr png_alloc_size_t most_chunk_bytes = 8'000'000;

/// One file; after an error `message` is set.
struct Session {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::uint8_t> rest;
  std::array<char, 200> message{};

  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void leave(png_structp png, png_const_charp message) {
  auto* session = static_cast<Session*>(png_get_error_ptr(png));
  std::snprintf(session->message.data(), session->message.size(), "%s", message);
  png_longjmp(png, 1);
}

void stay_silent(png_structp /*png*/, png_const_charp /*message*/) {}

void give_bytes(png_structp png, png_bytep out, std::size_t size) {
  auto* session = static_cast<Session*>(png_get_io_ptr(png));
  if (session->rest.size() < size) {
    png_error(png, "the file ends early");
  }
  std::copy_n(session->rest.begin(), size, out);
  session->rest = session->rest.subspan(size);
}

/// These two return false after an error.
bool read_header(Session& session) {
  if (setjmp(png_jmpbuf(session.png)) != 0) {
    return false;
  }
  png_set_read_fn(session.png, &session, give_bytes);
  png_set_chunk_malloc_max(session.png, most_chunk_bytes);
  png_read_info(session.png, session.info);
  return true;
}

/// Grows by rows where all come in one pass, so that a file that ends early takes no more memory than it fills.
std::uint8_t* row_at(Picture& picture, int y, int passes) {
  const std::size_t row = static_cast<std::size_t>(picture.width) * 3;
  const std::size_t rows = static_cast<std::size_t>(passes == 1 ? y + 1 : picture.height);
  picture.rgb.resize(std::max(picture.rgb.size(), rows * row));
  return picture.rgb.data() + static_cast<std::size_t>(y) * row;
}

bool read_rows(Session& session, Picture& picture) {
  if (setjmp(png_jmpbuf(session.png)) != 0) {
    return false;
  }
  png_set_expand(session.png);
  png_set_scale_16(session.png);
  png_set_strip_alpha(session.png);
  png_set_gray_to_rgb(session.png);
  const int passes = png_set_interlace_handling(session.png);
  png_read_update_info(session.png, session.info);
  if (png_get_rowbytes(session.png, session.info) != static_cast<std::size_t>(picture.width) * 3) {
    png_error(session.png, "its pixels cannot be made RGB");
  }
  for (int pass = 0; pass < passes; ++pass) {
    for (int y = 0; y < picture.height; ++y) {
      png_read_row(session.png, row_at(picture, y, passes), nullptr);
    }
  }
  png_read_end(session.png, nullptr);
  return true;
}

}  // namespace

Picture decode_png(std::span<const std::uint8_t> bytes, std::int64_t most_pixels) {
  Session session;
  session.rest = bytes;
  session.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &session, leave, stay_silent);
  session.info = session.png == nullptr ? nullptr : png_create_info_struct(session.png);
  if (session.info == nullptr) {
    throw std::bad_alloc();
  }
  const auto check = [&session](bool good) {
    if (!good) {
      throw ImageError(session.message.data());
    }
  };
  check(read_header(session));
  const std::int64_t height = png_get_image_height(session.png, session.info);
  const std::int64_t width = png_get_image_width(session.png, session.info);
  check_picture_size(height, width, most_pixels);
  Picture picture{static_cast<int>(height), static_cast<int>(width), {}};
  check(read_rows(session, picture));
  return picture;
}

}  // namespace precsim::data
