// JPEG through libjpeg-turbo. Its errors leave by longjmp, so functions that call setjmp own nothing.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// jpeglib.h needs the two above.
#include <jerror.h>
#include <jpeglib.h>

#include <array>
#include <string>

#include "sim/data/picture.hpp"

#ifndef LIBJPEG_TURBO_VERSION
#error "libjpeg-turbo is needed: other libraries of the same interface give other pixels"
#endif

namespace precsim::data {
namespace {

constexpr int most_scans = 500;
constexpr std::size_t cmyk_samples = 4;

/// One file. `jump` is where an error goes, with `message` set.
struct Session {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump{};
  std::array<char, JMSG_LENGTH_MAX> message{};
  std::vector<std::uint8_t> row;  // of CMYK

  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { jpeg_destroy_decompress(&info); }
};

[[noreturn]] void leave(j_common_ptr info) {
  auto* session = static_cast<Session*>(info->client_data);
  (*info->err->format_message)(info, session->message.data());
  std::longjmp(session->jump, 1);
}

bool harmless(int warning) {
  return warning == JWRN_EXTRANEOUS_DATA || warning == JWRN_ADOBE_XFORM || warning == JWRN_JFIF_MAJOR ||
         warning == JWRN_BOGUS_PROGRESSION;
}

/// Warnings have the level -1.
void warn(j_common_ptr info, int level) {
  if (level < 0 && !harmless(info->err->msg_code)) {
    leave(info);
  }
}

void stay_silent(j_common_ptr /*info*/) {}

void count_scans(j_common_ptr info) {
  auto* session = static_cast<Session*>(info->client_data);
  if (session->info.input_scan_number > most_scans) {
    std::snprintf(session->message.data(), session->message.size(), "it has more than %d scans", most_scans);
    std::longjmp(session->jump, 1);
  }
}

/// These three return false after an error.
bool read_header(Session& session, std::span<const std::uint8_t> bytes) {
  if (setjmp(session.jump) != 0) {
    return false;
  }
  session.info.err = jpeg_std_error(&session.errors);
  session.errors.error_exit = leave;
  session.errors.emit_message = warn;
  session.errors.output_message = stay_silent;
  session.info.client_data = &session;
  jpeg_create_decompress(&session.info);
  session.progress.progress_monitor = count_scans;
  session.info.progress = &session.progress;
  jpeg_mem_src(&session.info, bytes.data(), bytes.size());
  jpeg_read_header(&session.info, TRUE);
  return true;
}

bool start(Session& session) {
  if (setjmp(session.jump) != 0) {
    return false;
  }
  jpeg_decompress_struct& info = session.info;
  const bool four = info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK;
  info.out_color_space = four ? JCS_CMYK : JCS_RGB;
  info.dct_method = JDCT_ISLOW;
  info.do_fancy_upsampling = FALSE;
  info.do_block_smoothing = FALSE;
  jpeg_start_decompress(&info);
  return true;
}

/// Grows by whole rows, so that a file that ends early takes no more memory than it fills.
std::uint8_t* another_row(const Session& session, Picture& picture) {
  const std::size_t row = std::size_t{session.info.output_width} * 3;
  picture.rgb.resize(picture.rgb.size() + row);
  return picture.rgb.data() + picture.rgb.size() - row;
}

void cmyk_to_rgb(const Session& session, std::uint8_t* rgb) {
  const unsigned flip = session.info.saw_Adobe_marker != 0 ? 0 : 255;
  for (std::size_t x = 0; x < session.info.output_width; ++x) {
    const std::uint8_t* in = session.row.data() + x * cmyk_samples;
    const unsigned k = in[3] ^ flip;
    for (std::size_t c = 0; c < 3; ++c) {
      rgb[3 * x + c] = static_cast<std::uint8_t>(((in[c] ^ flip) * k + 127) / 255);
    }
  }
}

bool read_rows(Session& session, Picture& picture) {
  if (setjmp(session.jump) != 0) {
    return false;
  }
  while (session.info.output_scanline < session.info.output_height) {
    std::uint8_t* const rgb = another_row(session, picture);
    const bool four = session.info.out_color_space == JCS_CMYK;
    std::uint8_t* row = four ? session.row.data() : rgb;
    jpeg_read_scanlines(&session.info, &row, 1);
    if (four) {
      cmyk_to_rgb(session, rgb);
    }
  }
  jpeg_finish_decompress(&session.info);
  return true;
}

}  // namespace

Picture decode_jpeg(std::span<const std::uint8_t> bytes, std::int64_t most_pixels) {
  Session session;
  const auto check = [&session](bool good) {
    if (!good) {
      throw ImageError(session.message.data());
    }
  };
  check(read_header(session, bytes));
  check_picture_size(session.info.image_height, session.info.image_width, most_pixels);
  check(start(session));
  Picture picture{static_cast<int>(session.info.output_height), static_cast<int>(session.info.output_width), {}};
  session.row.resize(session.info.output_width * cmyk_samples);
  check(read_rows(session, picture));
  return picture;
}

}  // namespace precsim::data
