// Headers of .npy; see npy_header.hpp.
#include "experiments/tensor_files/npy_header.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <map>
#include <vector>

#include "experiments/record/bytes.hpp"
#include "experiments/tensor_files/elements.hpp"
#include "formats/words.hpp"

namespace precsim::tensor_files {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::uint64_t most_header_bytes = std::uint64_t{1} << 20;

/// A malformed header: why.
class Malformed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Takes the top-level values off the literal of a Python dict, without looking into them.
class DictReader {
 public:
  explicit DictReader(std::string_view text) : rest_(text) {}

  std::map<std::string, std::string_view> read() {
    std::map<std::string, std::string_view> values;
    expect('{');
    while (!next_is('}')) {
      const std::string key(unquoted(value()));
      expect(':');
      if (!values.emplace(key, value()).second) throw Malformed(fmt::format("its header has {} twice", key));
      if (!next_is(',')) {
        skip_blanks();
        if (rest_.empty() || rest_.front() != '}') throw Malformed("its header is not a Python dict");
      }
    }
    skip_blanks();
    if (!rest_.empty()) throw Malformed("its header goes on behind the dict");
    return values;
  }

  /// The text in a Python string literal without escapes.
  static std::string_view unquoted(std::string_view literal) {
    const bool quoted = literal.size() >= 2 && (literal.front() == '\'' || literal.front() == '"') &&
                        literal.back() == literal.front() && literal.find('\\') == std::string_view::npos;
    if (!quoted) throw Malformed(fmt::format("its header has {} where a text belongs", formats::quote(literal)));
    return literal.substr(1, literal.size() - 2);
  }

 private:
  void skip_blanks() {
    const std::size_t blanks = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(std::min(blanks, rest_.size()));
  }
  bool next_is(char wanted) {
    skip_blanks();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char wanted) {
    if (!next_is(wanted)) throw Malformed("its header is not a Python dict");
  }

  /// Up to the comma, colon or bracket that ends a value; brackets and strings inside are passed over whole.
  std::string_view value() {
    skip_blanks();
    std::string open;
    std::size_t at = 0;
    for (; at < rest_.size(); ++at) {
      const char c = rest_[at];
      if (c == '\'' || c == '"') {
        at = end_of_string(at);
      } else if (c == '(' || c == '[' || c == '{') {
        open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
      } else if (!open.empty() && c == open.back()) {
        open.pop_back();
      } else if (open.empty() && (c == ',' || c == ':' || c == '}' || c == ')' || c == ']')) {
        break;
      }
    }
    if (at >= rest_.size()) throw Malformed("its header ends in the middle of a value");
    const std::string_view taken = formats::trim(rest_.substr(0, at));
    rest_.remove_prefix(at);
    return taken;
  }

  std::size_t end_of_string(std::size_t at) const {
    const char quote = rest_[at];
    for (++at; at < rest_.size() && rest_[at] != quote; ++at) {
      if (rest_[at] == '\\') ++at;
    }
    return at;
  }

  std::string_view rest_;
};

std::int64_t parse_extent(std::string_view text) {
  if (text.ends_with('L')) text.remove_suffix(1);  // as Python 2 wrote them
  std::int64_t extent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), extent);
  if (error != std::errc() || end != text.data() + text.size() || extent < 0) {
    throw Malformed(fmt::format("its shape has the extent {}", formats::quote(text)));
  }
  return extent;
}

std::vector<std::int64_t> parse_shape(std::string_view text) {
  if (!text.starts_with('(') || !text.ends_with(')')) {
    throw Malformed(fmt::format("its shape is {}", formats::quote(text)));
  }
  text = formats::trim(text.substr(1, text.size() - 2));
  std::vector<std::int64_t> shape;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    shape.push_back(parse_extent(formats::trim(text.substr(0, comma))));
    text = formats::trim(text.substr(std::min(comma + 1, text.size())));
  }
  return shape;
}

struct DescrRow {
  std::string_view kind;
  ElementType type;
};
constexpr DescrRow float_descrs[] = {{"f2", ElementType::float16},
                                     {"f4", ElementType::float32},
                                     {"f8", ElementType::float64},
                                     {"V2", ElementType::bfloat16},
                                     {"f1", ElementType::float8_e5m2}};

/// numpy's name of a type that is not read here, as far as its letter tells.
std::string other_name(char kind, std::size_t width) {
  switch (kind) {
    case 'b':
      return "bool";
    case 'i':
      return fmt::format("int{}", 8 * width);
    case 'u':
      return fmt::format("uint{}", 8 * width);
    case 'f':
      return fmt::format("float{}", 8 * width);
    case 'c':
      return fmt::format("complex{}", 8 * width);
    default:
      return {};
  }
}

void parse_descr(std::string_view literal, NpyHeader& header) {
  TensorEntry& entry = header.tensor.entry;
  if (literal.starts_with('[') || literal.starts_with('(')) {
    entry.type_text = "structure";
    return;
  }
  const std::string_view descr = DictReader::unquoted(literal);
  const bool ordered = !descr.empty() && std::string_view("<>|=").find(descr.front()) != std::string_view::npos;
  const std::string_view kind = descr.substr(ordered ? 1 : 0);
  entry.type_text = fmt::format("numpy {}", formats::quote(descr));
  header.pickled = kind.starts_with('O');
  std::size_t width = 0;
  const auto [end, error] =
      std::from_chars(kind.data() + std::min<std::size_t>(1, kind.size()), kind.data() + kind.size(), width);
  if (kind.empty() || error != std::errc() || end != kind.data() + kind.size() || header.pickled) return;
  header.width = kind.front() == 'U' ? 4 * width : width;
  if (width > most_header_bytes) throw Malformed(fmt::format("its type is {}", formats::quote(descr)));
  if (const std::string name = other_name(kind.front(), width); !name.empty()) entry.type_text = name;
  for (const DescrRow& row : float_descrs) {
    // '|V2' are two bytes without a meaning; a type of ml_dtypes has an order of bytes.
    if (row.kind != kind || (kind.front() == 'V' && descr.front() == '|')) continue;
    entry.type = row.type;
    entry.type_text = element_name(row.type);
    header.tensor.big_endian = descr.front() == '>';
  }
}

NpyHeader parse_header(std::string_view text) {
  const std::map<std::string, std::string_view> values = DictReader(text).read();
  for (const char* key : {"descr", "fortran_order", "shape"}) {
    if (!values.contains(key)) throw Malformed(fmt::format("its header has no {}", key));
  }
  if (values.size() != 3) throw Malformed("its header has more keys than descr, fortran_order and shape");
  NpyHeader header;
  const std::string_view order = values.at("fortran_order");
  if (order != "True" && order != "False")
    throw Malformed(fmt::format("its fortran_order is {}", formats::quote(order)));
  header.tensor.fortran_order = order == "True";
  header.tensor.entry.shape = parse_shape(values.at("shape"));
  parse_descr(values.at("descr"), header);
  return header;
}

void check_size(const NpyHeader& header, std::uint64_t size) {
  const std::vector<std::int64_t>& shape = header.tensor.entry.shape;
  const std::optional<std::uint64_t> bytes = byte_count(shape, std::max<std::size_t>(header.width, 1));
  if (!bytes) throw Malformed(fmt::format("no array can have the shape ({})", fmt::join(shape, ", ")));
  const std::uint64_t there = size - header.data_offset;
  if (header.width == 0 || *bytes == there) return;
  throw Malformed(fmt::format("the shape ({}) of {} needs {} bytes, and {} follow the header", fmt::join(shape, ", "),
                              header.tensor.entry.type_text, *bytes, there));
}

}  // namespace

NpyHeader read_npy_header(const ReadBytes& read, std::uint64_t size, const std::filesystem::path& file,
                          const std::string& what) {
  try {
    const std::string front = read(0, magic.size() + 6);
    if (!front.starts_with(magic) || front.size() < magic.size() + 4) throw Malformed("it is no .npy array");
    const int version = static_cast<unsigned char>(front[magic.size()]);
    if (version < 1 || version > 3) throw Malformed(fmt::format("its .npy version is {}; valid are 1 to 3", version));
    const int length_bytes = version == 1 ? 2 : 4;
    const std::uint64_t start = magic.size() + 2 + static_cast<std::uint64_t>(length_bytes);
    if (front.size() < start) throw Malformed("it ends within its header");
    const std::uint64_t length = record::integer_at(std::string_view(front).substr(magic.size() + 2), length_bytes);
    if (length > most_header_bytes) throw Malformed(fmt::format("its header claims {} bytes", length));
    if (size < start + length) throw Malformed("it ends within its header");
    NpyHeader header = parse_header(read(start, length));
    header.data_offset = start + length;
    if (!header.pickled) check_size(header, size);
    return header;
  } catch (const Malformed& malformed) {
    refuse(file, what.empty() ? malformed.what() : fmt::format("{}: {}", what, malformed.what()));
  }
}

std::string make_npy_header(std::string_view descr, std::span<const std::int64_t> shape) {
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", descr,
                                 fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  constexpr std::size_t before = magic.size() + 4;
  text.resize((before + text.size() + 1 + 63) / 64 * 64 - before - 1, ' ');
  std::string header(magic);
  header += {'\1', '\0'};
  record::append_integer(header, text.size() + 1, 2);
  return header + text + '\n';
}

}  // namespace precsim::tensor_files
