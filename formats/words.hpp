// Words for error sentences and help: quoting, wrapping, and the nearest valid name.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace precsim::formats {

/// `text` in single quotes, fit for a terminal: control bytes as \xNN, at most 60 bytes, then "...".
std::string quote(std::string_view text);

/// Without blanks and tabs at both ends.
std::string_view trim(std::string_view text);

/// "a, b and c".
std::string join(std::span<const std::string_view> names);

/// `text` broken at blanks into lines of at most `width` bytes (a longer word stands alone), each begun with `prefix`
/// (counted) and ended with a newline.
std::string wrap(std::string_view text, std::size_t width, std::string_view prefix);

/// Edits (insert, delete, replace, swap of neighbors; case ignored) that turn one text into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The name a misspelled `text` most likely means, the first among equals; empty when none is near (more than a third
/// of its characters, at least two, would change) or when `text` is longer than 64 bytes. A name that begins with the
/// text, of three or more characters, is nearer than one edit. Where no name
/// is near as a whole, the last components of dotted names decide: "lr" and "train.lr" mean "optimizer.lr".
std::string_view nearest(std::string_view text, std::span<const std::string_view> names);

/// " (the nearest is 'x')", or nothing when no name is near.
std::string hint(std::string_view text, std::span<const std::string_view> names);

}  // namespace precsim::formats
