// Forking, talking and ending; see child_process.hpp.
#include "experiments/tensor_files/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <span>
#include <system_error>

#include "experiments/record/bytes.hpp"
#include "formats/error.hpp"

namespace precsim::tensor_files {
namespace {

constexpr int patience_ms = 120'000;
constexpr std::uint64_t most_message_bytes = std::uint64_t{1} << 30;
constexpr std::size_t head_bytes = 9;
constexpr rlim_t child_memory = rlim_t{1} << 30;

/// Whether all of `bytes` came: false at the end of the stream, on an error, and when nothing came for too long.
bool receive_all(int socket, std::span<char> bytes, int timeout_ms) {
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

/// Its length, whether it is the sentence of an error, the content.
bool send_message(int socket, bool failed, std::string_view content) {
  std::string head;
  record::append_integer(head, content.size(), 8);
  record::append_integer(head, failed ? 1 : 0, 1);
  return send_all(socket, head) && send_all(socket, content);
}

std::optional<ChildProcess::Reply> receive_message(int socket, int timeout_ms) {
  std::string head(head_bytes, '\0');
  if (!receive_all(socket, head, timeout_ms)) return std::nullopt;
  const std::uint64_t size = record::integer_at(head, 8);
  if (size > most_message_bytes) return std::nullopt;
  ChildProcess::Reply message{head.back() != 0, std::string(size, '\0')};
  if (!receive_all(socket, message.content, timeout_ms)) return std::nullopt;
  return message;
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

}  // namespace

bool ChildEnd::next_request(std::string& bytes) const {
  std::optional<ChildProcess::Reply> message = receive_message(socket_, -1);
  if (message) bytes = std::move(message->content);
  return message.has_value();
}

bool ChildEnd::reply(const std::function<std::string()>& answer) const {
  std::string content;
  bool failed = false;
  try {
    content = answer();
  } catch (const std::exception& failure) {
    content = failure.what();
    failed = true;
  }
  return send_message(socket_, failed, content) && !failed;
}

ChildProcess::ChildProcess(const std::function<void(const ChildEnd&)>& life) {
  int ends[2] = {-1, -1};
  const bool connected = ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
  child_ = connected ? ::fork() : -1;
  if (child_ == 0) {
    ::close(ends[0]);
    confine_child();
    life(ChildEnd(ends[1]));
    ::_exit(0);
  }
  const int error = errno;
  socket_ = ends[0];
  if (connected) ::close(ends[1]);
  if (child_ > 0) return;
  if (connected) ::close(socket_);
  throw UserError(fmt::format("cannot start a process for HDF5 files: {}", std::generic_category().message(error)));
}

void ChildProcess::send(std::string_view request) const {
  send_message(socket_, false, request);
}

std::optional<ChildProcess::Reply> ChildProcess::receive() const {
  return receive_message(socket_, patience_ms);
}

bool ChildProcess::end() {
  int status = 0;
  if (child_ <= 0) return false;
  ::shutdown(socket_, SHUT_RDWR);
  ::close(socket_);
  for (int waits = 0; ::waitpid(child_, &status, WNOHANG) == 0; ++waits) {
    if (waits == 20) ::kill(child_, SIGKILL);
    ::usleep(waits < 20 ? 1000 : 10000);
  }
  child_ = -1;
  return WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL;
}

}  // namespace precsim::tensor_files
