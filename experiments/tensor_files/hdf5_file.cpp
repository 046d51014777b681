// Reader of HDF5 in a process of its own, because HDF5 1.10 itself crashes on some damaged files: the child lists the
// datasets and serves their bytes over a socket; its death becomes a sentence.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "experiments/record/bytes.hpp"
#include "experiments/tensor_files/elements.hpp"
#include "experiments/tensor_files/hdf5_datasets.hpp"
#include "formats/error.hpp"

namespace precsim::tensor_files {
namespace {

constexpr int patience_ms = 120'000;
constexpr std::uint64_t most_reply_bytes = std::uint64_t{1} << 30;
constexpr std::uint64_t piece_bytes = std::uint64_t{1} << 20;
constexpr std::uint64_t request_bytes = 3 * 8;
constexpr rlim_t child_memory = rlim_t{1} << 30;

/// Whether all of `bytes` came: false at the end of the stream, on an error, and when nothing came for too long.
bool receive(int socket, std::span<std::byte> bytes, int timeout_ms) {
  while (!bytes.empty()) {
    pollfd waiting{socket, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t got = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

/// A reply: its length, whether it is the sentence of an error (1) or what was asked for (0), the content.
bool reply(int socket, bool error, std::string_view content) {
  std::string head;
  record::append_integer(head, content.size(), 8);
  record::append_integer(head, error ? 1 : 0, 1);
  return send_all(socket, head) && send_all(socket, content);
}

std::string encode_listing(const std::vector<StoredTensor>& tensors) {
  std::string bytes;
  for (const StoredTensor& tensor : tensors) {
    record::append_text(bytes, tensor.entry.name);
    record::append_text(bytes, tensor.entry.type_text);
    record::append_integer(bytes, static_cast<std::uint64_t>(tensor.entry.type), 1);
    record::append_integer(bytes, tensor.big_endian ? 1 : 0, 1);
    record::append_integer(bytes, tensor.entry.shape.size(), 1);
    for (const std::int64_t extent : tensor.entry.shape) {
      record::append_integer(bytes, static_cast<std::uint64_t>(extent), 8);
    }
  }
  return bytes;
}

/// What a crashed child may have sent is believed no more than a file.
std::vector<StoredTensor> decode_listing(std::string_view bytes, const std::filesystem::path& file) {
  record::ByteReader reader(bytes, file.string());
  std::vector<StoredTensor> tensors;
  while (!reader.at_end()) {
    StoredTensor& tensor = tensors.emplace_back();
    tensor.entry.name = reader.text();
    tensor.entry.type_text = reader.text();
    tensor.entry.type = static_cast<ElementType>(
        std::min<std::uint64_t>(reader.integer(1), static_cast<std::uint64_t>(ElementType::other)));
    tensor.big_endian = reader.integer(1) != 0;
    tensor.entry.shape.resize(reader.integer(1));
    for (std::int64_t& extent : tensor.entry.shape) extent = static_cast<std::int64_t>(reader.integer(8));
    const std::size_t width = std::max<std::size_t>(element_width(tensor.entry.type), 1);
    if (!byte_count(tensor.entry.shape, width)) reader.damaged("a shape is impossible");
  }
  return tensors;
}

/// Bounds what the child may do: memory beyond what it has now, no core, no words on the terminal, no share in Ctrl-C,
/// and no handler that would report its crash as one of this program.
void confine_child() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const rlim_t memory = pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE)) + child_memory;
  const rlimit most_memory{memory, memory};
  if (pages > 0) ::setrlimit(RLIMIT_AS, &most_memory);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM}) std::signal(signal, SIG_DFL);
  std::signal(SIGINT, SIG_IGN);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) {
    ::dup2(nowhere, STDOUT_FILENO);
    ::dup2(nowhere, STDERR_FILENO);
  }
}

/// Runs `answer`; its reply, or the sentence of its failure.
template <typename Answer>
bool answered(int socket, const Answer& answer) {
  std::string content;
  bool error = false;
  try {
    content = answer();
  } catch (const std::exception& failure) {
    content = failure.what();
    error = true;
  }
  return reply(socket, error, content) && !error;
}

/// The life of the child: the listing, then bytes of tensors until the other end is closed.
void serve(int socket, const std::filesystem::path& file) {
  const record::hdf5::Quiet quiet;
  std::optional<Hdf5Datasets> datasets;
  const bool listed = answered(socket, [&] {
    datasets.emplace(file);
    return encode_listing(datasets->tensors());
  });
  std::array<std::byte, request_bytes> request{};
  while (listed && receive(socket, request, -1)) {
    const std::string_view bytes(reinterpret_cast<const char*>(request.data()), request.size());
    const std::uint64_t tensor = record::integer_at(bytes, 8);
    const std::uint64_t first = record::integer_at(bytes.substr(8), 8);
    const std::uint64_t count = record::integer_at(bytes.substr(16), 8);
    const bool sent = answered(socket, [&] {
      const std::vector<std::byte> elements = datasets->read(tensor, first, count);
      return std::string(reinterpret_cast<const char*>(elements.data()), elements.size());
    });
    if (!sent) break;
  }
}

class Hdf5Store final : public ByteStore {
 public:
  explicit Hdf5Store(std::filesystem::path file) : file_(std::move(file)) {
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) record::throw_io_error("open", file_, errno);
    socket_ = ends[0];
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ends[0]);
      confine_child();
      serve(ends[1], file_);
      ::_exit(0);
    }
    const int error = errno;
    ::close(ends[1]);
    if (child_ < 0) {
      ::close(ends[0]);
      record::throw_io_error("start a process to read", file_, error);
    }
  }
  ~Hdf5Store() override { end_child(); }

  std::vector<StoredTensor> list() {
    std::vector<StoredTensor> tensors = decode_listing(receive_reply(), file_);
    for (const StoredTensor& tensor : tensors) widths_.push_back(element_width(tensor.entry.type));
    return tensors;
  }

  void read(std::size_t tensor, std::uint64_t offset, std::span<std::byte> out) override {
    const std::uint64_t width = widths_.at(tensor);
    while (!out.empty()) {
      const std::uint64_t size = std::min<std::uint64_t>(out.size(), piece_bytes);
      std::string request;
      record::append_integer(request, tensor, 8);
      record::append_integer(request, offset / width, 8);
      record::append_integer(request, size / width, 8);
      if (!send_all(socket_, request)) crashed();
      const std::string bytes = receive_reply();
      if (bytes.size() != size) refuse(file_, "HDF5 gave fewer elements than it had listed");
      std::memcpy(out.data(), bytes.data(), bytes.size());
      offset += size;
      out = out.subspan(size);
    }
  }

 private:
  std::string receive_reply() {
    std::array<std::byte, 9> head{};
    if (!receive(socket_, head, patience_ms)) crashed();
    const std::string_view head_bytes(reinterpret_cast<const char*>(head.data()), head.size());
    const std::uint64_t size = record::integer_at(head_bytes, 8);
    if (size > most_reply_bytes) crashed();
    std::string content(size, '\0');
    if (!receive(socket_, std::as_writable_bytes(std::span(content)), patience_ms)) crashed();
    if (head_bytes[8] != 0) refuse(file_, content);
    return content;
  }

  [[noreturn]] void crashed() {
    const int status = end_child();
    refuse(file_, WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL
                      ? "it is damaged: HDF5 crashed in reading it"
                      : "the process that reads it was ended, or did not answer for two minutes");
  }

  /// Ends the child, which has nothing to lose, and returns how it ended.
  int end_child() {
    int status = 0;
    if (child_ <= 0) return status;
    ::shutdown(socket_, SHUT_RDWR);
    ::close(socket_);
    socket_ = -1;
    for (int waits = 0; ::waitpid(child_, &status, WNOHANG) == 0; ++waits) {
      if (waits == 20) ::kill(child_, SIGKILL);
      ::usleep(waits < 20 ? 1000 : 10000);
    }
    child_ = -1;
    return status;
  }

  std::filesystem::path file_;
  int socket_ = -1;
  pid_t child_ = -1;
  std::vector<std::uint64_t> widths_;
};

}  // namespace

std::unique_ptr<TensorFile> open_hdf5(const std::filesystem::path& file, record::FileDescriptor) {
  auto store = std::make_unique<Hdf5Store>(file);
  std::vector<StoredTensor> tensors = store->list();
  std::vector<std::string> names;
  for (const StoredTensor& tensor : tensors) names.push_back(tensor.entry.name);
  check_names(file, names);
  return make_tensor_file(file, std::move(tensors), std::move(store));
}

}  // namespace precsim::tensor_files
